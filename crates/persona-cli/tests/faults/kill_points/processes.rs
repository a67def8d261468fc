//! Workers and maintenance processes of a running server that are killed.

use std::fs;

use serde_json::json;

use super::TARGET;
use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, Server, wait_for};
use crate::ledger::{Ledger, read_whole};
use crate::strace::{Attached, Point, is_there, kill_at};

/// Sends a key to a persona again and again until it is acknowledged; a broken connection is
/// replaced.
fn add_key(server: &Server, path: &str, key: &str) {
    wait_for("an acknowledgement", DEADLINE, || {
        let reply = Client::connect(server.address()).ok().and_then(|mut client| {
            patch(&mut client, path, &json!({ "extensions": { key: 1 } })).ok()
        });
        reply.filter(|reply| reply.status == 200)
    });
}

/// Whether the WAL of a server is empty.
fn is_cut(server: &Server) -> bool {
    fs::metadata(server.folder().join("persona.db-wal")).is_ok_and(|wal| wal.len() == 0)
}

fn expect_keys(server: &Server, keys: usize) {
    let expected = Ledger { personas: [("survivor".to_owned(), (keys as u64 + 1, keys))].into() };
    assert_eq!(read_whole(&server.database()), expected);
}

/// Kills a worker at the n-th call of its writer for growing n, then the maintenance process at the
/// n-th call of its maintenance, on one server that is never restarted: the replacements must work.
fn every_process_killed_at_every_call(form: Form) {
    if !is_there("every_process_killed_at_every_call") {
        return;
    }
    let server =
        Server::with_workers(1).flag("--durability=full").flag("--wal-autocheckpoint=1").start();
    let path = create(&mut server.connect(), "survivor");
    let (mut keys, mut figures) = (0, Vec::new());
    for (role, call, most, step) in [
        ("worker", "pwrite64", 40, form.pick(15, 1)),
        ("worker", "fsync", 3, form.pick(2, 1)),
        ("maintenance", "pwrite64", 30, form.pick(12, 1)),
        ("maintenance", "fsync", 4, form.pick(2, 1)),
    ] {
        let mut killed = 0;
        for nth in (1..=most).step_by(step) {
            let victim = server.grown_up(role);
            add_key(&server, &path, &format!("{keys}"));
            keys += 1;
            let mut strace = Attached::to(
                victim.pid,
                &[
                    "-o".into(),
                    "/dev/null".into(),
                    "-e".into(),
                    kill_at(&Point { call: call.into(), nth }),
                ],
            );
            // The calls are counted from here; these keys are enough to reach any of them.
            for _ in 0..8 {
                add_key(&server, &path, &format!("{keys}"));
                keys += 1;
                if !victim.is_alive() {
                    break;
                }
            }
            // The WAL is cut to nothing once no client writes; then the maintenance process has
            // made every call of its work.
            wait_for("the end of the victim or of its work", DEADLINE, || {
                (!victim.is_alive() || role == "worker" || is_cut(&server)).then_some(())
            });
            if victim.is_alive() {
                drop(strace);
            } else {
                strace.wait();
                killed += 1;
            }
        }
        expect_keys(&server, keys);
        assert!(killed > 0, "no {role} was killed at {call}");
        figures.push(json!({ "role": role, "call": call, "up_to": most, "killed": killed }));
    }
    let folder = server.kill_and_keep_the_folder();
    let server = Server::with_workers(1).in_folder(folder).start();
    expect_keys(&server, keys);
    report(4, "every_process_killed_at_every_call", form, TARGET, &json!(figures));
}

#[test]
fn processes_that_are_killed_at_any_call_lose_nothing_acknowledged() {
    every_process_killed_at_every_call(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn processes_that_are_killed_at_any_call_lose_nothing_acknowledged_long() {
    every_process_killed_at_every_call(Form::Long);
}
