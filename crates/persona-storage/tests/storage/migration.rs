//! Files of earlier versions of the schema: what their migration keeps, and which of them it
//! refuses.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::files::{Folder, bodies, check, open, patch, settings};
use persona_model::{Filter, ListRequest, Owned, Patch, Precondition, Revision, Search, Sort};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{CheckReport, DatabaseError, SqliteStore, initialise};
use persona_storage::{NoObserver, Operation, Store};
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;

/// A copy of a file of version 8 of the schema, made by a server of that version: five personas,
/// the first with 21 revisions in turns with those of the second, one deleted, one deleted and
/// restored, one with words in parts; and the records of repeated requests.
fn file_of_version_8() -> Folder {
    let folder = Folder::new();
    fs::write(folder.database(), include_bytes!("version-8.sqlite")).expect("a copy");
    folder
}

#[tokio::test]
async fn a_file_of_the_first_version_is_migrated_after_a_backup_and_can_be_searched() {
    let folder = file_of_version_8();
    let path = folder.database();
    let connection = Connection::open(&path).expect("it opens");
    connection.execute_batch("DROP TABLE text_parts; DROP TABLE persona_texts; DROP TABLE persona_titles; DROP TABLE meta; ALTER TABLE personas DROP COLUMN checksum; ALTER TABLE revisions DROP COLUMN checksum; PRAGMA user_version = 1").expect("as the first version made it");
    drop(connection);

    let report = initialise(&settings(&path)).expect("migrated");
    assert_eq!(
        (report.migrated_from, report.schema_version, report.converted_from),
        (Some(1), 15, None)
    );
    let backup = report.backup.expect("a backup");
    let names: Vec<String> =
        folder.names().into_iter().filter(|name| name.contains("before")).collect();
    assert_eq!(
        names,
        ["persona.db-before-version-15"],
        "one complete file, and nothing is left of making it"
    );
    let kept: u32 = Connection::open(backup)
        .expect("it opens")
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("a number");
    assert_eq!((kept, report.personas), (1, Some(4)));
    let store =
        SqliteStore::open(settings(&path), Arc::new(TestClock::default()), Arc::new(NoObserver))
            .expect("it opens");
    for sort in ["relevance", "name"] {
        let filter = Filter { search: Search::parse("\"old 2\"").ok(), ..Filter::default() };
        let sort = sort.parse::<Sort>().expect("an order");
        let page = store
            .list(ListRequest { filter, sort, after: None, limit: 10, count: false })
            .await
            .expect("listed");
        assert_eq!(
            page.items.iter().map(|answer| answer.id).collect::<Vec<_>>(),
            [id(2)],
            "{sort:?}"
        );
    }
}

/// SQL for what a file with an index on revisions says of them, in the order of its feed.
const REVISIONS_OF_VERSION_8: &str = "
    SELECT c.sequence, hex(c.persona), r.revision, r.parent, r.base, r.at, r.author, r.note, r.changed, r.deleted, r.checksum, r.head, r.document
    FROM changes AS c
    JOIN personas AS p ON p.id = c.persona
    JOIN revisions AS r ON r.persona = p.row_id AND r.revision = c.revision
    ORDER BY c.sequence";
/// The same for a file in which a revision has the number of its line in the feed.
const REVISIONS_OF_VERSION_9: &str = "
    SELECT c.sequence, hex(c.persona), r.revision, r.parent, r.base, r.at, r.author, r.note, r.changed, r.deleted, r.checksum, r.head, r.document
    FROM changes AS c
    JOIN revisions AS r ON r.sequence = c.sequence
    ORDER BY c.sequence";
const ROWS_OF_PERSONAS: &str = "
    SELECT row_id, hex(id), revision, name, kind, handle, is_active, created_at, updated_at, deleted_at, created_by, updated_by,
           hex(content_hash), checksum, head, document
    FROM personas
    ORDER BY row_id";
const TAGS: &str = "SELECT tag, persona FROM persona_tags ORDER BY tag, persona";

fn rows(path: &Path, sql: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).expect("it opens");
    let mut statement = connection.prepare(sql).expect("a statement");
    let columns = statement.column_count();
    let rows = statement
        .query_map([], |found| (0..columns).map(|column| found.get(column)).collect())
        .expect("rows");
    rows.collect::<rusqlite::Result<_>>().expect("readable")
}

#[tokio::test]
async fn a_file_of_version_8_keeps_every_revision_and_finds_each_one_without_an_index() {
    let folder = file_of_version_8();
    let path = folder.database();
    let before = [REVISIONS_OF_VERSION_8, ROWS_OF_PERSONAS, TAGS].map(|sql| rows(&path, sql));
    assert_eq!(before.each_ref().map(Vec::len), [34, 5, 2]);
    let report = initialise(&settings(&path)).expect("migrated");
    assert_eq!((report.migrated_from, report.schema_version), (Some(8), 15));
    assert_eq!(
        [REVISIONS_OF_VERSION_9, ROWS_OF_PERSONAS, TAGS].map(|sql| rows(&path, sql)),
        before
    );
    let checked = check(&path).expect("readable");
    assert!(checked.is_sound() && checked.revisions == 34, "{checked:?}");

    let clock = Arc::new(TestClock::default());
    let store = SqliteStore::open(settings(&path), clock, Arc::new(NoObserver)).expect("it opens");
    for number in 1..=21 {
        let revision = Revision::new(number).expect("a number");
        let found = store.revision(id(1), revision).await.expect("readable").expect("kept");
        let body = String::from_utf8_lossy(&found.representation.body).into_owned();
        assert_eq!(found.representation.revision, revision);
        assert!(number == 1 || body.contains(&format!("{{\"change\":{number}}}")), "{body}");
    }
    let next = store.revision(id(1), Revision::new(22).expect("a number")).await;
    assert!(matches!(next, Ok(None)), "{next:?}");
    // A new revision is chained to the revisions from before the migration.
    let operation = Operation::Patch {
        id: id(1),
        precondition: Precondition::Any,
        patch: Patch::merge(json!({ "nickname": "new" })).expect("a patch"),
        base: None,
    };
    let written = store.write(write(operation)).await.expect("written");
    assert_eq!(written.representation.revision.number(), 22);
    store.close().await;
    drop(store);
    let checked = check(&path);
    assert!(
        checked.as_ref().is_ok_and(|report| report.is_sound() && report.revisions == 35),
        "{checked:?}"
    );
}

#[tokio::test]
async fn a_file_from_before_owners_keeps_every_answer_and_every_tag() {
    let folder = Folder::filled(12).await;
    let path = folder.database();
    let before = bodies(&path, 12).await;
    let rows_before = rows(&path, ROWS_OF_PERSONAS);
    Connection::open(&path)
        .expect("it opens")
        .execute_batch(include_str!("../common/before_owners.sql"))
        .expect("as the version before left it");
    let report = initialise(&settings(&path)).expect("migrated");
    assert_eq!((report.migrated_from, report.schema_version), (Some(10), 15));
    assert_eq!(bodies(&path, 12).await, before, "an entity tag covers the stored text");
    assert_eq!(rows(&path, ROWS_OF_PERSONAS), rows_before);
    let checked = check(&path);
    assert!(checked.as_ref().is_ok_and(CheckReport::is_sound), "{checked:?}");

    let store = open(&path);
    let filter = Filter { owned: Some(Owned::ByNone), ..Filter::default() };
    let request = ListRequest { filter, sort: Sort::DEFAULT, after: None, limit: 50, count: true };
    // Every fifth persona is deleted.
    assert_eq!(store.list(request).await.expect("listed").total, Some(10));
    patch(&store, 1, &json!({ "owner": "ada" })).await;
    let second = document(json!({ "name": "x", "handle": "handle-1" }));
    let create = Operation::Create { id: id(99), document: second };
    store.write(write(create)).await.expect("the handle is free among those without an owner");
    store.close().await;
    drop(store);
    let checked = check(&path);
    assert!(checked.as_ref().is_ok_and(CheckReport::is_sound), "{checked:?}");
    folder.change("UPDATE personas SET owner = 'bea' WHERE row_id = 1");
    let checked = check(&path).expect("readable");
    assert!(!checked.is_sound(), "a column that lists read differs from the document: {checked:?}");
}

#[test]
fn a_file_with_revisions_that_could_not_be_found_again_is_refused_and_stays_as_it_was() {
    let missing_line = "DELETE FROM changes WHERE sequence = 9";
    let missing_revision = "DELETE FROM revisions WHERE persona = 1 AND revision = 3";
    let missing_persona = "PRAGMA foreign_keys = OFF; DELETE FROM personas WHERE row_id = 2";
    let swapped =
        "UPDATE changes SET revision = 30 WHERE sequence = (SELECT max(sequence) FROM changes)";
    for broken in [missing_line, missing_revision, missing_persona, swapped] {
        let folder = file_of_version_8();
        let path = folder.database();
        Connection::open(&path).expect("it opens").execute_batch(broken).expect("broken");
        let before = rows(&path, "SELECT name, sql FROM sqlite_schema ORDER BY name");
        let refused = initialise(&settings(&path)).expect_err("refused");
        assert!(matches!(refused, DatabaseError::Damaged { .. }), "{broken}: {refused:?}");
        assert!(refused.to_string().contains("feed"), "{broken}: {refused}");
        assert_eq!(rows(&path, "SELECT name, sql FROM sqlite_schema ORDER BY name"), before);
        assert_eq!(rows(&path, "PRAGMA user_version"), [[Value::Integer(8)]]);
    }
}
