//! A full log must not hold up the server.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;

use crate::common::{DEADLINE, Server, wait_for};

/// How many requests are sent between two looks whether the log is full.
const BATCH: u64 = 500;

/// More batches than a pipe and the queue before it take in.
const BATCHES_MAX: u64 = 64;

/// How many requests are sent before the first answer is read: a round trip for each alone takes
/// long on a busy machine.
const AT_ONCE: u64 = 50;

/// Sends this many requests on one connection.
fn ask(server: &Server, requests: u64) {
    let mut client = server.connect();
    let mut left = requests;
    while left > 0 {
        let at_once = left.min(AT_ONCE);
        for _ in 0..at_once {
            client.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("it is open");
        }
        for _ in 0..at_once {
            let reply =
                client.read_reply().unwrap_or_else(|error| panic!("{left} are left: {error}"));
            assert_eq!(reply.status, 200);
        }
        left -= at_once;
    }
}

/// Sends requests until the log is full and loses lines. Returns how many requests that were, with
/// those for the metrics.
fn fill_the_log(server: &Server) -> u64 {
    for batch in 1..=BATCHES_MAX {
        ask(server, BATCH);
        if server.metric(DROPPED) > 0 {
            return batch * (BATCH + 1);
        }
    }
    panic!("the log was not full after {BATCHES_MAX} times {BATCH} requests");
}

const DROPPED: &str = "persona_log_lines_dropped_total";

#[test]
fn a_log_that_is_not_read_stops_neither_requests_nor_the_end_of_the_server() {
    let server = Server::with_workers(2).flag("--access-log").unread_log().start();
    fill_the_log(&server);
    ask(&server, BATCH);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn lines_that_were_dropped_are_told_of_as_soon_as_there_is_room() {
    let mut server = Server::with_workers(1).flag("--access-log").unread_log().start();
    let requests = fill_the_log(&server);
    let dropped = server.metric(DROPPED);
    server.read_log();
    server.wait_for_log("lines of the log were dropped");
    ask(&server, 1);
    wait_for("the last line", DEADLINE, || {
        let log = server.log();
        let told: u64 = log
            .lines()
            .filter_map(|line| {
                let line: serde_json::Value = serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("mixed lines: {error}: {line}"));
                line["dropped"].as_u64()
            })
            .sum();
        let written = log.matches("answered a request").count() as u64;
        // The requests until then, another request for the metrics, and the last one.
        (told >= dropped && told + written == requests + 2).then_some(())
    });
}

#[test]
fn a_log_file_is_for_its_owner_only_also_after_it_was_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("persona.log");
    let server = Server::with_workers(1).flag(format!("--log-file={}", file.display())).start();
    let mode = |path: &Path| path.metadata().expect("a log").permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    std::fs::rename(&file, folder.path().join("old.log")).expect("moved");
    server.signal(Signal::USR1);
    wait_for("a new file", DEADLINE, || file.exists().then_some(()));
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn what_a_client_sends_is_short_in_the_log() {
    let server = Server::with_workers(1).flag("--access-log").start();
    let method = "A".repeat(5_000);
    assert_eq!(
        server
            .connect()
            .request(&method, "/healthz", &[("x-request-id", &"i".repeat(5_000))], b"")
            .expect("an answer")
            .status,
        405
    );
    server.wait_for_log("answered a request");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("answered a request")).expect("a line");
    assert!(line.contains(&"A".repeat(32)) && line.len() < 600, "{line}");
}
