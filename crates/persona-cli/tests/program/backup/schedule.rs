//! The server's own backups.

use serde_json::json;

use crate::backup::program::succeed;
use crate::common::{DEADLINE, Server, wait_for};

#[test]
fn the_server_makes_backups_keeps_the_newest_and_tells_of_them() {
    let server = Server::with_workers(2).flag("--backup-every=1s").flag("--backup-keep=2").start();
    wait_for("three backups", DEADLINE, || {
        (server.metric("persona_backups_total") >= 3).then_some(())
    });
    assert_eq!(server.metric("persona_backups_failed_total"), 0);
    let status = server.connect().get("/api/v1/status").expect("an answer").json();
    assert!(
        status["backups"]["last_at"].as_str().is_some_and(|at| at.starts_with("20")),
        "{status}"
    );
    assert_eq!((&status["backups"]["failed"], &status["damage_found"]), (&json!(0), &json!(0)));
    server.wait_for_log("backup made and checked");
    let folder = server.stop_and_keep_the_folder();
    let entries = std::fs::read_dir(folder.path().join("persona.db-backups")).expect("the folder");
    let names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().display().to_string()).collect();
    assert!(
        names.len() == 2 && names.iter().all(|name| name.starts_with("persona-auto-")),
        "{names:?}"
    );
    for name in names {
        succeed(folder.path(), &["check", &format!("persona.db-backups/{name}")]);
    }
    assert!(
        !folder.path().join("persona.db-wal").exists(),
        "the maintenance process closed the file last"
    );
}

#[test]
fn a_backup_that_cannot_be_made_is_reported_and_the_server_goes_on() {
    let server = Server::with_workers(1)
        .flag("--backup-every=1h")
        .flag("--backup-dir=/proc/nowhere")
        .start();
    server.wait_for_log("could not make a backup");
    assert_eq!(server.metric("persona_backups_failed_total"), 1);
    assert_eq!(server.connect().get("/readyz").expect("an answer").status, 200);
}
