//! Files that are removed or replaced under a running server: it stops with the reason, and nothing
//! acknowledged is lost.

use serde_json::json;

use crate::backup::program::succeed;
use crate::common::Server;

/// Applies this damage to the files of a running server, and checks the server's messages and what
/// it leaves.
fn assert_rescued(damage: impl Fn(&std::path::Path)) {
    let server = Server::with_workers(2).start();
    let body = json!({ "name": "acknowledged" }).to_string();
    let reply = server
        .connect()
        .request("POST", "/api/v1/personas", &[], body.as_bytes())
        .expect("an answer");
    assert_eq!(reply.status, 201, "{reply:?}");
    damage(&server.database());
    server.wait_for_log("was removed or replaced");
    let folder = server.folder().to_owned();
    // The folder is removed with the server, so the test looks at everything before.
    server.wait_for_log("stopped after");
    let entries = std::fs::read_dir(&folder).expect("readable");
    let rescued: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().display().to_string())
        .filter(|name| name.contains("-rescued-"))
        .collect();
    assert_eq!(rescued.len(), 1, "{rescued:?}");
    succeed(&folder, &["check", &rescued[0]]);
    assert!(succeed(&folder, &["list", "--database", &rescued[0]]).stdout.contains("acknowledged"));
    let ended = server.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
}

#[test]
fn a_database_that_is_replaced_under_a_running_server() {
    assert_rescued(|database| {
        std::fs::write(database.with_extension("other"), "something else").expect("written");
        std::fs::rename(database.with_extension("other"), database).expect("renamed");
    });
}

/// A process that opens the write lock after its file was removed locks another file, and takes no
/// turns with the processes that opened the old one.
#[test]
fn a_write_lock_that_is_removed_under_a_running_server() {
    assert_rescued(|database| {
        std::fs::remove_file(format!("{}-gate", database.display())).expect("removed");
    });
}

#[test]
fn a_wal_that_is_removed_under_a_running_server() {
    assert_rescued(|database| {
        std::fs::remove_file(format!("{}-wal", database.display())).expect("removed");
    });
}
