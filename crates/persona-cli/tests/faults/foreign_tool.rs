//! 16: a program that knows nothing of the write lock holds SQLite's lock for writers.
//!
//! No client is told "locked" or gets an undeclared error, and the log names the holder.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;

use crate::common::personas::{create, get, patch};
use crate::common::report::{Form, milliseconds, report};
use crate::common::{DEADLINE, Server, wait_for};

const TARGET: &str =
    "held for 1, 10, 25, 60 s: 0 \"locked\", 0 HTTP 500, 503 after the deadline, holder named";

/// Clients that write while the lock is held.
const CLIENTS: usize = 8;

/// Holds the lock for a time while clients write with this patience. Returns how the clients fared.
fn hold(seconds: u64, patience_ms: u64) -> serde_json::Value {
    let server = Server::with_workers(2)
        .flag(format!("--busy-timeout-ms={patience_ms}"))
        .flag("--write-lock-warn-ms=200")
        .start();
    let path = create(&mut server.connect(), "survivor");
    let foreign = Connection::open(server.database()).expect("it opens");
    foreign.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (mut client, path) = (server.connect(), path.clone());
            client.wait_up_to(Duration::from_millis(patience_ms) + DEADLINE);
            thread::spawn(move || {
                let (began, body) =
                    (Instant::now(), json!({ "extensions": { number.to_string(): 1 } }));
                let reply = patch(&mut client, &path, &body).expect("an answer");
                (reply, began.elapsed())
            })
        })
        .collect();
    let mut reads = 0;
    let mut reader = server.connect();
    wait_for("the end of the hold", Duration::from_secs(seconds + 20), || {
        assert_eq!(get(&mut reader, &path).revision(), 1, "reads go on and see what is committed");
        reads += 1;
        (began.elapsed() >= Duration::from_secs(seconds)).then_some(())
    });
    foreign.execute_batch("ROLLBACK").expect("released");
    let (mut kept, mut busy, mut longest) = (0, 0, Duration::ZERO);
    for client in clients {
        let (reply, took) = client.join().expect("no panic");
        longest = longest.max(took);
        let text = String::from_utf8_lossy(&reply.body).to_lowercase();
        assert!(!text.contains("locked"), "{reply:?}");
        match reply.status {
            200 => kept += 1,
            503 => {
                assert_eq!(
                    (reply.json()["code"].as_str(), reply.header("retry-after")),
                    (Some("busy"), Some("1")),
                    "{reply:?}"
                );
                busy += 1;
            }
            _ => panic!("{reply:?}"),
        }
    }
    // A write that was answered "busy" was not applied.
    let seen = get(&mut server.connect(), &path);
    assert_eq!(seen.json()["extensions"].as_object().map_or(0, serde_json::Map::len), kept);
    assert!(!server.log().to_lowercase().contains("database is locked"), "{}", server.log());
    if seconds * 1_000 < patience_ms {
        assert_eq!(busy, 0, "held for {seconds} s, less than the patience of {patience_ms} ms");
    }
    if seconds >= 3 {
        server.wait_for_log(&format!(
            "(pid {}), which holds the database's lock without the write lock",
            std::process::id()
        ));
    }
    json!({ "held_s": seconds, "patience_ms": patience_ms, "kept": kept, "busy": busy, "longest_ms": milliseconds(longest), "reads": reads })
}

#[test]
fn a_foreign_holder_of_the_lock_delays_writes_and_is_named() {
    let figures = [hold(1, 30_000), hold(4, 500)];
    assert_eq!(figures[1]["kept"], 0, "{figures:?}");
    report(16, "foreign_holder", Form::Short, TARGET, &json!(figures));
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_foreign_holder_of_the_lock_delays_writes_and_is_named_long() {
    let figures = [hold(1, 30_000), hold(10, 30_000), hold(25, 30_000), hold(60, 30_000)];
    assert_eq!(figures[3]["kept"], 0, "{figures:?}");
    report(16, "foreign_holder", Form::Long, TARGET, &json!(figures));
}
