//! 36: bodies that come slowly or never end, beside ordinary writes.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::personas::create;
use crate::common::report::{Form, milliseconds, report};
use crate::common::{Client, DEADLINE, Reply, Server};

const PERSONAS: &str = "/api/v1/personas";
/// The size of the largest body that the server takes.
const BODY_BYTES: usize = 8 * 1024 * 1024;
/// How many bytes of the body a slow client keeps back.
const REST_BYTES: usize = 1000;
/// How often a slow client sends another byte.
const SIP_PAUSE: Duration = Duration::from_millis(500);
/// How many writes other clients make beside each attack.
const WRITES: u32 = 100;

/// How a slow body ended: with this answer, or without one.
type End = io::Result<Reply>;

/// A client that sends nearly all of a body at once, and then a byte at a time, until it is
/// answered.
fn send_slowly(address: SocketAddr, client: &str) -> End {
    let mut connection = Client::connect(address)?;
    let head = format!(
        "POST {PERSONAS} HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: {client}\r\ncontent-type: application/json\r\ncontent-length: {BODY_BYTES}\r\n\r\n"
    );
    connection.send(head.as_bytes())?;
    connection.send(&vec![b' '; BODY_BYTES - REST_BYTES])?;
    connection.wait_up_to(SIP_PAUSE);
    for _ in 0..REST_BYTES / 2 {
        match connection.read_reply() {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                connection.send(b" ")?;
            }
            answered => return answered,
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// Starts so many slow bodies, each from the client that `client_of` names.
fn attack(server: &Server, bodies: u32, client_of: impl Fn(u32) -> String) -> Receiver<End> {
    let (ended, ends) = channel();
    for number in 0..bodies {
        let (ended, address, client) = (ended.clone(), server.address(), client_of(number));
        thread::spawn(move || ended.send(send_slowly(address, &client)));
    }
    ends
}

/// Makes small writes as this client, one after the other. Returns how many were refused, and how
/// long the longest took.
fn write_beside(server: &Server, path: &str, client: &str) -> (usize, Duration) {
    let (mut refused, mut longest) = (0, Duration::ZERO);
    for number in 0..WRITES {
        let begun = Instant::now();
        let change = json!({ "extensions": { "n": number } }).to_string();
        // Each write has a new connection, so that both workers get some.
        let reply = server
            .connect()
            .request("PATCH", path, &[("x-forwarded-for", client)], change.as_bytes())
            .expect("an answer");
        refused += usize::from(reply.status != 200);
        longest = longest.max(begun.elapsed());
    }
    (refused, longest)
}

/// A write with a body of this size.
fn large_write(server: &Server, client: &str, bytes: usize) -> Reply {
    let mut body = vec![b' '; bytes];
    body.extend_from_slice(b"{\"name\":\"large\"}");
    server
        .connect()
        .request("POST", PERSONAS, &[("x-forwarded-for", client)], &body)
        .expect("an answer")
}

/// The outcomes of so many bodies, each of which has to be answered: how many were too slow, and
/// how many met a busy server.
fn answered(ends: &Receiver<End>, bodies: u32) -> (u32, u32) {
    let (mut slow, mut busy) = (0, 0);
    for _ in 0..bodies {
        let reply = ends
            .recv_timeout(2 * DEADLINE)
            .expect("an end")
            .expect("an answer, and not a broken connection");
        match (reply.status, reply.json()["code"].as_str()) {
            (408, Some("body_too_slow")) => slow += 1,
            (503, Some("busy")) => {
                assert!(reply.header("retry-after").is_some(), "{reply:?}");
                busy += 1;
            }
            _ => panic!("{reply:?}"),
        }
    }
    (slow, busy)
}

/// How many of the largest bodies a worker takes from one client at a time.
const OF_ONE_CLIENT: u32 = 2;
const OF_ALL_CLIENTS: u32 = 8;

#[test]
fn small_writes_go_on_beside_slow_bodies_and_every_slow_one_is_told_why() {
    let server = Server::with_workers(2).start();
    let path = create(&mut server.connect(), "small");
    let (bodies, client) = (24, "192.0.2.1");
    let ends = attack(&server, bodies, |_| client.into());
    // All but these bodies are refused early; the rest fill the client's share.
    let early = bodies - 2 * OF_ONE_CLIENT;
    let (slow_early, busy_early) = answered(&ends, early);
    // The writes come from the same client, as behind one address: they are let in only because
    // they are small.
    let (refused, longest) = write_beside(&server, &path, client);
    assert_eq!(refused, 0, "of {WRITES}");
    let (slow, busy) = answered(&ends, bodies - early);
    let (slow, busy) = (slow_early + slow, busy_early + busy);
    assert!(slow > 0, "none was held at all");
    let figures = json!({ "bodies": bodies, "too_slow": slow, "busy": busy, "writes": WRITES, "refused": refused, "longest_ms": milliseconds(longest) });
    report(
        36,
        "slow_bodies",
        Form::Short,
        "0 of 100 small writes refused, every slow body answered",
        &figures,
    );
}

#[test]
fn large_writes_find_room_beside_the_unfinished_bodies_of_one_client() {
    let server = Server::with_workers(2).start();
    let bodies = 16;
    let ends = attack(&server, bodies, |_| "192.0.2.1".into());
    let early = bodies - 2 * OF_ONE_CLIENT;
    answered(&ends, early);
    for _ in 0..8 {
        let reply = large_write(&server, "192.0.2.2", 2 * 1024 * 1024);
        assert_eq!(reply.status, 201, "{reply:?}");
    }
    answered(&ends, bodies - early);
}

#[test]
fn large_writes_find_room_beside_the_unfinished_bodies_of_many_clients() {
    let server = Server::with_workers(1).start();
    let bodies = 12;
    let ends = attack(&server, bodies, |number| format!("192.0.2.{}", number + 1));
    let early = bodies - OF_ALL_CLIENTS;
    answered(&ends, early);
    for _ in 0..8 {
        let reply = large_write(&server, "198.51.100.1", 2 * 1024 * 1024);
        assert_eq!(reply.status, 201, "{reply:?}");
    }
    answered(&ends, bodies - early);
}
