//! 28: two versions of the program meet on one file. So far there is one release, so a connection
//! plays the other version and does to the schema what that version would.

use std::io::ErrorKind;

use rusqlite::Connection;
use serde_json::json;

use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, Server, refused, wait_for};
use crate::ledger::read_whole;

const TARGET: &str = "no corruption, a clear refusal, for every pair of versions";

/// A version of the schema that this program does not know yet.
const NEWER: u32 = 1_000;

#[test]
fn a_server_under_which_a_newer_version_changes_the_schema_writes_nothing_more_and_ends() {
    let server = Server::with_workers(2).start();
    let path = create(&mut server.connect(), "survivor");
    let file = Connection::open(server.database()).expect("it opens");
    file.busy_timeout(DEADLINE).expect("a number");
    file.pragma_update(None, "user_version", NEWER).expect("a number");
    let (mut refusals, mut broken) = (0, 0);
    wait_for("a server that takes no connections", DEADLINE, || {
        let change = json!({ "extensions": { "late": 1 } });
        match Client::connect(server.address())
            .and_then(|mut client| patch(&mut client, &path, &change))
        {
            Ok(reply) => {
                assert_eq!(reply.status, 503, "{reply:?}");
                refusals += 1;
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => broken += 1,
            Err(error) => panic!("a request without an answer: {error}"),
        }
        server.log().contains("stopped after").then_some(())
    });
    let ended = server.wait();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains("version 1000"), "{}", ended.stderr);
    let revision: i64 =
        file.query_row("SELECT revision FROM personas", [], |row| row.get(0)).expect("a row");
    assert_eq!(revision, 1, "a write was made to a schema that is not known");
    report(
        28,
        "newer_version_beside",
        Form::Short,
        TARGET,
        &json!({ "refused": refusals, "broken": broken, "written": 0, "ended_with": ended.code }),
    );
}

#[test]
fn an_older_file_is_not_migrated_while_another_program_has_it_open() {
    let folder = Server::with_workers(1).start().stop_and_keep_the_folder();
    let database = folder.path().join("persona.db");
    let file = Connection::open(&database).expect("it opens");
    // The schema as version 3 left it.
    let tables = include_str!("../../../persona-storage/tests/common/to_version_8.sql");
    let search = include_str!("../../../persona-storage/migrations/sqlite/0002_search.sql");
    file.execute_batch(&format!(
        "PRAGMA foreign_keys = OFF; {tables}
         DROP TABLE text_parts; DROP TABLE persona_texts; DROP TABLE persona_titles; DROP TABLE meta; {search};
         PRAGMA user_version = 3; PRAGMA wal_checkpoint(TRUNCATE)"
    ))
    .expect("an older file");
    let ended = refused(folder.path(), &[]);
    assert_eq!(ended.code, Some(75), "{}", ended.stderr);
    let words =
        [format!("in use by process {}", std::process::id()), "hint: stop the server".into()];
    assert!(words.iter().all(|words| ended.stderr.contains(words)), "{}", ended.stderr);
    let version: u32 =
        file.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number");
    assert_eq!(version, 3);
    drop(file);
    let server = Server::with_workers(1).in_folder(folder).start();
    create(&mut server.connect(), "later");
    assert_eq!(read_whole(&server.database()).personas.len(), 1);
    report(
        28,
        "older_file_in_use",
        Form::Short,
        TARGET,
        &json!({ "refused_with": ended.code, "migrated_afterwards": true }),
    );
}
