//! The check of a file beside a purge.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use persona_model::Precondition;
use rusqlite::Connection;
use serde_json::json;

use super::{Examination, Scope, Steps};
use crate::conformance::{TestClock, document, id, soon, write};
use crate::sqlite::check::CheckReport;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::start::migrate;
use crate::sqlite::write::purge_task::purge;
use crate::sqlite::{Settings, SqliteStore, initialise};
use crate::time::Time;
use crate::{NoObserver, Operation, Purge, Store};

/// Every so many of SQLite's steps the persona is purged: each statement has a few times as many.
const APART: u64 = 7;

/// A file with two personas of three revisions.
async fn fill(path: &Path) {
    let settings = Settings::new(path);
    initialise(&settings).expect("a new file");
    let store = SqliteStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver));
    let store = store.expect("it opens");
    for number in 1..=2 {
        let of = |text: &str| document(json!({ "name": "x", "description": text }));
        let create = Operation::Create { id: id(number), document: of("a b") };
        store.write(write(create)).await.expect("created");
        for text in ["b", "c d"] {
            let (precondition, document) = (Precondition::Any, of(text));
            let operation = Operation::Replace { id: id(number), precondition, document };
            store.write(write(operation)).await.expect("replaced");
        }
    }
    store.close().await;
    drop(store);
    open(path, Purpose::Write).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("done");
}

fn open(path: &Path, purpose: Purpose) -> Connection {
    connection::open(&Settings::new(path), purpose, Arc::new(NoObserver)).expect("it opens")
}

/// Checks the rows of a file; at this step the first persona is purged. Tells whether there were so
/// many.
fn check_beside_a_purge(path: &Path, step: u64) -> (CheckReport, bool) {
    let (writer, seen) = (open(path, Purpose::Write), Arc::new(AtomicU64::new(0)));
    let steps = Arc::clone(&seen);
    let at_step = move || {
        if steps.fetch_add(1, Ordering::Relaxed) == step {
            writer.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
            let wanted = Purge::new(id(1), Precondition::Any, soon());
            let time = Time::new(Arc::new(TestClock::default()));
            let (_, is_more) = purge(&writer, &wanted, &time).expect("purged");
            assert!(!is_more, "everything is removed at once");
            writer.execute_batch("COMMIT").expect("committed");
        }
        false
    };
    let mut connection = open(path, Purpose::Read);
    let steps = Steps::of(&mut connection).expect("a handler");
    connection.progress_handler(1, Some(at_step)).expect("a handler");
    let mut report = CheckReport { schema_version: migrate::VERSION, ..CheckReport::default() };
    let watcher = &mut |_| ControlFlow::Continue(());
    let (connection, watcher) = (&connection, watcher as _);
    Examination { path, connection, steps, report: &mut report, watcher }
        .rows(Scope::WithWords)
        .expect("checked");
    (report, seen.load(Ordering::Relaxed) > step)
}

#[tokio::test]
async fn a_purge_at_any_step_of_a_check_is_no_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = folder.path().join("template.db");
    fill(&template).await;
    for step in (0..).step_by(usize::try_from(APART).expect("few")) {
        let path = folder.path().join(format!("{step}.db"));
        fs::copy(&template, &path).expect("a copy");
        let (report, was_purged) = check_beside_a_purge(&path, step);
        assert!(report.is_sound(), "at step {step}: {:#?}", report.problems);
        if !was_purged {
            assert!(step > 100 * APART, "only {step} steps");
            break;
        }
        fs::remove_file(&path).expect("removed");
    }
}
