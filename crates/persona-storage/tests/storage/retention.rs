//! Old revisions that go from a file where a setting says so: in ticks of maintenance, at once, or
//! only counted.

use std::sync::Arc;

use persona_model::{Precondition, Revision};
use persona_storage::conformance::{TestClock, id, soon};
use persona_storage::memory::MemoryStore;
use persona_storage::sqlite::{Maintenance, Settings, SqliteStore, initialise};
use persona_storage::{Error, HistoryLimits, HistoryPruned, NoObserver, Purge, Store};

use crate::files::{Folder, check};
use crate::old_histories::{
    CASES, CASES_OF_IMPORTED, DAY, compare, fill, import_with_gaps, kept_of_imported, limits,
};

/// A file and the oracle with the same content.
struct Filled {
    folder: Folder,
    clock: Arc<TestClock>,
    oracle: MemoryStore,
}

impl Filled {
    async fn new() -> Self {
        let (folder, clock) = (Folder::new(), Arc::new(TestClock::default()));
        let settings = Settings::new(folder.database());
        initialise(&settings).expect("a new file");
        let store = SqliteStore::open(settings, clock.clone(), Arc::new(NoObserver));
        let store = store.expect("it opens");
        fill(&store, &clock).await;
        store.close().await;
        let of_oracle = Arc::new(TestClock::default());
        let oracle = MemoryStore::new(of_oracle.clone());
        fill(&oracle, &of_oracle).await;
        Self { folder, clock, oracle }
    }

    fn maintenance(&self, history: HistoryLimits) -> Maintenance {
        let settings = Settings { history, ..Settings::new(self.folder.database()) };
        Maintenance::open(&settings, self.clock.clone(), Arc::new(NoObserver)).expect("it opens")
    }

    fn open(&self) -> SqliteStore {
        let settings = Settings::new(self.folder.database());
        let store = SqliteStore::open(settings, self.clock.clone(), Arc::new(NoObserver));
        store.expect("it opens")
    }

    /// Compares every revision of the file with the oracle, and checks the file.
    async fn compare(&self, dropped: u64) {
        let report = check(&self.folder.database()).expect("it can be read");
        assert!(report.is_sound(), "{report:?}");
        assert_eq!(report.dropped_revisions, dropped);
        let store = self.open();
        compare(&store, &self.oracle).await;
        store.close().await;
    }
}

#[tokio::test]
async fn what_goes_is_what_the_oracle_lets_go_and_a_dry_run_tells_it_before() {
    for (days, newest) in CASES {
        let (filled, limits) = (Filled::new().await, limits(days, newest));
        let mut maintenance = filled.maintenance(HistoryLimits::default());
        let told = maintenance.prune_now(limits, true).expect("counted");
        filled.compare(0).await;
        let pruned = maintenance.prune_now(limits, false).expect("dropped");
        let again = maintenance.prune_now(limits, false).expect("nothing is left to go");
        maintenance.close().expect("closed");
        let wanted = filled.oracle.prune(&limits).expect("dropped");
        assert_eq!((told, pruned, again), (wanted, wanted, HistoryPruned::default()), "{limits:?}");
        assert_eq!(pruned.revisions > 0, days != Some(1000), "{limits:?}");
        filled.compare(pruned.revisions).await;
    }
}

#[tokio::test]
async fn maintenance_drops_step_by_step_and_goes_on_where_it_was() {
    let (filled, limits) = (Filled::new().await, limits(Some(30), None));
    let mut maintenance = filled.maintenance(limits);
    maintenance.tick().expect("done");
    maintenance.close().expect("closed");
    let first = filled.oracle.prune(&limits).expect("dropped");
    assert!(first.revisions > 20, "{first:?}");
    filled.compare(first.revisions).await;
    // A month later what has become old goes too, and the last two stay.
    filled.clock.advance_micros(40 * DAY);
    let mut maintenance = filled.maintenance(limits);
    maintenance.tick().expect("done");
    maintenance.close().expect("closed");
    let report = check(&filled.folder.database()).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    // Persona 1 keeps 1, 5 and the last two, persona 2 what moved its handle or deleted it too.
    let kept = report.revisions - report.dropped_revisions;
    assert_eq!(kept, 4 + 6, "{report:?}");
}

#[tokio::test]
async fn without_limits_nothing_goes() {
    let filled = Filled::new().await;
    let mut maintenance = filled.maintenance(HistoryLimits::default());
    maintenance.tick().expect("done");
    let pruned = maintenance.prune_now(HistoryLimits::default(), false).expect("done");
    maintenance.close().expect("closed");
    assert_eq!(pruned, HistoryPruned::default());
    filled.compare(0).await;
    let found = filled.oracle.revision(id(1), Revision::new(99).expect("not zero")).await;
    assert!(!matches!(found, Err(Error::RevisionDropped { .. })), "it never was");
}

#[tokio::test]
async fn what_is_before_an_imported_gap_goes_as_the_oracle_lets_it_go() {
    for (days, newest, kept) in CASES_OF_IMPORTED {
        for at_once in [true, false] {
            let (filled, limits) = (Filled::new().await, limits(days, newest));
            let store = filled.open();
            import_with_gaps(&store, &filled.clock).await;
            let of_oracle = Arc::new(TestClock::default());
            let oracle = MemoryStore::new(of_oracle.clone());
            import_with_gaps(&oracle, &of_oracle).await;
            oracle.prune(&limits).expect("dropped");
            assert_eq!(kept_of_imported(&oracle).await, kept, "{limits:?}");
            let mut maintenance = filled.maintenance(limits);
            if at_once {
                maintenance.prune_now(limits, false).expect("dropped");
            } else {
                maintenance.tick().expect("done");
            }
            maintenance.close().expect("closed");
            assert_eq!(kept_of_imported(&store).await, kept, "{limits:?}, at once: {at_once}");
            store.close().await;
        }
    }
}

#[tokio::test]
async fn what_a_purge_leaves_of_a_persona_with_imported_gaps_is_sound() {
    let filled = Filled::new().await;
    let store = filled.open();
    import_with_gaps(&store, &filled.clock).await;
    let purge = Purge::new(id(3), Precondition::Any, soon());
    store.purge(purge).await.expect("purged");
    store.close().await;
    let report = check(&filled.folder.database()).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
}
