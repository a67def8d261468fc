//! What is left in a file of a persona that was purged while it was copied.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use super::{put_entries, put_persona};
use crate::conformance::{document, id};
use crate::sqlite::start::migrate;
use crate::transfer::{Entry, EntryOf, PurgeRow, RevisionRow};

/// A word that is in no other place.
const SECRET: &str = "xyzzyplugh";

/// The line of a creation and that of a purge.
fn entries() -> [Entry; 2] {
    let document = document(json!({ "name": "Ada", "extensions": { "said": SECRET.repeat(999) } }));
    let revision = RevisionRow {
        created_at: 1,
        created_by: None,
        parent: None,
        base: None,
        made_at: 1,
        author: None,
        note: None,
        changed: "[]".into(),
        deleted: false,
        metadata: "{}".into(),
        document: document.text().into(),
    };
    let purge = PurgeRow { owner: String::new(), author: None };
    [("created", EntryOf::Revision(revision.into())), ("purged", EntryOf::Purge(purge))]
        .into_iter()
        .zip(1..)
        .map(|((kind, of), sequence)| {
            let (persona, kind) = (id(1), kind.into());
            Entry { sequence, persona, revision: 1, kind, at: sequence, of }
        })
        .collect::<Vec<_>>()
        .try_into()
        .expect("two")
}

fn has_secret(path: &Path) -> bool {
    let bytes = fs::read(path).expect("a file");
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

#[test]
fn a_persona_that_is_purged_while_it_is_copied_leaves_nothing_in_free_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("persona.db");
    let connection = Connection::open(&path).expect("it opens");
    migrate::apply(&connection, 0, migrate::VERSION).expect("a schema");
    let order = "CREATE TABLE move_order (id BLOB PRIMARY KEY, row_id INTEGER NOT NULL)";
    connection.execute_batch(order).expect("a table");
    let [creation, purge] = entries();
    let transaction = connection.unchecked_transaction().expect("a transaction");
    let histories = put_entries(&transaction, std::slice::from_ref(&creation)).expect("copied");
    let persona = creation.persona_row().expect("readable").expect("a revision");
    put_persona(&transaction, &persona, &histories[&id(1)]).expect("copied");
    transaction.commit().expect("committed");
    assert!(has_secret(&path));
    let transaction = connection.unchecked_transaction().expect("a transaction");
    put_entries(&transaction, &[purge]).expect("purged");
    transaction.commit().expect("committed");
    assert!(!has_secret(&path));
}
