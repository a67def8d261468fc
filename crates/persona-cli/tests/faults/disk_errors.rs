//! 6: reads, writes and syncs fail with an input/output error, once or from then on.
//!
//! Nothing is acknowledged after a failed sync, the server goes on or ends with a clear message,
//! and the next start finds everything that was acknowledged.

use std::fs;

use serde_json::json;
use tempfile::NamedTempFile;

use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, Server, wait_for};
use crate::ledger::read_whole;
use crate::strace::{Attached, Point, fail_at, is_there};

const TARGET: &str = "every n, at least 2,000 points, 0 false acknowledgements";

/// Rounds in a row in which a process did not reach its n-th call, after which the test takes it
/// that the process makes fewer calls.
const MISSES_MAX: usize = 3;

/// Waits until the server answers again or has ended. Returns whether it answers.
fn served_again(server: &Server, path: &str) -> bool {
    wait_for("an answer or the end of the server", DEADLINE, || {
        let reads = Client::connect(server.address())
            .and_then(|mut client| client.get(path))
            .is_ok_and(|reply| reply.status == 200);
        let ended =
            server.processes("maintenance").is_empty() && server.log().contains("stopped after");
        (reads || ended).then_some(reads)
    })
}

/// The outcome of one injected failure.
#[derive(Default, Debug)]
struct Injected {
    /// How many calls were made to fail; 0 where the process never reached its n-th call.
    failed: usize,
    replaced: bool,
    acknowledged: Vec<String>,
    refused: usize,
    reads: usize,
    reads_refused: usize,
    broken: usize,
    undeclared: Vec<String>,
}

/// The codes of the answers that a failure of this call may lead to. SQLite takes a read that fails
/// with EIO for damage (`SQLITE_IOERR_CORRUPTFS` becomes `SQLITE_CORRUPT`).
fn declared_for(call: &str) -> &'static [&'static str] {
    match call {
        "pread64" => &["storage_failed", "damaged"],
        "fsync" => &["outcome_unknown", "storage_failed", "closing", "busy"],
        _ => &["storage_failed", "closing", "busy", "storage_full"],
    }
}

/// Sends patches, each followed by a read, each on a connection of its own, and notes their
/// outcomes.
fn send_patches(server: &Server, path: &str, patches: usize, declared: &[&str]) -> Injected {
    let mut outcome = Injected::default();
    for number in 0..patches {
        let key = format!("during/{number}");
        let reply = Client::connect(server.address())
            .and_then(|mut client| patch(&mut client, path, &json!({ "extensions": { &key: 1 } })));
        match reply {
            Ok(reply) if reply.status == 200 => outcome.acknowledged.push(key),
            Ok(reply) => {
                outcome.refused += 1;
                let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
                if !declared.contains(&code.as_str()) {
                    outcome.undeclared.push(format!("{} {code}", reply.status));
                }
            }
            Err(_) => outcome.broken += 1,
        }
        // The read is on another connection to the database: the write has made that connection's
        // pages stale.
        match Client::connect(server.address()).and_then(|mut client| client.get(path)) {
            Ok(reply) if reply.status == 200 => {
                let kept = reply.json();
                let missing =
                    outcome.acknowledged.iter().find(|key| kept["extensions"].get(key).is_none());
                assert_eq!(missing, None, "a read came back stale");
                outcome.reads += 1;
            }
            Ok(reply) => {
                outcome.reads_refused += 1;
                let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
                if !declared.contains(&code.as_str()) {
                    outcome.undeclared.push(format!("read: {} {code}", reply.status));
                }
            }
            Err(_) => outcome.broken += 1,
        }
    }
    outcome
}

/// Injects one kind of failure at one call of one server. Everything that was acknowledged must be
/// there after a clean start.
fn fail(role: &str, point: &Point, sticky: bool, patches: usize) -> Injected {
    let server =
        Server::with_workers(1).flag("--durability=full").flag("--wal-autocheckpoint=1").start();
    let path = create(&mut server.connect(), "survivor");
    let victim = server.processes(role).remove(0);
    let record = NamedTempFile::new().expect("a file");
    let options = [
        "-o".into(),
        record.path().display().to_string(),
        "-e".into(),
        fail_at(point, "EIO", sticky),
    ];
    let strace = Attached::to(victim.pid, &options);
    let mut outcome = send_patches(&server, &path, patches, declared_for(&point.call));
    let syncs = point.call == "fsync" && point.nth == 1;
    if syncs {
        // The maintenance process syncs at its own pace, so its failing sync may still be to come.
        wait_for("the end of the process whose sync failed", DEADLINE, || {
            (!victim.is_alive()).then_some(())
        });
    }
    outcome.replaced = !victim.is_alive();
    assert_eq!(outcome.undeclared, [""; 0], "{role} {point:?}");
    drop(strace);
    outcome.failed =
        fs::read_to_string(record.path()).expect("a record").matches("(INJECTED)").count();
    let goes_on = served_again(&server, &path);
    if goes_on {
        let key = "after".to_owned();
        wait_for("a write after the failure", DEADLINE, || {
            let reply = patch(
                &mut Client::connect(server.address()).ok()?,
                &path,
                &json!({ "extensions": { &key: 1 } }),
            )
            .ok()?;
            (reply.status == 200).then_some(())
        });
        outcome.acknowledged.push(key);
    } else {
        server.wait_for_log("disk failed");
    }
    let folder = server.kill_and_keep_the_folder();
    let server = Server::with_workers(1).in_folder(folder).start();
    let kept = server.connect().get(&path).expect("an answer").json();
    let lost: Vec<&String> =
        outcome.acknowledged.iter().filter(|key| kept["extensions"].get(key).is_none()).collect();
    assert!(lost.is_empty(), "{role} {point:?}: lost {lost:?}");
    read_whole(&server.database());
    outcome
}

fn every_call_fails_once_and_for_ever(form: Form) {
    if !is_there("every_call_fails_once_and_for_ever") {
        return;
    }
    // More patches than the last call needs.
    let (last, patches) = form.pick((1, 12), (250, 120));
    let mut figures = Vec::new();
    for (role, call) in [
        ("worker", "fsync"),
        ("worker", "pwrite64"),
        ("worker", "pread64"),
        ("maintenance", "fsync"),
        ("maintenance", "pwrite64"),
    ] {
        for sticky in [false, true] {
            let (mut points, mut failed, mut replaced, mut refused, mut broken, mut acknowledged) =
                (0, 0, 0, 0, 0, 0);
            let (mut reads, mut reads_refused, mut misses) = (0, 0, 0);
            for nth in 1..=last {
                let outcome = fail(role, &Point { call: call.into(), nth }, sticky, patches);
                misses = if outcome.failed > 0 { 0 } else { misses + 1 };
                if misses > MISSES_MAX {
                    break;
                }
                // The maintenance process works at its own pace, a worker for the requests that
                // were sent.
                assert!(
                    nth > 1 || role != "worker" || outcome.failed > 0,
                    "no {call} of the {role} failed"
                );
                points += usize::from(outcome.failed > 0);
                failed += outcome.failed;
                replaced += usize::from(outcome.replaced);
                refused += outcome.refused;
                reads += outcome.reads;
                reads_refused += outcome.reads_refused;
                broken += outcome.broken;
                acknowledged += outcome.acknowledged.len();
            }
            figures.push(json!({
                "role": role, "call": call, "sticky": sticky, "points": points, "failed": failed, "replaced": replaced,
                "reads": reads, "reads_refused": reads_refused, "refused": refused, "broken": broken,
                "acknowledged": acknowledged, "false_acknowledgements": 0,
            }));
        }
    }
    report(6, "every_call_fails_once_and_for_ever", form, TARGET, &json!(figures));
}

#[test]
fn a_disk_that_fails_makes_nothing_acknowledged_that_is_not_kept() {
    every_call_fails_once_and_for_ever(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_disk_that_fails_makes_nothing_acknowledged_that_is_not_kept_long() {
    every_call_fails_once_and_for_ever(Form::Long);
}

/// The size of the WAL in bytes from which on a writer copies it back itself: 14 * 1,024 frames of
/// 4,120 bytes.
const CEILING_BYTES: u64 = 14 * 1024 * 4120;

#[test]
fn a_sync_that_fails_in_the_checkpoint_of_a_writer_replaces_every_process() {
    const NAME: &str = "a_sync_that_fails_above_the_ceiling";
    if !is_there(NAME) {
        return;
    }
    let server = Server::with_workers(1).start();
    let path = create(&mut server.connect(), "survivor");
    let before = [server.processes("maintenance"), server.processes("worker")].concat();
    // The maintenance process cannot make a checkpoint, so that the WAL grows until a writer makes
    // one.
    let attach = |pid, call: &str, sticky| {
        let point = Point { call: call.into(), nth: 1 };
        Attached::to(
            pid,
            &["-o".into(), "/dev/null".into(), "-e".into(), fail_at(&point, "EIO", sticky)],
        )
    };
    let maintenance = attach(before[0].pid, "pwrite64", true);
    let first = json!({ "extensions": { "first": 1 } });
    assert_eq!(patch(&mut server.connect(), &path, &first).expect("an answer").status, 200);
    let worker = attach(before[1].pid, "fsync", false);
    let (mut acknowledged, mut wal_bytes) = (vec!["first".to_owned()], 0);
    for number in 0..120 {
        let key = number.to_string();
        let change = json!({ "extensions": { &key: 1, "text": "t".repeat(500_000) } });
        match Client::connect(server.address())
            .and_then(|mut client| patch(&mut client, &path, &change))
        {
            Ok(reply) if reply.status == 200 => acknowledged.push(key),
            // The worker that met the failure refuses later requests until it has ended.
            Ok(reply) if reply.status == 503 => break,
            Ok(reply) => panic!("{reply:?}"),
            Err(_) => break,
        }
        wal_bytes = wal_bytes
            .max(fs::metadata(server.folder().join("persona.db-wal")).expect("a WAL").len());
    }
    wait_for("new processes only", DEADLINE, || {
        let now = [server.processes("maintenance"), server.processes("worker")].concat();
        (now.len() == 2
            && now.iter().all(|process| before.iter().all(|old| old.pid != process.pid)))
        .then_some(())
    });
    drop((maintenance, worker));
    assert!(wal_bytes > CEILING_BYTES * 9 / 10, "the WAL had {wal_bytes} bytes");
    server.wait_for_log(
        "a sync of the disk failed or a commit is in doubt: all processes are replaced",
    );
    assert!(served_again(&server, &path));
    let restarts = wait_for("the count", DEADLINE, || {
        let restarts = server.metric("persona_process_restarts_total{slot=\"1\"}");
        (restarts > 0).then_some(restarts)
    });
    let folder = server.kill_and_keep_the_folder();
    let server = Server::with_workers(1).in_folder(folder).start();
    let kept = server.connect().get(&path).expect("an answer").json();
    let lost: Vec<&String> =
        acknowledged.iter().filter(|key| kept["extensions"].get(key).is_none()).collect();
    assert!(lost.is_empty(), "lost {lost:?}");
    let figures = json!({ "acknowledged": acknowledged.len(), "wal_bytes": wal_bytes, "restarts": restarts, "lost": 0 });
    report(6, NAME, Form::Short, "every process replaced, counted and logged", &figures);
}

#[test]
fn after_a_failed_sync_every_process_is_replaced_and_the_log_says_why() {
    if !is_there("after_a_failed_sync_every_process_is_replaced_and_the_log_says_why") {
        return;
    }
    let server = Server::with_workers(2).flag("--durability=full").start();
    let path = create(&mut server.connect(), "survivor");
    let before = [server.processes("maintenance"), server.processes("worker")].concat();
    let point = Point { call: "fsync".into(), nth: 1 };
    let straces: Vec<_> = before[1..]
        .iter()
        .map(|process| {
            Attached::to(
                process.pid,
                &["-o".into(), "/dev/null".into(), "-e".into(), fail_at(&point, "EIO", false)],
            )
        })
        .collect();
    // The process ends at once, perhaps before its last answer is sent.
    if let Ok(reply) = patch(&mut server.connect(), &path, &json!({ "extensions": { "lost": 1 } }))
    {
        assert_eq!(
            (reply.status, reply.json()["code"].as_str()),
            (503, Some("outcome_unknown")),
            "{reply:?}"
        );
    }
    wait_for("new processes only", DEADLINE, || {
        let now = [server.processes("maintenance"), server.processes("worker")].concat();
        (now.len() == 3
            && now.iter().all(|process| before.iter().all(|old| old.pid != process.pid)))
        .then_some(())
    });
    drop(straces);
    server.wait_for_log(
        "a sync of the disk failed or a commit is in doubt: all processes are replaced",
    );
    assert!(served_again(&server, &path));
}
