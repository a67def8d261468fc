//! Uses of a connection that the server does not accept from a client.

use std::time::{Duration, Instant};

use crate::common::Server;

/// Less than the five seconds for which a body may stand still. There is no upper bound: on a busy
/// machine the answer may come late.
const BODY_TIME_MIN: Duration = Duration::from_secs(4);

#[test]
fn a_client_that_does_not_finish_the_body_of_its_request_is_told_and_cut_off() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let began = Instant::now();
    let head = b"POST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"na";
    client.send(head).expect("an open connection");
    let reply = client.read_reply().expect("an answer");
    assert_eq!((reply.status, reply.json()["code"].as_str()), (408, Some("body_too_slow")));
    assert!(began.elapsed() >= BODY_TIME_MIN, "{:?}", began.elapsed());
    client.wait_for_close().expect("the end of the connection");
}
