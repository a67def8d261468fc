//! Histories that have outgrown the personas: the start of a server and `persona doctor` say so.

use std::path::Path;
use std::process::Command;

use persona_test_support::Cluster;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::personas::{create, patch};
use crate::common::{ON_POSTGRES, Server};

/// What the log says.
const WARNING: &str = "the revisions take many times as much as the personas";

/// Makes the first revisions as large as many together are after years.
fn lengthen(server: &Server) {
    if ON_POSTGRES {
        let url = server.database_argument();
        let database = url.rsplit('/').next().and_then(|rest| rest.split('?').next());
        // A server compresses long texts, unless it is told not to.
        let sql = "ALTER TABLE persona_store.revisions ALTER document SET STORAGE EXTERNAL;
                   UPDATE persona_store.revisions SET document = repeat('x', 70000000) WHERE revision = 1";
        Cluster::shared().sql(database.expect("a name"), sql);
    } else {
        let file = rusqlite::Connection::open(server.database()).expect("it opens");
        let sql = "UPDATE revisions SET document = hex(zeroblob(35000000)) WHERE revision = 1";
        assert_eq!(file.execute(sql, []), Ok(1));
    }
}

/// What the doctor says of histories: the level, the message and what to do.
fn examined(folder: &Path, database: &str) -> Value {
    let ran = Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(["doctor", "--json", "--database", database])
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the built program");
    let report: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks").iter();
    let mut of_histories = checks.filter(|check| check["name"] == "history");
    of_histories.next().expect("a check of histories").clone()
}

/// Stops a server, and returns everything that it wrote to its log.
fn log_of(server: Server) -> String {
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn the_start_and_the_doctor_tell_of_histories_that_have_outgrown_the_personas() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    patch(&mut client, &path, &json!({ "name": "Ada L." })).expect("an answer");
    let folder = server.folder().to_owned();
    let database = server.database_argument();
    assert_eq!(examined(&folder, &database)["level"], "ok");
    lengthen(&server);
    let told = examined(&folder, &database);
    assert_eq!(told["level"], "warn", "{told}");
    assert!(told["message"].as_str().expect("a text").starts_with("the revisions take about"));
    assert!(told["fix"].as_str().expect("a text").contains("persona prune --dry-run"), "{told}");
    let folder = server.stop_and_keep_the_folder();
    let server = Server::with_workers(1).in_folder(folder).start();
    server.wait_for_log(WARNING);
    let folder = server.stop_and_keep_the_folder();
    // Where a setting lets old revisions go there is nothing to be told.
    let limited = Server::with_workers(1).flag("--history-keep=365d").in_folder(folder).start();
    let log = log_of(limited);
    assert!(!log.contains(WARNING), "{log}");
}
