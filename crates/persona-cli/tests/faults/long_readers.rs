//! 12: readers that hold a snapshot: the WAL stays bounded, and no write fails.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::json;

use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{DEADLINE, Server, Stop, wait_for};

/// The promised upper bound of the WAL, in bytes.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The size to which the WAL grows while a snapshot is held, in bytes: from here on the server
/// breaks slow exports off.
const WAL_BYTES_HELD: u64 = 16 * 1024 * 1024;

/// So many personas of this size that an export does not fit into the queues between the database
/// and its reader: 128 personas in the server, and the kernel's buffers of the connection.
const PERSONAS: usize = 400;
const PERSONA_BYTES: usize = 100_000;

/// Bytes that the slow reader takes at a time.
const SIP_BYTES: usize = 16 * 1024;

/// More bytes than the head of the answer has, and fewer than the head and one persona.
const HEAD_BYTES_MAX: usize = PERSONA_BYTES / 2;

/// Pause of the slow reader between two sips: too short for the server to take the reader for dead.
const SIP_PAUSE: Duration = Duration::from_millis(100);

/// Starts a client that takes an export in sips, and without pauses once it is told to hurry.
/// Returns whether the export was broken off, and how many bytes came.
fn sip(server: &Server, hurry: &Stop) -> thread::JoinHandle<(bool, usize)> {
    let mut stream = TcpStream::connect(server.address()).expect("the server accepts connections");
    // The kernel buffers megabytes for a client, and then the server would have no client to wait
    // for.
    set_socket_recv_buffer_size(&stream, SIP_BYTES).expect("a small buffer");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    stream.write_all(b"GET /api/v1/export HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
    let hurry = hurry.clone();
    // An export waits for its beginning while the WAL is long, and this one is to begin before the
    // writers: its head can come before its snapshot, its first persona cannot.
    let (mut bytes, mut taken) = (vec![0; SIP_BYTES], 0);
    while taken <= HEAD_BYTES_MAX {
        match stream.read(&mut bytes).expect("the export begins") {
            0 => panic!("the export ended at once"),
            length => taken += length,
        }
    }
    thread::spawn(move || {
        let mut last = Vec::new();
        loop {
            match stream.read(&mut bytes) {
                Ok(0) | Err(_) => return (!last.ends_with(b"0\r\n\r\n"), taken),
                Ok(length) => {
                    taken += length;
                    last = bytes[..length].to_vec();
                    if last.ends_with(b"0\r\n\r\n") {
                        return (false, taken);
                    }
                }
            }
            hurry.comes_within(SIP_PAUSE);
        }
    })
}

/// Waits until the WAL is cut, and until the maintenance process has reported that: an older value
/// of the metric would be taken for a WAL that was reset beside the export.
fn wait_for_an_empty_wal(server: &Server) {
    let wal = server.folder().join("persona.db-wal");
    let is_empty = || {
        std::fs::metadata(&wal).is_ok_and(|metadata| metadata.len() == 0)
            && server.metric("persona_wal_bytes") == 0
    };
    wait_for("an empty WAL", DEADLINE, || is_empty().then_some(()));
}

/// Starts a server with the personas of an export. Returns it and their paths.
fn server_with_long_personas() -> (Server, Vec<String>) {
    let server = Server::with_workers(2).start();
    let text = "t".repeat(PERSONA_BYTES);
    let mut client = server.connect();
    let paths: Vec<String> =
        (0..PERSONAS).map(|index| create(&mut client, &format!("long {index}"))).collect();
    for path in &paths {
        assert_eq!(
            patch(&mut client, path, &json!({ "description": text })).expect("an answer").status,
            200
        );
    }
    (server, paths)
}

/// Starts a client that changes a persona again and again until it is told to stop. Returns how
/// often it did.
fn keep_writing(server: &Server, path: &str, stop: &Stop) -> thread::JoinHandle<u64> {
    let (mut client, path, stop) = (server.connect(), path.to_owned(), stop.clone());
    thread::spawn(move || {
        let (text, mut sent) = ("t".repeat(PERSONA_BYTES), 0);
        while !stop.is_now() {
            let members = json!({ "description": format!("{sent} {text}") });
            let reply = patch(&mut client, &path, &members).expect("an answer");
            assert_eq!(reply.status, 200, "{reply:?}");
            sent += 1;
        }
        sent
    })
}

/// Waits until the WAL has grown and is reset beside an export. Returns the size that the WAL
/// reached.
fn wait_for_a_wal_reset(server: &Server) -> u64 {
    let wal = server.folder().join("persona.db-wal");
    // Only sizes during this export count: what the WAL reached during an earlier one says nothing
    // about this one.
    let (mut reached, mut most_used) = (0, 0);
    wait_for("a WAL reset although an export reads", 3 * DEADLINE, || {
        // The file keeps its size when the WAL is reset; the metrics tell how much of it is in use.
        reached = reached.max(std::fs::metadata(&wal).map_or(0, |metadata| metadata.len()));
        assert!(reached <= WAL_BYTES_MAX, "the WAL reached {reached} bytes");
        let used = server.metric("persona_wal_bytes");
        most_used = most_used.max(used);
        (most_used > WAL_BYTES_HELD && used < most_used / 2).then_some(())
    });
    reached
}

fn slow_export(form: Form) {
    let (server, paths) = server_with_long_personas();
    let (mut cut, mut taken, mut sent, mut largest) = (0, 0, 0, 0);
    // The creation of the personas has left frames in the WAL, which do not count as those of
    // writers beside the export.
    wait_for_an_empty_wal(&server);
    for _ in 0..form.pick(1, 50) {
        let (hurry, stop) = (Stop::default(), Stop::default());
        let reader = sip(&server, &hurry);
        let writers: Vec<_> =
            paths.iter().take(4).map(|path| keep_writing(&server, path, &stop)).collect();
        largest = largest.max(wait_for_a_wal_reset(&server));
        stop.now();
        for writer in writers {
            sent += writer.join().expect("no write failed");
        }
        // The client can take what the kernel still has for it without pauses.
        hurry.now();
        let (was_cut, its_bytes) = reader.join().expect("no panic");
        assert!(was_cut, "a broken export looked complete");
        cut += 1;
        taken += its_bytes;
        // The snapshot has ended, so the WAL is cut when no client writes.
        wait_for_an_empty_wal(&server);
    }
    let figures = json!({ "exports_cut": cut, "bytes_taken": taken, "writes": sent, "writes_failed": 0, "largest_wal_bytes": largest });
    report(12, "slow_export", form, "WAL at most 64 MiB, no failed write", &figures);
}

#[test]
fn a_slow_export_neither_makes_the_wal_grow_without_bound_nor_fails_a_write() {
    slow_export(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_slow_export_neither_makes_the_wal_grow_without_bound_nor_fails_a_write_long() {
    slow_export(Form::Long);
}
