//! Purges of several steps: what each removes, and what comes of one that ended in between.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use persona_model::Precondition;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::purge;
use crate::conformance::{TestClock, document, id, soon, write};
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::tables::purged::REMOVED_AT_ONCE;
use crate::sqlite::tables::row;
use crate::sqlite::{Maintenance, Settings, SqliteStore, back_up, check, initialise};
use crate::time::Time;
use crate::{NoObserver, Observer, Operation, Purge, Store};

/// So many revisions that two transactions after the first have something to remove.
const REVISIONS: u64 = 2 * REMOVED_AT_ONCE + 9;
/// Characters of a text of which four fit into one step, and five do not.
const LARGE: usize = 1_000_000;

/// A file with some personas, each with so many revisions of this document.
struct File {
    _folder: TempDir,
    settings: Settings,
    clock: Arc<TestClock>,
}

impl File {
    async fn filled(personas: u8, revisions: u64, of: impl Fn(u64) -> Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let clock = Arc::new(TestClock::default());
        let store = SqliteStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver));
        let store = store.expect("it opens");
        for number in 1..=personas {
            let create = Operation::Create { id: id(number), document: document(of(0)) };
            store.write(write(create)).await.expect("created");
            for revision in 1..revisions {
                let (precondition, document) = (Precondition::Any, document(of(revision)));
                let operation = Operation::Replace { id: id(number), precondition, document };
                store.write(write(operation)).await.expect("replaced");
            }
        }
        store.close().await;
        Self { _folder: folder, settings, clock }
    }

    fn open(&self, purpose: Purpose) -> Connection {
        connection::open(&self.settings, purpose, Arc::new(NoObserver)).expect("it opens")
    }

    /// Does the first step of a purge, and no other. Tells whether there are more.
    fn begin_to_purge(&self, number: u8) -> bool {
        let writer = self.open(Purpose::Write);
        writer.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
        let wanted = Purge::new(id(number), Precondition::Any, soon());
        let (_, is_more) = purge(&writer, &wanted, &Time::new(self.clock.clone())).expect("purged");
        writer.execute_batch("COMMIT").expect("committed");
        is_more
    }

    fn maintenance(&self, observer: Arc<dyn Observer>) -> Maintenance {
        Maintenance::open(&self.settings, self.clock.clone(), observer).expect("it opens")
    }

    /// How many revisions the file has.
    fn revisions(&self) -> u64 {
        let sql = "SELECT count(*) FROM revisions";
        let count = self.open(Purpose::Read).query_row(sql, [], |found| row::number(found, 0));
        count.expect("counted")
    }

    #[track_caller]
    fn assert_sound(&self) {
        let report = check(&self.settings.path, &mut |_| ControlFlow::Continue(()));
        let report = report.expect("it can be read");
        assert!(report.is_sound(), "{report:?}");
    }
}

fn named(number: u64) -> Value {
    json!({ "name": number.to_string() })
}

#[tokio::test]
async fn a_purge_that_ended_after_its_first_transaction_is_finished_by_maintenance() {
    let file = File::filled(1, REVISIONS, named).await;
    assert!(file.begin_to_purge(1), "there is more");
    file.assert_sound();
    assert_eq!(file.revisions(), REVISIONS - REMOVED_AT_ONCE);
    let mut maintenance = file.maintenance(Arc::new(NoObserver));
    for left in [REVISIONS - 2 * REMOVED_AT_ONCE, 0, 0] {
        maintenance.tick().expect("done");
        assert_eq!(file.revisions(), left, "one step in each tick");
    }
    maintenance.close().expect("closed");
    file.assert_sound();
}

#[tokio::test]
async fn a_file_with_an_unfinished_purge_is_backed_up() {
    let file = File::filled(2, REMOVED_AT_ONCE + 5, named).await;
    assert!(file.begin_to_purge(1), "there is more");
    let copy = file.settings.path.with_file_name("copy.db");
    let done = back_up(&file.settings.path, &copy, false, &mut |_| ControlFlow::Continue(()));
    let content = done.expect("a backup").content;
    assert_eq!((content.personas, content.revisions), (1, REMOVED_AT_ONCE + 5));
    let again = copy.with_file_name("again.db");
    back_up(&copy, &again, false, &mut |_| ControlFlow::Continue(())).expect("a copy of the copy");
}

#[tokio::test]
async fn a_step_of_a_purge_removes_as_many_large_revisions_as_its_bytes_allow() {
    let large = |number: u64| json!({ "name": "x", "extensions": { number.to_string(): "x".repeat(LARGE) } });
    let file = File::filled(1, 9, large).await;
    assert!(file.begin_to_purge(1), "there is more");
    assert_eq!(file.revisions(), 5);
    let mut maintenance = file.maintenance(Arc::new(NoObserver));
    for left in [1, 0] {
        maintenance.tick().expect("done");
        assert_eq!(file.revisions(), left);
    }
    maintenance.close().expect("closed");
    file.assert_sound();
}

/// Counts what is told of damage.
#[derive(Default)]
struct Damaged(AtomicUsize);

impl Observer for Damaged {
    fn damage_found(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn damage_of_one_purged_persona_keeps_maintenance_from_nothing_else() {
    let file = File::filled(2, REMOVED_AT_ONCE + 5, named).await;
    assert!(file.begin_to_purge(1) && file.begin_to_purge(2), "there is more");
    let breaking = "UPDATE revisions SET earlier = x'00' WHERE sequence = 4";
    assert_eq!(file.open(Purpose::Write).execute(breaking, []), Ok(1));
    let observer = Arc::new(Damaged::default());
    let mut maintenance = file.maintenance(observer.clone());
    for left in [10, 5, 5, 5] {
        maintenance.tick().expect("the damage is passed over");
        assert_eq!(file.revisions(), left);
    }
    assert_eq!(observer.0.load(Ordering::Relaxed), 1, "told once");
    maintenance.close().expect("closed");
}

#[tokio::test]
async fn a_purge_is_answered_as_made_once_its_first_transaction_is_committed() {
    let file = File::filled(1, REMOVED_AT_ONCE + 5, named).await;
    let breaking = "UPDATE revisions SET earlier = x'00' WHERE sequence = 4";
    assert_eq!(file.open(Purpose::Write).execute(breaking, []), Ok(1));
    let store = SqliteStore::open(file.settings.clone(), file.clock.clone(), Arc::new(NoObserver));
    let store = store.expect("it opens");
    let told = store.purge(Purge::new(id(1), Precondition::Any, soon())).await.expect("purged");
    assert_eq!(store.tombstone(id(1)).await.expect("readable"), Some(told));
    store.close().await;
    assert_eq!(file.revisions(), 5, "what could not be removed is left");
}
