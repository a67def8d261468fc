//! Reads of a past beside a purge.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use persona_model::{LabelName, Precondition, Revision};
use rusqlite::Connection;
use serde_json::json;

use crate::conformance::{TestClock, document, id, label_move, soon, write};
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::error::from_driver;
use crate::sqlite::tables::{labels, revision_list, revisions};
use crate::sqlite::{Settings, SqliteStore, initialise};
use crate::{Error, LabelMoves, LabelTarget, NoObserver, Operation, Store};

/// Removes the only persona with its past, as a purge does.
const PURGE: &str = "
    BEGIN IMMEDIATE;
    DELETE FROM persona_tags; DELETE FROM labels; DELETE FROM label_moves;
    DELETE FROM personas; DELETE FROM revisions;
    COMMIT";

/// A read and what it found, as text.
type Read = fn(&Connection) -> Result<String, Error>;

const READS: [(&str, Read); 6] = [
    ("glance", |file| revisions::glance(file, id(1), past()).map(text)),
    ("answer", |file| revisions::representation(file, id(1), past()).map(text)),
    ("find", |file| revisions::find(file, id(1), past()).map(text)),
    ("page", |file| revision_list::page(file, id(1), None, 9).map(text).map_err(from_driver)),
    ("moves", |file| {
        labels::moves_of(file, id(1), &label(), None, 9).map(text).map_err(from_driver)
    }),
    ("labelled", |file| labels::labelled(file, id(1), &label()).map(text).map_err(from_driver)),
];

fn text(found: impl std::fmt::Debug) -> String {
    format!("{found:?}")
}

/// A revision that is found from another one.
fn past() -> Revision {
    Revision::new(5).expect("not zero")
}

fn label() -> LabelName {
    LabelName::parse("a").expect("a label")
}

/// A file with a persona of seven revisions, and a label on the last but one.
async fn fill(path: &Path) {
    let settings = Settings::new(path);
    initialise(&settings).expect("a new file");
    let store = SqliteStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver));
    let store = store.expect("it opens");
    let of = |number: u64| document(json!({ "name": number.to_string() }));
    store.write(write(Operation::Create { id: id(1), document: of(1) })).await.expect("created");
    for number in 2..=7 {
        if number == 7 {
            let moves = LabelMoves::one(label_move(1, "a", LabelTarget::Latest), soon());
            store.move_labels(moves).await.expect("moved");
        }
        let (precondition, document) = (Precondition::Any, of(number));
        let operation = Operation::Replace { id: id(1), precondition, document };
        store.write(write(operation)).await.expect("replaced");
    }
    store.close().await;
}

fn open(path: &Path, purpose: Purpose) -> Connection {
    connection::open(&Settings::new(path), purpose, Arc::new(NoObserver)).expect("it opens")
}

/// The read, with the purge at this step of its statements; and whether it has so many.
fn read_beside(path: &Path, read: Read, step: u64) -> (Result<String, Error>, bool) {
    let (writer, steps) = (open(path, Purpose::Write), Arc::new(AtomicU64::new(0)));
    let mut reader = open(path, Purpose::Read);
    let seen = Arc::clone(&steps);
    let at_step = move || {
        if seen.fetch_add(1, Ordering::Relaxed) == step {
            writer.execute_batch(PURGE).expect("purged");
        }
        false
    };
    reader.progress_handler(1, Some(at_step)).expect("a handler");
    let found = read(&reader);
    (found, steps.load(Ordering::Relaxed) > step)
}

#[tokio::test]
async fn a_read_beside_a_purge_finds_all_that_there_was_or_nothing_and_never_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = folder.path().join("template.db");
    fill(&template).await;
    let before = READS.map(|(_, read)| read(&open(&template, Purpose::Read)).expect("readable"));
    open(&template, Purpose::Write).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("done");
    let copied = |name: &str| {
        let path = folder.path().join(name);
        fs::copy(&template, &path).expect("a copy");
        path
    };
    let emptied = copied("emptied.db");
    open(&emptied, Purpose::Write).execute_batch(PURGE).expect("purged");
    for ((name, read), before) in READS.into_iter().zip(before) {
        let gone = read(&open(&emptied, Purpose::Read)).expect("readable");
        assert_ne!(gone, before, "{name}");
        for step in 0.. {
            let path = copied(&format!("{name}-{step}.db"));
            let (found, was_purged) = read_beside(&path, read, step);
            let found = found.unwrap_or_else(|error| panic!("{name} at step {step}: {error}"));
            assert!(found == before || found == gone, "{name} at step {step}: {found}");
            if !was_purged {
                assert!(step > 20, "{name} has {step} steps");
                break;
            }
        }
    }
}
