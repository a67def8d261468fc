//! The log is copied back by the maintenance process alone, and nothing suffers when it is killed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::{DEADLINE, Server, signal, wait_for};

/// What the log is kept below: 64 MiB.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Clients that write all the time.
const CLIENTS: u64 = 4;

/// Pause between two looks at the size of the log.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Writes for this long and kills the maintenance process again and again; every write must be
/// acknowledged and be there.
fn maintenance_processes_are_killed_under_load(duration: Duration, pause: Duration) {
    let server = Server::with_workers(2).flag("--wal-autocheckpoint=100").start();
    let log = PathBuf::from(format!("{}-wal", server.database().display()));
    let body = format!(r#"{{"name":"Ada","system_prompt":"{}"}}"#, "x".repeat(8_000));
    let (over, acknowledged, largest) =
        (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let mut kills = 0_u64;
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = server.connect();
                while !over.load(Ordering::Relaxed) {
                    let reply = client
                        .request("POST", "/api/v1/personas", &[], body.as_bytes())
                        .expect("an answer");
                    assert_eq!(reply.status, 201, "{reply:?}");
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // By its entry in the folder: this process has no connection to lose locks of.
                largest.fetch_max(
                    std::fs::metadata(&log).map_or(0, |metadata| metadata.len()),
                    Ordering::Relaxed,
                );
                std::thread::sleep(LOOK_EVERY);
            }
        });
        let began = Instant::now();
        while began.elapsed() < duration {
            if let Some(maintenance) = server.processes("maintenance").first()
                && signal(maintenance.pid, Signal::KILL)
            {
                kills += 1;
                wait_for("the next maintenance process", DEADLINE, || {
                    server
                        .processes("maintenance")
                        .first()
                        .is_some_and(|process| process.pid != maintenance.pid)
                        .then_some(())
                });
            }
            std::thread::sleep(pause);
        }
        over.store(true, Ordering::Relaxed);
    });
    let (acknowledged, largest) = (acknowledged.into_inner(), largest.into_inner());
    println!(
        "{acknowledged} writes acknowledged, {kills} maintenance processes killed, the log had at most {largest} bytes"
    );
    assert!(kills >= 2 && acknowledged > 0 && largest > 0, "nothing was tried");
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
    // A maintenance process that dies young is replaced more and more slowly, so they get a little
    // longer than a second.
    maintenance_processes_are_killed_under_load(
        Duration::from_secs(5),
        Duration::from_millis(1_200),
    );
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_killed_maintenance_process_is_replaced_and_nothing_suffers_for_minutes() {
    maintenance_processes_are_killed_under_load(
        Duration::from_mins(3),
        Duration::from_millis(1_100),
    );
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
