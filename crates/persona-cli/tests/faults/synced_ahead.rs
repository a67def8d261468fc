//! 6: a sync fails that the maintenance process makes ahead of a WAL reset (`sqlite/sync.rs`). The
//! syncs of the reset itself would succeed afterwards, without the lost pages.

use serde_json::json;

use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, Server, wait_for};
use crate::strace::{Attached, Point, fail_at, is_there};

const NAME: &str = "a_failed_sync_ahead_of_a_reset";

/// The syncs of a reset on a quiet server are in this order: the checkpoint syncs the WAL and the
/// database file; then both are synced once more ahead of the reset, which has nothing to sync.
/// These are the numbers of the last two.
const AHEAD: [u64; 2] = [3, 4];

/// Fails one sync of a reset. Returns whether every process was replaced.
fn replaces_every_process(nth: u64) {
    let server = Server::with_workers(1).flag("--durability=full").start();
    let path = create(&mut server.connect(), "survivor");
    let of_both = || [server.processes("maintenance"), server.processes("worker")].concat();
    let before = of_both();
    // By then all earlier frames were reset, and their syncs are over.
    let is_cut = || {
        std::fs::metadata(server.folder().join("persona.db-wal")).is_ok_and(|wal| wal.len() == 0)
    };
    wait_for("an empty WAL", DEADLINE, || is_cut().then_some(()));
    let point = Point { call: "fsync".into(), nth };
    let options = ["-o".into(), "/dev/null".into(), "-e".into(), fail_at(&point, "EIO", false)];
    let maintenance = Attached::to(before[0].pid, &options);
    let change = json!({ "extensions": { "kept": 1 } });
    assert_eq!(patch(&mut server.connect(), &path, &change).expect("an answer").status, 200);
    wait_for("new processes only", DEADLINE, || {
        let now = of_both();
        (now.len() == 2 && now.iter().all(|new| before.iter().all(|old| old.pid != new.pid)))
            .then_some(())
    });
    drop(maintenance);
    server.wait_for_log(
        "a sync of the disk failed or a commit is in doubt: all processes are replaced",
    );
    let kept = wait_for("an answer", DEADLINE, || {
        let reply = Client::connect(server.address()).and_then(|mut client| client.get(&path));
        reply.ok().filter(|reply| reply.status == 200)
    });
    assert_eq!(kept.json()["extensions"], json!({ "kept": 1 }), "the {nth}. sync");
}

#[test]
fn a_failed_sync_ahead_of_a_reset_is_a_failed_sync_like_any_other() {
    if !is_there(NAME) {
        return;
    }
    for nth in AHEAD {
        replaces_every_process(nth);
    }
    let figures = json!({ "syncs": AHEAD, "lost": 0 });
    report(6, NAME, Form::Short, "every process replaced, counted and logged", &figures);
}
