//! `persona top` into pipes and files.

use std::io::{BufRead, BufReader};

use crate::common::runner::Folder;
use crate::common::{Server, signal};
use rustix::process::Signal;

fn url(server: &Server) -> String {
    format!("http://{}", server.address())
}

#[test]
fn one_second_can_be_had_as_json() {
    let server = Server::with_workers(2).start();
    let reading: serde_json::Value = serde_json::from_str(&Folder::new().results(&[
        "top",
        "--once",
        "--json",
        "--server",
        &url(&server),
    ]))
    .expect("JSON");
    let slots: Vec<u64> = reading["processes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|process| process["slot"].as_u64())
        .collect();
    assert_eq!((slots, &reading["wal_bytes_max"]), (vec![0, 1, 2], &serde_json::json!(64 << 20)));
    // The looks of `top` are requests themselves, so there are some.
    assert!(reading["requests_per_s"].as_u64().is_some_and(|rate| rate > 0), "{reading}");
}

#[test]
fn without_a_terminal_there_is_one_plain_line_a_second() {
    let server = Server::with_workers(1).start();
    let mut child = Folder::new()
        .command(&["top", "--server", &url(&server)])
        .spawn()
        .expect("the built program");
    let lines: Vec<String> = BufReader::new(child.stdout.take().expect("a pipe"))
        .lines()
        .take(2)
        .map(|line| line.expect("text"))
        .collect();
    assert!(
        lines.iter().all(|line| line.contains("lock wait p99")
            && line.ends_with("workers 1")
            && !line.contains('\x1b')),
        "{lines:?}"
    );
    assert!(signal(child.id(), Signal::INT));
    assert_eq!(child.wait().expect("a child").code(), Some(130));
}

#[test]
fn a_server_that_is_not_there_is_said_with_a_hint() {
    let server = Server::with_workers(1).start();
    let url = url(&server);
    drop(server);
    let ran = Folder::new().run(&["top", "--server", &url]);
    assert_eq!((ran.code, ran.stdout.as_str()), (69, ""), "{ran}");
    assert!(ran.stderr.contains("hint:"), "{ran}");
}

#[test]
fn a_server_that_goes_away_is_said_and_found_again_when_it_is_back() {
    let server = Server::with_workers(1).start();
    let (url, port) = (url(&server), format!("--port={}", server.address().port()));
    let mut child =
        Folder::new().command(&["top", "--server", &url]).spawn().expect("the built program");
    let mut results = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut messages = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    results.next().expect("a line").expect("text");
    let folder = server.stop_and_keep_the_folder();
    let warning = messages.next().expect("a line").expect("text");
    assert!(
        warning.starts_with("warning: could not reach") && warning.ends_with("still trying"),
        "{warning}"
    );
    let _server = Server::with_workers(1).in_folder(folder).flag(port).start();
    // Earlier lines may still be in the pipe; those after the gap come from the new server.
    let found = results.take(30).any(|line| line.expect("text").contains("workers 1"));
    assert!(found);
    assert!(signal(child.id(), Signal::INT));
    child.wait().expect("a child");
}
