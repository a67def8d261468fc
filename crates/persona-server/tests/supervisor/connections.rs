//! What a client may not do with a connection.

use std::time::{Duration, Instant};

use crate::common::Server;

/// A client has ten seconds for the head of a request; half and twice of that leave room for a slow machine.
const HEAD_TIME: std::ops::Range<Duration> = Duration::from_secs(5)..Duration::from_secs(20);

/// A body may stand still for five seconds.
const BODY_TIME: std::ops::Range<Duration> = Duration::from_secs(4)..Duration::from_secs(15);

#[test]
fn a_client_that_does_not_finish_the_head_of_its_request_is_cut_off() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let began = Instant::now();
    client.send(b"GET /healthz HTTP/1.1\r\nhost: te").expect("an open connection");
    client.wait_for_close().expect("the end of the connection");
    assert!(HEAD_TIME.contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[test]
fn a_client_that_does_not_finish_the_body_of_its_request_is_told_and_cut_off() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let began = Instant::now();
    let head = b"POST /api/v1/personas HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"na";
    client.send(head).expect("an open connection");
    let reply = client.read_reply().expect("an answer");
    assert_eq!((reply.status, reply.json()["code"].as_str()), (408, Some("body_too_slow")));
    assert!(BODY_TIME.contains(&began.elapsed()), "{:?}", began.elapsed());
    client.wait_for_close().expect("the end of the connection");
}

#[test]
fn a_head_that_is_too_long_or_has_too_many_fields_is_refused_and_the_worker_goes_on() {
    let server = Server::with_workers(1).start();
    let many: Vec<String> = (0..101).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
    let long = "a".repeat(128 * 1024);
    for headers in [many.as_slice(), &[("x-long", long.as_str())]] {
        let reply = server.connect().request("GET", "/healthz", headers, b"").expect("an answer");
        assert_eq!(reply.status, 431);
    }
    assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
}
