//! Figures of reads and of processes in the status and the metrics.

use crate::common::{Client, DEADLINE, Server, wait_for};

/// So many large personas that an export of them does not fit into the buffers between the
/// processes: 8 MB.
const PERSONAS: usize = 500;
const PROMPT_CHARS: usize = 16_000;

#[test]
fn an_unread_export_is_the_longest_read_until_it_ends() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let body = format!(r#"{{"name":"Ada","system_prompt":"{}"}}"#, "x".repeat(PROMPT_CHARS));
    for _ in 0..PERSONAS {
        assert_eq!(
            client
                .request("POST", "/api/v1/personas", &[], body.as_bytes())
                .expect("an answer")
                .status,
            201
        );
    }
    let longest = |server: &Server| {
        let status = server.connect().get("/api/v1/status").expect("a status").json();
        status["workers"][0]["longest_read_micros"].as_u64().expect("a number")
    };
    let mut reader = Client::connect(server.address()).expect("a connection");
    reader.send(b"GET /api/v1/export HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("a request");
    // The status is a read too, but never one that takes a second.
    wait_for("a read of a second", DEADLINE, || (longest(&server) > 1_000_000).then_some(()));
    let text =
        String::from_utf8(server.connect().get("/metrics").expect("metrics").body).expect("text");
    let age = text
        .lines()
        .find_map(|line| line.strip_prefix("persona_longest_read_seconds{slot=\"1\"} "))
        .expect("a series");
    assert!(age.parse::<f64>().expect("a number") > 1.0, "{age}");
    drop(reader);
    wait_for("the end of the read", DEADLINE, || (longest(&server) < 1_000_000).then_some(()));
}

#[test]
fn the_status_names_writes_by_worker_and_what_the_wal_is_kept_below() {
    let server = Server::with_workers(2).flag("--wal-autocheckpoint=77").start();
    for _ in 0..10 {
        server
            .connect()
            .request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#)
            .expect("an answer");
    }
    let status = server.connect().get("/api/v1/status").expect("a status").json();
    let writes: u64 = status["workers"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|process| process["writes"].as_u64())
        .sum();
    assert_eq!(
        (writes, &status["wal_autocheckpoint"], &status["wal_bytes_max"]),
        (10, &77.into(), &(64 << 20).into())
    );
}
