//! Only the maintenance process makes checkpoints, and no write fails when it is killed.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::Signal;

use crate::common::{DEADLINE, Server, Stop, signal, wait_for};

/// The promised upper bound of the WAL: 64 MiB.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Clients that write all the time.
const CLIENTS: u64 = 4;

/// Pause between two looks at the size of the WAL.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Starts a client that creates personas until it is told to stop. Returns how many were
/// acknowledged; every request has to be.
fn keep_creating(server: &Server, stop: &Stop) -> JoinHandle<u64> {
    let (mut client, stop) = (server.connect(), stop.clone());
    thread::spawn(move || {
        let body = format!(r#"{{"name":"Ada","system_prompt":"{}"}}"#, "x".repeat(8_000));
        let mut acknowledged = 0;
        while !stop.is_now() {
            let reply = client
                .request("POST", "/api/v1/personas", &[], body.as_bytes())
                .expect("an answer");
            assert_eq!(reply.status, 201, "{reply:?}");
            acknowledged += 1;
        }
        acknowledged
    })
}

/// Looks at the size of the WAL until it is told to stop, and returns the largest size in bytes.
/// The size is read from the folder: no file is opened.
fn largest_wal(server: &Server, stop: &Stop) -> JoinHandle<u64> {
    let log = PathBuf::from(format!("{}-wal", server.database().display()));
    let stop = stop.clone();
    thread::spawn(move || {
        let mut largest = 0;
        while !stop.comes_within(LOOK_EVERY) {
            largest = largest.max(std::fs::metadata(&log).map_or(0, |metadata| metadata.len()));
        }
        largest
    })
}

/// Kills this many maintenance processes beside clients that write; every write must be
/// acknowledged and be stored.
fn maintenance_processes_are_killed_under_load(kills: usize) {
    let server = Server::with_workers(2).flag("--wal-autocheckpoint=100").start();
    let stop = Stop::default();
    let largest = largest_wal(&server, &stop);
    let clients: Vec<_> = (0..CLIENTS).map(|_| keep_creating(&server, &stop)).collect();
    for _ in 0..kills {
        let maintenance = server.grown_up("maintenance");
        assert!(signal(maintenance.pid, Signal::KILL));
        wait_for("the next maintenance process", DEADLINE, || {
            let next = server.processes("maintenance").pop()?;
            (next.generation > maintenance.generation).then_some(())
        });
    }
    stop.now();
    let acknowledged: u64 =
        clients.into_iter().map(|client| client.join().expect("no write failed")).sum();
    let largest = largest.join().expect("no panic");
    println!(
        "{acknowledged} writes acknowledged, {kills} maintenance processes killed, the log had at most {largest} bytes"
    );
    assert!(acknowledged > 0 && largest > 0, "nothing was tried");
    assert!(largest <= WAL_BYTES_MAX, "the log grew to {largest} bytes");
    let status = || server.connect().get("/api/v1/status").expect("a status").json();
    assert_eq!(status()["personas"], acknowledged);
    wait_for("the last maintenance process cuts the log", DEADLINE, || {
        (status()["wal_bytes"] == 0).then_some(())
    });
    assert!(status()["checkpoints"]["complete"].as_u64() > Some(0), "{}", status());
    assert_eq!(server.metric("persona_checkpoints_failed_total"), 0);
}

#[test]
fn a_killed_maintenance_process_is_replaced_and_nothing_suffers() {
    maintenance_processes_are_killed_under_load(4);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_killed_maintenance_process_is_replaced_and_nothing_suffers_for_minutes() {
    maintenance_processes_are_killed_under_load(150);
}

#[test]
fn checkpoints_that_a_reader_holds_up_are_counted_apart() {
    let server = Server::with_workers(1).flag("--wal-autocheckpoint=1").start();
    let mut client = server.connect();
    let mut write = || {
        assert_eq!(
            client
                .request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#)
                .expect("an answer")
                .status,
            201
        );
    };
    write();
    let reader = rusqlite::Connection::open(server.database()).expect("a database");
    reader.execute_batch("BEGIN; SELECT count(*) FROM personas").expect("a snapshot");
    wait_for("a checkpoint is held up", DEADLINE, || {
        write();
        (server.metric("persona_checkpoints_blocked_total") > 0).then_some(())
    });
    drop(reader);
    wait_for("the log is cut", DEADLINE, || {
        (server.metric("persona_wal_bytes") == 0).then_some(())
    });
}
