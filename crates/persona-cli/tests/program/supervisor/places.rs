//! Which connections stay open when there are more connections than places.

use std::net::{SocketAddr, TcpStream};
use std::thread;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::time::{ClockId, clock_gettime};

use crate::common::tokens::{bearer, create};
use crate::common::{Client, DEADLINE, Reply, Server, wait_for};

/// Places of a worker in these tests.
const PLACES: usize = 16;

/// A server of one worker with few places. It trusts no proxy, so all of 127.0.0.0/8 are ordinary
/// clients.
fn server() -> Server {
    let places = format!("--connections-max={PLACES}");
    Server::with_workers(1).flag(places).flag("--trusted-proxies=none").start()
}

/// A connection from the address 127.0.0.`last`.
fn connect_from(last: u8, server: &Server) -> Client {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from(([127, 0, 0, last], 0))).expect("an address of loopback");
    connect(&socket, &server.address()).expect("the server listens");
    Client::over(TcpStream::from(socket)).expect("a connection")
}

fn get(client: &mut Client) -> Reply {
    client.get("/api/v1/status").expect("an answer")
}

/// So many connections, each of which has sent one request.
fn idle(last: u8, server: &Server, count: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| connect_from(last, server)).collect();
    for client in &mut clients {
        assert_eq!(get(client).status, 200);
    }
    clients
}

/// Waits for the next tick of the clock by which the server tells which connection has been idle
/// for longer.
fn tick() {
    let now = || clock_gettime(ClockId::MonotonicCoarse);
    let before = now();
    while now() == before {
        thread::yield_now();
    }
}

/// How many of these connections the server has closed.
fn closed(clients: &[Client]) -> usize {
    clients.iter().filter(|client| client.is_closed()).count()
}

#[test]
fn a_new_client_gets_in_at_once_and_the_longest_idle_connection_of_the_one_that_holds_most_goes() {
    let server = server();
    let mut modest = idle(2, &server, 2);
    let mut greedy = idle(1, &server, 4);
    tick();
    greedy.extend(idle(1, &server, PLACES - 6));
    for number in 1..=4 {
        let mut client = connect_from(3 + number, &server);
        assert_eq!(get(&mut client).status, 200, "no refusal");
        modest.push(client);
    }
    assert_eq!(closed(&modest), 0);
    wait_for("four connections to close", DEADLINE, || (closed(&greedy) == 4).then_some(()));
    assert_eq!(closed(&greedy[..4]), 4, "the four that have been idle longest");
    assert_eq!(server_metric(&mut modest[0], "persona_connections_evicted_total"), 4);
    // The remaining connections go on.
    assert!(greedy[4..].iter_mut().chain(&mut modest).all(|client| get(client).status == 200));
}

#[test]
fn one_client_cannot_take_more_than_its_share_while_others_want_in() {
    let server = server();
    let others: Vec<Client> = (0..PLACES / 2)
        .flat_map(|number| idle(10 + u8::try_from(number).expect("few"), &server, 1))
        .collect();
    let greedy = idle(1, &server, PLACES / 2);
    // All places are taken, half of them by one client. A further connection of this client takes
    // the place of one of its own.
    let more: Vec<Client> = (0..PLACES).flat_map(|_| idle(1, &server, 1)).collect();
    wait_for("one connection to close for each that came", DEADLINE, || {
        (closed(&greedy) + closed(&more) == PLACES).then_some(())
    });
    assert_eq!(closed(&others), 0);
    // The control: a proxy has no limit of its own, because it comes for many clients.
    let proxied = Server::with_workers(1)
        .flag(format!("--connections-max={PLACES}"))
        .flag("--trusted-proxies=127.0.0.1")
        .start();
    let others = idle(10, &proxied, PLACES / 4);
    let proxy = idle(1, &proxied, PLACES - PLACES / 4);
    assert_eq!(closed(&others) + closed(&proxy), 0);
}

#[test]
fn half_heads_make_room_for_those_that_ask() {
    let server = server();
    let quiet = idle(2, &server, PLACES / 4);
    let mut halves: Vec<Client> =
        (0..PLACES - PLACES / 4).map(|_| connect_from(1, &server)).collect();
    for client in &mut halves {
        // Both are sent in one piece: when the first is answered, half of the second request was
        // read.
        client
            .send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nho")
            .expect("an open connection");
        assert_eq!(client.read_reply().expect("an answer").status, 200);
    }
    for number in 0..PLACES / 4 {
        assert_eq!(get(&mut connect_from(3, &server)).status, 200, "{number}");
        wait_for("the connection to be closed", DEADLINE, || (closed(&halves) > 0).then_some(()));
    }
    assert_eq!(closed(&quiet), 0);
}

/// A request with a body that has begun and does not go on.
const UNFINISHED: &[u8] =
    b"POST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{";
/// The rest of the unfinished body.
const REST: &[u8] = b"\"name\":\"Ada\"}";

/// A connection from this address in the middle of such a body.
fn unfinished(last: u8, server: &Server) -> Client {
    unfinished_with("", last, server)
}

/// The same with these lines in the head.
fn unfinished_with(lines: &str, last: u8, server: &Server) -> Client {
    let mut client = connect_from(last, server);
    let (first, rest) = UNFINISHED.split_at(UNFINISHED.len() - b"\r\n{".len());
    let request = [first, lines.as_bytes(), rest].concat();
    client.send(&request).expect("an open connection");
    client
}

#[test]
fn a_client_that_keeps_every_place_busy_keeps_no_other_client_out() {
    let server = server();
    let mut modest = unfinished(2, &server);
    let mut greedy: Vec<Client> = (1..PLACES).map(|_| unfinished(1, &server)).collect();
    let mut others = Vec::new();
    for number in 0..u8::try_from(PLACES / 2).expect("few") - 1 {
        let mut client = connect_from(10 + number, &server);
        assert_eq!(get(&mut client).status, 200, "{number}");
        others.push(client);
        // A lost connection is opened again at once.
        greedy.push(unfinished(1, &server));
    }
    // The client that was within its share all the time goes on, and so do the newer ones.
    modest.send(REST).expect("an open connection");
    assert_eq!(modest.read_reply().expect("an answer").status, 201);
    assert!(others.iter_mut().all(|client| get(client).status == 200));
    wait_for("one connection to close for each that came", DEADLINE, || {
        (closed(&greedy) >= others.len()).then_some(())
    });
}

/// What a request from an address of its own is answered while requests from as many addresses as
/// there are places wait for their bodies. These lines are in the heads of the crowd, and of the
/// other request.
fn status_beside_a_crowd(server: &Server, of_crowd: &str, of_other: &str) -> u16 {
    let count = u8::try_from(PLACES).expect("few");
    let lines = format!("{of_crowd}expect: 100-continue\r\n");
    let mut crowd: Vec<Client> =
        (0..count).map(|number| unfinished_with(&lines, 10 + number, server)).collect();
    for client in &mut crowd {
        // The server says so when it waits for the body.
        assert_eq!(client.read_reply().expect("an interim answer").status, 100);
    }
    let request = format!("GET /api/v1/personas HTTP/1.1\r\nhost: localhost\r\n{of_other}\r\n");
    let mut other = connect_from(3, server);
    other.send(request.as_bytes()).expect("an open connection");
    other.read_reply().expect("an answer").status
}

#[test]
fn one_token_behind_many_addresses_keeps_no_other_client_out() {
    let (server, open) = (server(), server());
    let [crowd, other] = ["crowd", "other"].map(|name| {
        let secret = create(&server, &[&format!("--name={name}"), "--scope=write"]);
        format!("authorization: {}\r\n", bearer(&secret))
    });
    assert_eq!(status_beside_a_crowd(&server, &crowd, &other), 200);
    // The control: without a token they are as many clients, of which none has more than its share.
    assert_eq!(status_beside_a_crowd(&open, "", ""), 503);
}

#[test]
fn health_is_told_while_every_place_is_taken_by_requests_that_are_being_answered() {
    // Unfinished bodies keep their requests open, so one client may hold all places.
    let places = format!("--connections-max={PLACES}");
    let server = Server::with_workers(1)
        .flag(places)
        .flag("--connections-share=100")
        .flag("--trusted-proxies=none")
        .start();
    let mut busy: Vec<Client> = Vec::new();
    wait_for("all to be busy", DEADLINE, || {
        busy.push(unfinished(1, &server));
        (connect_from(2, &server).get("/metrics").ok()?.status == 503).then_some(())
    });
    assert!(busy.len() >= PLACES, "{}", busy.len());
    // The same beside unfinished heads.
    let halves: Vec<Client> = (0..100)
        .map(|_| {
            let mut client = connect_from(1, &server);
            client.send(b"GET /healthz HTTP/1.1\r\nho").expect("an open connection");
            client
        })
        .collect();
    for path in ["/healthz", "/readyz"] {
        let mut client = connect_from(3, &server);
        let reply = client.get(path).expect("an answer");
        assert_eq!((reply.status, reply.header("connection")), (200, Some("close")), "{path}");
        client.wait_for_close().expect("the place is for one request");
    }
    let reply = connect_from(3, &server).get("/api/v1/personas").expect("an answer");
    assert_eq!((reply.status, reply.json()["code"].as_str()), (503, Some("busy")));
    assert!(reply.header("retry-after").is_some());
    drop((busy, halves));
    wait_for("a place", DEADLINE, || {
        (get(&mut connect_from(3, &server)).status == 200).then_some(())
    });
}

#[test]
fn a_worker_takes_only_connections_that_its_open_files_allow() {
    let server = Server::with_workers(1).open_files(300).start();
    server.wait_for_log("each worker takes");
    // More connections than the server may open files, and no client closes one. Each is served.
    let clients: Vec<Client> = (0..320).flat_map(|_| idle(1, &server, 1)).collect();
    wait_for("most of the connections to be closed", DEADLINE, || {
        (closed(&clients) > 200).then_some(())
    });
    assert_eq!(server.metric("persona_accepts_failed_total"), 0);
}

fn server_metric(client: &mut Client, series: &str) -> u64 {
    let text = String::from_utf8(client.get("/metrics").expect("metrics").body).expect("text");
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
        .expect("the series")
}
