//! `persona label`, and the commands that show labels.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use crate::common::runner::Folder;

#[test]
fn labels_are_set_promoted_shown_and_removed() {
    let folder = Folder::with_personas(&[&["Ada"], &["Bob"]]);
    assert_eq!(folder.run(&["update", "Ada", "--set=tags=a"]).code, 0);
    for command in [
        &["label", "set", "staging", "Ada", "Bob", "--author=Eve"] as &[&str],
        &["label", "set", "production", "Ada", "--revision=1"],
    ] {
        assert_eq!(folder.run(command).code, 0, "{command:?}");
    }
    let listed = folder.results(&["label", "list", "Ada"]);
    let lines: Vec<Vec<&str>> =
        listed.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert_eq!(
        lines,
        [["LABEL", "REVISION"], ["production", "1"], ["staging", "2"], ["latest", "2"]]
    );
    assert!(folder.results(&["history", "Ada"]).contains("production"));
    assert!(!folder.results(&["show", "Ada", "--label=production"]).contains("tags"));
    assert!(folder.results(&["show", "Ada", "--label=staging"]).contains("tags"));
    // Bob has never had the label in production, and that is no reason to refuse the move.
    let promoted = folder.run(&["label", "set", "production", "Ada", "Bob", "--from=staging"]);
    assert_eq!(promoted.code, 0, "{promoted}");
    assert!(promoted.stderr.contains("no longer to 1"), "{promoted}");
    let moves = folder.results(&["label", "moves", "production", "Ada"]);
    assert_eq!(moves.lines().count(), 3, "{moves}");
    let together = folder.run(&["label", "set", "production", "Ada", "Bob", "--revision=2"]);
    assert_ne!(together.code, 0, "Bob has one revision: {together}");
    assert_eq!(folder.run(&["label", "delete", "staging", "Ada", "Bob"]).code, 0);
    assert!(!folder.results(&["label", "list", "Bob"]).contains("staging"));
    assert_eq!(folder.run(&["check"]).code, 0);
}

#[test]
fn what_is_no_label_or_is_not_set_is_told_by_the_exit_code() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    for wrong in [
        &["label", "set", "7", "Ada"] as &[&str],
        &["label", "set", "latest", "Ada"],
        &["label", "set", "Production", "Ada"],
        &["label", "set", "a", "Ada", "--revision=1", "--from=b"],
        &["label", "set", "a", "Ada", "--revision=0"],
        &["label", "set", "a"],
        &["show", "Ada", "--label=7"],
    ] {
        let refused = folder.run(wrong);
        assert_eq!(refused.code, 2, "{wrong:?}: {refused}");
    }
    for missing in [
        &["label", "set", "a", "Bob"] as &[&str],
        &["label", "set", "a", "Ada", "--from=b"],
        &["label", "delete", "a", "Ada"],
        &["label", "list", "Bob"],
        &["show", "Ada", "--label=a"],
    ] {
        let refused = folder.run(missing);
        assert_eq!(refused.code, 3, "{missing:?}: {refused}");
    }
}

#[test]
fn a_move_that_is_refused_is_told_once_and_by_the_name_that_was_given() {
    let folder = Folder::with_personas(&[&["Ada", "--set=handle=support/tier-1"]]);
    let refused = folder.run(&["label", "set", "production", "support/tier-1", "--revision=9"]);
    assert_eq!(refused.code, 3, "{refused}");
    assert!(refused.stderr.contains("production of \"support/tier-1\""), "{refused}");
    assert!(!refused.stderr.contains("[id]"), "{refused}");
    assert_eq!(refused.stderr.matches("no label was").count(), 1, "{refused}");
    assert!(refused.stderr.contains("revision 9"), "{refused}");
}

#[test]
fn a_history_is_listed_by_a_server_from_before_there_were_labels() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("--server=http://{}", listener.local_addr().expect("an address"));
    // Each connection is one request: for the labels, and for the revisions.
    let server = thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.expect("a client");
            let head: Vec<String> = BufReader::new(&stream)
                .lines()
                .map(|line| line.expect("a head"))
                .take_while(|line| !line.is_empty())
                .collect();
            let (status, body) = if head[0].contains("/labels") {
                ("404 Not Found", json!({ "code": "no_such_route", "detail": "no", "status": 404 }))
            } else {
                let first = json!({
                    "revision": 1, "at": "2026-11-24T12:00:00.000000Z", "by": "Eve", "note": null,
                    "changed": [], "base": null, "deleted": false, "size": 9,
                });
                ("200 OK", json!({ "items": [first], "next_cursor": null }))
            };
            let body = body.to_string();
            let bytes = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).expect("an open connection");
        }
    });
    let folder = Folder::new();
    let ran = folder.run(&["history", "0193b0c2-7f3e-7a10-8c1d-000000000001", &url]);
    assert!(ran.code == 0 && ran.stdout.contains("Eve"), "{ran}");
    server.join().expect("no panic");
}
