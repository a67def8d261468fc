//! The check of a file beside a purge, an autosave, and revisions that are dropped because they are
//! old.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use persona_model::{Clock, Patch, Precondition, Timestamp};
use rusqlite::Connection;
use serde_json::json;

use super::{Examination, Scope, Steps, chain};
use crate::conformance::{TestClock, document, id, soon, write};
use crate::sqlite::check::CheckReport;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::search::Entries;
use crate::sqlite::start::migrate;
use crate::sqlite::tables::old_revisions::{self, Found};
use crate::sqlite::write::purge_task::purge;
use crate::sqlite::write::transaction::{Step, apply};
use crate::sqlite::{Settings, SqliteStore, initialise};
use crate::time::Time;
use crate::{HistoryLimits, NoObserver, Operation, Purge, Squash, Store, Write};

/// Every so many of SQLite's steps the file is changed: each statement has a few times as many.
const APART: u64 = 7;
/// The revision of each persona, which is an autosave.
const NEWEST: u64 = 7;
const YEAR_MICROS: i64 = 365 * 86_400_000_000;

/// An autosave of the first persona or another one.
fn autosave(number: u8, text: &str) -> Write {
    let patch = Patch::merge(json!({ "description": text })).expect("a merge patch");
    let (id, precondition) = (id(number), Precondition::Any);
    let mut write = write(Operation::Patch { id, precondition, patch, base: None });
    write.author = Some("Ada".into());
    write.squash = Squash::of_seconds(900);
    write
}

/// A file with two personas of some revisions.
async fn fill(path: &Path) {
    let settings = Settings::new(path);
    initialise(&settings).expect("a new file");
    let store = SqliteStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver));
    let store = store.expect("it opens");
    for number in 1..=2 {
        let of = |text: &str| document(json!({ "name": "x", "description": text }));
        let create = Operation::Create { id: id(number), document: of("a b") };
        store.write(write(create)).await.expect("created");
        for text in 2..NEWEST {
            let document = of(&format!("{text} c"));
            let operation =
                Operation::Replace { id: id(number), precondition: Precondition::Any, document };
            store.write(write(operation)).await.expect("replaced");
        }
        store.write(autosave(number, "d")).await.expect("saved");
    }
    store.close().await;
    drop(store);
    open(path, Purpose::Write).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("done");
}

fn open(path: &Path, purpose: Purpose) -> Connection {
    connection::open(&Settings::new(path), purpose, Arc::new(NoObserver)).expect("it opens")
}

/// What another process does to the first persona, in a transaction.
type Change = fn(&Connection);

fn purge_it(writer: &Connection) {
    let wanted = Purge::new(id(1), Precondition::Any, soon());
    let time = Time::new(Arc::new(TestClock::default()));
    let (_, is_more) = purge(writer, &wanted, &time).expect("purged");
    assert!(!is_more, "everything is removed at once");
}

fn squash_it(writer: &Connection) {
    let now = TestClock::default().now().as_micros() + 1_000_000;
    let now = Timestamp::from_micros(now);
    let step = apply(writer, &autosave(1, "e f"), None, usize::MAX, now, u64::MAX);
    let Ok(Step::Applied(applied)) = step else { panic!("it is not saved") };
    let mut entries = Entries::default();
    applied.entry.into_iter().for_each(|entry| entries.add(entry));
    entries.write(writer).expect("written");
    assert_eq!(applied.written.representation.revision.number(), NEWEST + 1);
}

fn drop_old(writer: &Connection, revisions: impl Iterator<Item = u64>) {
    let limits = HistoryLimits { keep_for: None, keep_newest: Some(1) };
    let now = Timestamp::from_micros(TestClock::default().now().as_micros() + YEAR_MICROS);
    let found: Vec<Found> =
        revisions.map(|revision| Found { persona: id(1), revision, bytes: 0 }).collect();
    let pruned = old_revisions::drop_all(writer, &limits, now, &found).expect("dropped");
    assert_eq!(pruned.revisions, found.len() as u64);
}

/// Checks the rows of a file; at this step it is changed. Tells whether there were so many.
fn check_beside(path: &Path, step: u64, at_once: u64, change: Change) -> (CheckReport, bool) {
    let (writer, seen) = (open(path, Purpose::Write), Arc::new(AtomicU64::new(0)));
    let steps = Arc::clone(&seen);
    let at_step = move || {
        if steps.fetch_add(1, Ordering::Relaxed) == step {
            writer.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
            change(&writer);
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
    Examination { path, connection, steps, report: &mut report, watcher, at_once }
        .rows(Scope::WithWords)
        .expect("checked");
    (report, seen.load(Ordering::Relaxed) > step)
}

/// Changes a file at each step of a check of its own, which reads so many revisions at once.
async fn assert_sound_beside(change: Change, at_once: &[u64]) {
    let folder = tempfile::tempdir().expect("a folder");
    let template = folder.path().join("template.db");
    fill(&template).await;
    for at_once in at_once.iter().copied() {
        for step in (0..).step_by(usize::try_from(APART).expect("few")) {
            let path = folder.path().join(format!("{step}.db"));
            fs::copy(&template, &path).expect("a copy");
            let (report, was_changed) = check_beside(&path, step, at_once, change);
            let problems = &report.problems;
            assert!(report.is_sound(), "at step {step}, {at_once} at once: {problems:#?}");
            if !was_changed {
                assert!(step > 100 * APART, "only {step} steps");
                break;
            }
            fs::remove_file(&path).expect("removed");
        }
    }
}

#[tokio::test]
async fn a_purge_at_any_step_of_a_check_is_no_damage() {
    assert_sound_beside(purge_it, &[chain::AT_ONCE, 2]).await;
}

#[tokio::test]
async fn an_autosave_at_any_step_of_a_check_is_no_damage() {
    assert_sound_beside(squash_it, &[chain::AT_ONCE, 2]).await;
}

#[tokio::test]
async fn old_revisions_that_go_at_any_step_of_a_check_are_no_damage() {
    let some = |writer: &Connection| drop_old(writer, 4..=4);
    assert_sound_beside(some, &[chain::AT_ONCE, 2]).await;
    let all = |writer: &Connection| drop_old(writer, [5, 3, 4, 2].into_iter());
    assert_sound_beside(all, &[2]).await;
}
