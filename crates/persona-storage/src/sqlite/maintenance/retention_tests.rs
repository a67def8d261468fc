//! Retention in a file with damaged histories, or with a damaged feed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use persona_model::{Clock, Patch, Precondition, Timestamp};
use rusqlite::Connection;
use serde_json::json;

use super::Maintenance;
use crate::conformance::{TestClock, document, id, write};
use crate::sqlite::tables::old_revisions::Found;
use crate::sqlite::{Settings, SqliteStore, initialise};
use crate::{HistoryLimits, HistoryPruned, NoObserver, Observer, Operation, Store};

/// Revisions of each persona, a day each.
const REVISIONS: u64 = 13;
const DAY_MICROS: i64 = 86_400_000_000;
const LIMITS: HistoryLimits = HistoryLimits { keep_for: None, keep_newest: Some(3) };

/// Counts what is told of damage.
#[derive(Default)]
struct Damaged(AtomicUsize);

impl Observer for Damaged {
    fn damage_found(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct File {
    _folder: tempfile::TempDir,
    settings: Settings,
    clock: Arc<TestClock>,
    observer: Arc<Damaged>,
}

impl File {
    /// Two personas with histories, which are changed in turn.
    async fn filled() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings =
            Settings { history: LIMITS, ..Settings::new(folder.path().join("persona.db")) };
        initialise(&settings).expect("a new file");
        let clock = Arc::new(TestClock::default());
        let store = SqliteStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver));
        let store = store.expect("it opens");
        for revision in 1..=REVISIONS {
            clock.advance_micros(DAY_MICROS);
            for number in [1, 2] {
                let (id, name) = (id(number), json!({ "name": revision.to_string() }));
                let operation = if revision == 1 {
                    Operation::Create { id, document: document(name) }
                } else {
                    let patch = Patch::merge(name).expect("a merge patch");
                    Operation::Patch { id, precondition: Precondition::Any, patch, base: None }
                };
                store.write(write(operation)).await.expect("written");
            }
        }
        store.close().await;
        clock.advance_micros(DAY_MICROS * 3);
        Self { _folder: folder, settings, clock, observer: Arc::default() }
    }

    fn change(&self, sql: &str) {
        let file = Connection::open(&self.settings.path).expect("it opens");
        file.execute_batch("PRAGMA ignore_check_constraints = ON").expect("a switch");
        assert_eq!(file.execute(sql, []), Ok(1));
    }

    fn maintenance(&self) -> Maintenance {
        Maintenance::open(&self.settings, self.clock.clone(), self.observer.clone())
            .expect("it opens")
    }

    fn told(&self) -> usize {
        self.observer.0.load(Ordering::Relaxed)
    }

    /// The revisions that are kept, and those of the second persona.
    fn kept(&self) -> (u64, u64) {
        let file = Connection::open(&self.settings.path).expect("it opens");
        let sql = "SELECT count(*), count(*) FILTER (WHERE r.sequence % 2 = 0)
                   FROM revisions AS r WHERE octet_length(r.head) > 0";
        let count = |row: &rusqlite::Row<'_>| {
            let (all, second): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok((all.unsigned_abs(), second.unsigned_abs()))
        };
        file.query_row(sql, [], count).expect("counted")
    }
}

/// The row of a revision of the first persona.
const fn row(revision: u64) -> u64 {
    revision * 2 - 1
}

/// Most revisions of the first persona are found over its revision 8.
fn damage_of_one() -> String {
    format!("UPDATE revisions SET earlier = x'00' WHERE sequence = {}", row(8))
}

#[tokio::test]
async fn damage_of_one_history_keeps_no_other_one_from_being_pruned() {
    let file = File::filled().await;
    file.change(&damage_of_one());
    let mut maintenance = file.maintenance();
    for _ in 0..3 {
        maintenance.tick().expect("the damage is passed over");
        let (all, second) = file.kept();
        assert_eq!(second, 4, "the first and the newest three");
        assert!(all > 8, "what cannot be found stays: {all}");
    }
    assert_eq!(file.told(), 1, "told once");
    maintenance.close().expect("closed");
}

#[tokio::test]
async fn a_command_passes_over_damaged_histories_and_tells_of_them() {
    let file = File::filled().await;
    file.change(&damage_of_one());
    let mut maintenance = file.maintenance();
    let told = maintenance.prune_now(LIMITS, true).expect("counted");
    let pruned = maintenance.prune_now(LIMITS, false).expect("dropped");
    assert_eq!((told, told.damaged), (pruned, 1));
    let again = maintenance.prune_now(LIMITS, false).expect("dropped");
    assert_eq!(again, HistoryPruned { damaged: 1, ..HistoryPruned::default() });
    maintenance.close().expect("closed");
}

#[tokio::test]
async fn what_is_damaged_when_it_is_dropped_takes_no_other_with_it() {
    let file = File::filled().await;
    let mut maintenance = file.maintenance();
    file.change(&damage_of_one());
    let found = [(1, 4), (2, 4), (2, 5)].map(|(number, revision)| Found {
        persona: id(number),
        revision,
        bytes: 0,
    });
    let now = Timestamp::from_micros(file.clock.now().as_micros());
    let pruned = maintenance.drop_found(&LIMITS, now, &found).expect("the damage is passed over");
    assert_eq!((pruned.revisions, pruned.damaged, file.told()), (2, 1, 1));
    maintenance.close().expect("closed");
}

#[tokio::test]
async fn a_damaged_feed_keeps_maintenance_from_nothing_else() {
    let file = File::filled().await;
    file.change("UPDATE changes SET persona = x'00' WHERE sequence = 2");
    let mut maintenance = file.maintenance();
    for _ in 0..3 {
        maintenance.tick().expect("the damage is passed over");
    }
    assert_eq!((file.told(), file.kept().0), (1, 2 * REVISIONS), "told once");
    maintenance.close().expect("closed");
}
