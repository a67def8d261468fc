//! Signals to the server, with the meaning that other servers give them.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::{Client, DEADLINE, Server, signal, wait_for};

/// A longer drain than a test waits for the end of a server ([`DEADLINE`]): a server that ends in
/// time has not waited for the drain.
fn long_drain() -> String {
    format!("--drain-timeout-ms={}", (3 * DEADLINE).as_millis())
}

/// A request with a body that comes later: head and first part, and the rest.
fn request_in_two_parts() -> (Vec<u8>, &'static [u8]) {
    let body = br#"{"name":"Ada"}"#;
    let head = format!(
        "POST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    ([head.as_bytes(), &body[..5]].concat(), &body[5..])
}

/// Begins a request and waits until a worker works on it.
fn begin_request(server: &Server) -> (Client, &'static [u8]) {
    let (first, rest) = request_in_two_parts();
    let mut client = server.connect();
    client.send(&first).expect("an open connection");
    // One of the requests is that for the metrics.
    wait_for("a request in flight", DEADLINE, || {
        (server.metric("persona_http_requests_in_flight") == 2).then_some(())
    });
    (client, rest)
}

#[test]
fn terminate_answers_the_requests_that_are_there_and_then_ends_cleanly() {
    let server = Server::with_workers(2).start();
    let (mut client, rest) = begin_request(&server);
    server.signal(Signal::TERM);
    server.wait_for_log("draining 1 requests");
    wait_for("new connections to be refused", DEADLINE, || {
        Client::connect(server.address()).is_err().then_some(())
    });
    client.send(rest).expect("an open connection");
    let reply = client.read_reply().expect("an answer");
    assert_eq!((reply.status, reply.header("connection")), (201, Some("close")));
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("(clean)"), "{}", ended.stderr);
}

/// How soon after it connects a client has to send its request to be sure of an answer: less than
/// the quarter of a second for which a server that ends keeps idle connections.
const SENT_WITHIN: Duration = Duration::from_millis(150);

/// Sends one request on each new connection until connections are refused. Each request needs an
/// answer, unless this client itself was held up before it could send the request.
fn ask_until_refused(address: SocketAddr) -> io::Result<u64> {
    for answers in 0.. {
        let began = Instant::now();
        let mut client = match Client::connect(address) {
            Ok(client) => client,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(answers),
            Err(error) => return Err(error),
        };
        let sent = client.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let was_held_up = began.elapsed() > SENT_WITHIN;
        match sent.and_then(|()| client.read_reply()) {
            Ok(reply) => assert_eq!(reply.status, 200),
            Err(error) if was_held_up => println!("held up, then {error}"),
            Err(error) => return Err(error),
        }
    }
    unreachable!("more requests than a number can count")
}

#[test]
fn a_connection_that_is_accepted_before_the_end_has_an_answer() {
    let server = Server::with_workers(2).start();
    let address = server.address();
    let clients: Vec<_> =
        (0..8).map(|_| thread::spawn(move || ask_until_refused(address))).collect();
    wait_for("requests", DEADLINE, || {
        (server.metric("persona_connections_total{slot=\"1\"}") > 100).then_some(())
    });
    server.signal(Signal::TERM);
    let answers: Vec<_> =
        clients.into_iter().map(|client| client.join().expect("no panic")).collect();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn a_request_that_does_not_end_is_cut_off_when_the_time_for_draining_is_over() {
    let server = Server::with_workers(1).flag("--drain-timeout-ms=300").start();
    let (_client, _rest) = begin_request(&server);
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("(forced)"), "{}", ended.stderr);
}

#[test]
fn quit_drains_and_the_upgrade_signal_of_other_servers_does_no_harm() {
    let server = Server::with_workers(1).start();
    let (mut client, rest) = begin_request(&server);
    server.signal(Signal::USR2);
    server.wait_for_log("USR2 has no effect here");
    server.processes("worker").iter().chain(&server.processes("maintenance")).for_each(|process| {
        signal(process.pid, Signal::QUIT);
        signal(process.pid, Signal::USR2);
    });
    server.signal(Signal::QUIT);
    server.wait_for_log("draining 1 requests");
    client.send(rest).expect("an open connection");
    assert_eq!(client.read_reply().expect("an answer").status, 201);
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("(clean)"), "{}", ended.stderr);
}

#[test]
fn the_second_interrupt_ends_everything_at_once() {
    let server = Server::with_workers(2).flag(long_drain()).start();
    let (_client, _rest) = begin_request(&server);
    server.signal(Signal::INT);
    server.wait_for_log("draining 1 requests");
    server.signal(Signal::INT);
    let ended = server.wait();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
}

#[test]
fn an_idle_server_stops_at_once_although_a_client_keeps_its_connection() {
    let server = Server::with_workers(2).flag(long_drain()).start();
    let mut client = server.connect();
    client.get("/healthz").expect("an answer");
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("(clean)"), "{}", ended.stderr);
}

#[test]
fn workers_are_added_and_removed_one_by_one_within_the_limits() {
    let server = Server::with_workers(3).start();
    let slots = || server.processes("worker").iter().map(|worker| worker.slot).collect::<Vec<_>>();
    let wait_for_slots =
        |expected: &[u16]| wait_for("workers", DEADLINE, || (slots() == expected).then_some(()));
    server.signal(Signal::TTIN);
    wait_for_slots(&[1, 2, 3, 4]);
    server.signal(Signal::TTIN);
    server.wait_for_log("no worker added");
    assert!(server.log().contains("PostgreSQL"));
    for expected in [&[1, 2, 3][..], &[1, 2], &[1]] {
        server.signal(Signal::TTOU);
        wait_for_slots(expected);
    }
    server.signal(Signal::TTOU);
    server.wait_for_log("no worker removed");
    assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
}

#[test]
fn a_log_file_that_was_moved_away_is_opened_again_by_every_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, moved) = (folder.path().join("persona.log"), folder.path().join("persona.log.1"));
    let server = Server::with_workers(1).flag(format!("--log-file={}", log.display())).start();
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    // A thread of its own writes the log, so this line may come after the server said that it is
    // ready.
    wait_for("the line of the start", DEADLINE, || {
        read(&log).contains("\"message\":\"ready\"").then_some(())
    });
    std::fs::rename(&log, &moved).expect("a log file");
    server.signal(Signal::USR1);
    wait_for("a new log file", DEADLINE, || {
        read(&log).contains("log file opened again").then_some(())
    });
    let files_of = |pid: u32| {
        let links = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a living process");
        links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok()).collect::<Vec<_>>()
    };
    for process in [server.processes("maintenance"), server.processes("worker")].concat() {
        wait_for("the new file in every process", DEADLINE, || {
            let files = files_of(process.pid);
            (files.contains(&log) && !files.contains(&moved)).then_some(())
        });
    }
}
