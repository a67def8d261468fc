//! Followers of a feed from which lines were removed, and clients that do not read their events.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use persona_test_support::Cluster;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::json;

use crate::common::events::{EVENTS, EventStream, sequence};
use crate::common::personas::{create, patch};
use crate::common::{DEADLINE, ON_POSTGRES, Server, wait_for};

/// Removes the lines of the feed up to this number, as a program does that shortens it.
fn prune(server: &Server, up_to: u64) {
    if ON_POSTGRES {
        let url = server.database_argument();
        let database = url.rsplit('/').next().and_then(|rest| rest.split('?').next());
        let sql = format!("DELETE FROM persona_store.changes WHERE sequence <= {up_to}");
        Cluster::shared().sql(database.expect("a name"), &sql);
    } else {
        let file = rusqlite::Connection::open(server.database()).expect("it opens");
        let up_to = i64::try_from(up_to).expect("a small number");
        let removed = file.execute("DELETE FROM changes WHERE sequence <= ?1", [up_to]);
        assert!(removed.expect("a write") > 0);
    }
}

#[test]
fn a_follower_behind_lines_that_were_removed_is_told_so() {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    for name in ["a", "b", "c", "d"] {
        create(&mut client, name);
    }
    let all = EventStream::open(&server, "?after=0", &[]).sequences(4);
    prune(&server, all[1]);
    for (place, is_known) in [(all[0], false), (all[1], false), (all[2], true)] {
        let mut stream = EventStream::open(&server, &format!("?after={place}"), &[]);
        let (name, data) = stream.named_event();
        let expected = if is_known { None } else { Some("reset") };
        assert_eq!((name.as_deref(), sequence(&data)), (expected, all[3]), "{place}");
    }
    // After that the beginning is where the feed now begins.
    assert_eq!(EventStream::open(&server, "?after=0", &[]).sequences(2), all[2..]);
}

#[test]
fn a_follower_that_does_not_read_is_closed_and_others_are_told() {
    let server = Server::with_workers(1).flag("--answer-patience-ms=500").start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    let mut deaf = TcpStream::connect(server.address()).expect("the server accepts connections");
    set_socket_recv_buffer_size(&deaf, 4096).expect("a small buffer");
    let head = format!("GET {EVENTS}?include=document HTTP/1.1\r\nhost: localhost\r\n\r\n");
    deaf.write_all(head.as_bytes()).expect("sent");
    let mut other = EventStream::open(&server, "", &[]);
    other.block().expect("read").expect("the first comment");
    let mut number = 0_u64;
    let broken = wait_for("the end of the connection", DEADLINE, || {
        number += 1;
        let text = format!("{number} {}", "x".repeat(200_000));
        let reply = patch(&mut client, &path, &json!({ "description": text }));
        assert_eq!(reply.expect("an answer").status, 200);
        assert_eq!(other.event()["revision"], number + 1);
        deaf.take_error().expect("a socket")
    });
    assert_eq!(broken.kind(), ErrorKind::ConnectionReset);
}
