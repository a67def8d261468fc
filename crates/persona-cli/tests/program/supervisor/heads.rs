//! Heads of requests on the wire: which are refused, and how.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::common::{DEADLINE, Reply, Server, wait_for};

/// The longest head in bytes; the next constant is the most header fields (docs/operations.md,
/// "Limits").
const HEAD_BYTES_MAX: usize = 64 * 1024;
const FIELDS_MAX: usize = 100;

/// Sends bytes on a new connection and reads the only answer; the server has to close the
/// connection after it.
fn refused(server: &Server, bytes: &[u8]) -> Reply {
    let mut client = server.connect();
    client.send(bytes).expect("an open connection");
    let reply = client
        .read_reply()
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)));
    client.wait_for_close().expect("the end of the connection");
    assert_eq!(reply.header("connection"), Some("close"));
    reply
}

/// The status and code of a problem. Checks that header and body have the same id of the request.
fn problem(reply: &Reply) -> (u16, String) {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply:?}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    let id = reply.header("x-request-id").expect("an id");
    assert_eq!(reply.json()["request_id"], id);
    (reply.status, reply.json()["code"].as_str().expect("a word").to_owned())
}

/// A head of exactly this many bytes.
fn head_of(bytes: usize) -> Vec<u8> {
    let (start, end) = ("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ", "\r\n\r\n");
    format!("{start}{}{end}", "x".repeat(bytes - start.len() - end.len())).into_bytes()
}

/// The head of a request that creates a persona, without its end.
const POST: &str =
    "POST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

/// Requests that two readers could understand differently: the bytes, and the status and code of
/// the refusal.
fn ambiguous() -> Vec<(String, u16, &'static str)> {
    vec![
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), 400, "malformed_request"),
        (
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n".to_owned(),
            400,
            "malformed_request",
        ),
        ("GET /healthz HTTP/1.1\nhost: a\n\n".to_owned(), 400, "malformed_request"),
        (
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\nbad name: 1\r\n\r\n".to_owned(),
            400,
            "malformed_request",
        ),
        ("nonsense\r\n\r\n".to_owned(), 400, "malformed_request"),
        ("\u{16}\u{3}\u{1}\u{2}".to_owned(), 400, "malformed_request"),
        (
            format!("{POST}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            400,
            "malformed_request",
        ),
        (
            format!(
                "{POST}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            400,
            "malformed_request",
        ),
        (
            format!("{POST}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
            400,
            "malformed_request",
        ),
        (
            format!("{POST}content-length: 2\r\ncontent-length: 2\r\n\r\n{{}}"),
            400,
            "malformed_request",
        ),
        (format!("{POST}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501, "unknown_coding"),
        (format!("{POST}transfer-encoding: xchunked\r\n\r\n"), 501, "unknown_coding"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505, "old_protocol"),
    ]
}

#[test]
fn requests_that_two_readers_could_understand_differently_are_refused() {
    let server = Server::with_workers(1).start();
    let cases = ambiguous();
    for (head, status, code) in &cases {
        assert_eq!(
            problem(&refused(&server, head.as_bytes())),
            (*status, (*code).to_owned()),
            "{head}"
        );
    }
    assert_eq!(server.metric("persona_heads_refused_total"), cases.len() as u64);
    let counted = "persona_http_requests_total{method=\"other\",route=\"other\",status=\"4xx\"}";
    assert_eq!(
        server.metric(counted),
        cases.iter().filter(|(_, status, _)| *status < 500).count() as u64
    );
    server.wait_for_log("refused a request by its head or the frame of its body");
    server.wait_for_log("Host is missing");
    // The control: the same request without the fault is answered.
    let mut client = server.connect();
    client.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("an open connection");
    assert_eq!(client.read_reply().expect("an answer").status, 200);
    client
        .send(
            format!(
                "{POST}transfer-encoding: chunked\r\n\r\ne\r\n{{\"name\":\"Ada\"}}\r\n0\r\n\r\n"
            )
            .as_bytes(),
        )
        .expect("open");
    assert_eq!(client.read_reply().expect("an answer").status, 201);
    assert_eq!(client.get("/healthz").expect("the connection goes on").status, 200);
}

#[test]
fn a_body_with_a_broken_frame_is_refused_like_a_head() {
    let server = Server::with_workers(1).start();
    let head = "POST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let extension = "x".repeat(20_000);
    let broken = [
        "e\r\n{\"name\":\"Ada\"}X\r\n0\r\n\r\n".to_owned(),
        "3\r\n{\"n\r\nZZ\r\n".to_owned(),
        "ffffffffffffffff0\r\n{".to_owned(),
        "\r\n".to_owned(),
        "e\r\n{\"name\":\"Ada\"}\r\n0\r\n\r?".to_owned(),
        // More bytes than the library reads of chunk extensions, which are no part of the body.
        format!("7;{extension}\r\n{{\"name\"\r\n7;{extension}\r\n:\"Ada\"}}\r\n0\r\n\r\n"),
    ];
    for body in &broken {
        let request = format!("{head}{body}");
        for pieces in [request.len(), head.len(), 7] {
            let mut client = server.connect();
            // The bad request comes after a good one on the same connection, and with more bytes
            // behind it.
            let all = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n{request}");
            for piece in all.as_bytes().chunks(pieces) {
                // The connection may be closed before all of it is sent.
                if client.send(piece).is_err() {
                    break;
                }
            }
            assert_eq!(client.read_reply().expect("an answer").status, 200);
            let reply = client
                .read_reply()
                .unwrap_or_else(|error| panic!("{error}: {body:.40} in pieces of {pieces}"));
            assert_eq!(problem(&reply), (400, "malformed_request".into()), "{body:.40}");
            assert_eq!(reply.header("connection"), Some("close"));
            client.wait_for_close().expect("the end of the connection");
        }
    }
    assert_eq!(server.metric("persona_heads_refused_total"), 3 * broken.len() as u64);
    server.wait_for_log("the chunks of the body are broken");
    let mut client = server.connect();
    assert_eq!(
        client.get("/api/v1/personas").expect("an answer").json()["items"],
        serde_json::json!([]),
        "nothing was made of them"
    );
    // The control: the same request without the fault.
    client
        .send(format!("{head}e;a=b\r\n{{\"name\":\"Ada\"}}\r\n0\r\nx: y\r\n\r\n").as_bytes())
        .expect("an open connection");
    assert_eq!(client.read_reply().expect("an answer").status, 201);
}

#[test]
fn a_client_that_closes_its_half_is_taken_for_one_that_left_and_its_work_is_given_up() {
    let server = Server::with_workers(1).start();
    let foreign = Connection::open(server.database()).expect("it opens");
    foreign.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    let post = "POST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{\"name\":\"Ada\"}";
    let (mut half, mut whole) = (server.connect(), server.connect());
    for client in [&mut half, &mut whole] {
        client.send(post.as_bytes()).expect("an open connection");
    }
    let in_flight = |count: u64| {
        // The request for the metrics is one of them.
        wait_for("as many requests as that", DEADLINE, || {
            (server.metric("persona_http_requests_in_flight") == count + 1).then_some(())
        });
    };
    in_flight(2);
    half.close_its_half().expect("an open connection");
    half.wait_for_close().expect("no answer");
    in_flight(1);
    // The control: a client that leaves its sending half open is answered.
    foreign.execute_batch("ROLLBACK").expect("released");
    assert_eq!(whole.read_reply().expect("an answer").status, 201);
    // A body that is cut off is answered with that reason, because nothing waits for the store.
    let mut client = server.connect();
    client.send(post.trim_end_matches('}').as_bytes()).expect("an open connection");
    client.close_its_half().expect("an open connection");
    assert_eq!(problem(&client.read_reply().expect("an answer")), (400, "body_cut_off".into()));
}

#[test]
fn a_refusal_comes_after_the_answers_to_the_requests_before_it() {
    let server = Server::with_workers(1).start();
    let before = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nPOST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                  transfer-encoding: chunked\r\n\r\ne\r\n{\"name\":\"Ada\"}\r\n0\r\n\r\n";
    for pieces in [1, 7, 1_000] {
        let mut client = server.connect();
        for piece in
            format!("{before}GET /healthz HTTP/1.1\nhost: a\n\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes().chunks(pieces)
        {
            client.send(piece).expect("an open connection");
        }
        let statuses: Vec<u16> =
            (0..3).map(|_| client.read_reply().expect("an answer").status).collect();
        assert_eq!(statuses, [200, 201, 400]);
        client.wait_for_close().expect("nothing after the refusal");
    }
}

#[test]
fn a_head_of_exactly_the_bound_is_answered_and_one_byte_more_is_refused() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(&head_of(HEAD_BYTES_MAX)).expect("an open connection");
        assert_eq!(client.read_reply().expect("an answer").status, 200);
    }
    for bytes in [HEAD_BYTES_MAX + 1, 4 * HEAD_BYTES_MAX] {
        assert_eq!(
            problem(&refused(&server, &head_of(bytes))),
            (431, "head_too_large".into()),
            "{bytes}"
        );
    }
    let fields = |count: usize| {
        format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: 1\r\n".repeat(count - 1))
    };
    client.send(fields(FIELDS_MAX).as_bytes()).expect("an open connection");
    assert_eq!(client.read_reply().expect("an answer").status, 200);
    assert_eq!(
        problem(&refused(&server, fields(FIELDS_MAX + 1).as_bytes())),
        (431, "head_too_large".into())
    );
}

#[test]
fn a_head_that_comes_too_slowly_is_told_so_and_an_idle_connection_has_longer() {
    let server = Server::with_workers(1).start();
    let (mut idle, mut slow) = (server.connect(), server.connect());
    assert_eq!(idle.get("/healthz").expect("an answer").status, 200);
    let began = Instant::now();
    slow.send(b"GET /healthz HTTP/1.1\r\nhost: local").expect("an open connection");
    assert_eq!(problem(&slow.read_reply().expect("an answer")), (408, "head_too_slow".into()));
    assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(idle.get("/healthz").expect("it has 75 seconds").status, 200);
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let server = Server::with_workers(1).flag("--idle-timeout=2s").start();
    let mut client = server.connect();
    assert_eq!(client.get("/healthz").expect("an answer").status, 200);
    let began = Instant::now();
    client.wait_for_close().expect("no bytes");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    wait_for("no connection", DEADLINE, || {
        (server.metric("persona_connections_open{slot=\"1\"}") == 1).then_some(())
    });
}
