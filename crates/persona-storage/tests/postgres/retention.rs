//! Old revisions that go from a database on a server: the same as from a file, and none that a
//! label is moved to meanwhile.

use std::sync::Arc;

use persona_model::Revision;
use persona_storage::conformance::{TestClock, id, label_move, soon};
use persona_storage::memory::MemoryStore;
use persona_storage::postgres::{self, Maintenance, PostgresStore};
use persona_storage::{HistoryPruned, LabelMoves, LabelTarget, NoObserver, Store};
use persona_test_support::Cluster;

use crate::old_histories::{
    CASES, CASES_OF_IMPORTED, DAYS, compare, fill, import_with_gaps, kept_of_imported, limits,
};

/// A database with histories of some months.
struct Filled {
    /// Its name.
    database: String,
    settings: postgres::Settings,
    store: PostgresStore,
    clock: Arc<TestClock>,
}

impl Filled {
    async fn new() -> Self {
        let cluster = Cluster::shared();
        let clock = Arc::new(TestClock::default());
        let database = cluster.database();
        let url = cluster.socket_url(&database);
        let settings = postgres::Settings::parse(&url).expect("a URL");
        postgres::initialise(&settings).expect("an empty database");
        let store = PostgresStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver));
        let store = store.expect("it opens");
        fill(&store, &clock).await;
        Self { database, settings, store, clock }
    }

    fn maintenance(&self) -> Maintenance {
        Maintenance::open(&self.settings, self.clock.clone()).expect("it opens")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_is_what_the_oracle_lets_go_and_a_dry_run_tells_it_before() {
    for (days, newest) in CASES {
        let (filled, limits) = (Filled::new().await, limits(days, newest));
        let clock = Arc::new(TestClock::default());
        let oracle = MemoryStore::new(clock.clone());
        fill(&oracle, &clock).await;
        let mut maintenance = filled.maintenance();
        let told = maintenance.prune_now(limits, true).expect("counted");
        compare(&filled.store, &oracle).await;
        let pruned = maintenance.prune_now(limits, false).expect("dropped");
        let again = maintenance.prune_now(limits, false).expect("nothing is left to go");
        let wanted = oracle.prune(&limits).expect("dropped");
        assert_eq!((told, pruned, again), (wanted, wanted, HistoryPruned::default()), "{limits:?}");
        compare(&filled.store, &oracle).await;
        filled.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_of_one_history_keeps_no_other_one_from_being_pruned() {
    let (filled, limits) = (Filled::new().await, limits(None, Some(5)));
    let id = id(1);
    let damage = format!(
        "UPDATE persona_store.revisions SET changed = 'x' WHERE persona = '{id}' AND revision = 10"
    );
    Cluster::shared().sql(&filled.database, &damage);
    let mut maintenance = filled.maintenance();
    let told = maintenance.prune_now(limits, true).expect("counted");
    let pruned = maintenance.prune_now(limits, false).expect("dropped");
    assert_eq!((told, told.damaged), (pruned, 1));
    assert!(pruned.revisions > DAYS / 2, "{pruned:?}");
    let again = maintenance.prune_now(limits, false).expect("dropped");
    assert_eq!(again, HistoryPruned { damaged: 1, ..HistoryPruned::default() });
    filled.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_revision_goes_that_a_label_is_moved_to_beside_the_maintenance() {
    let filled = Filled::new().await;
    let store = Arc::new(filled.store);
    let mover = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut moved = Vec::new();
            for revision in (2..DAYS).rev().filter_map(Revision::new) {
                let to = label_move(1, "live", LabelTarget::Revision(revision));
                if store.move_labels(LabelMoves::one(to, soon())).await.is_ok() {
                    moved.push(revision);
                }
            }
            moved
        })
    };
    let mut maintenance =
        Maintenance::open(&filled.settings, filled.clock.clone()).expect("it opens");
    let pruned =
        tokio::task::spawn_blocking(move || maintenance.prune_now(limits(Some(5), None), false));
    let pruned = pruned.await.expect("no panic").expect("dropped");
    let labelled = mover.await.expect("no panic");
    assert!(!labelled.is_empty() && pruned.revisions > 0, "{labelled:?} {pruned:?}");
    for revision in &labelled {
        let found = store.revision(id(1), *revision).await.expect("it is kept");
        assert!(found.is_some(), "{revision}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_before_an_imported_gap_goes_as_the_oracle_lets_it_go() {
    for (days, newest, kept) in CASES_OF_IMPORTED {
        for at_once in [true, false] {
            let (filled, limits) = (Filled::new().await, limits(days, newest));
            import_with_gaps(&filled.store, &filled.clock).await;
            let settings = filled.settings.clone().keeping_history(limits);
            let maintenance = Maintenance::open(&settings, filled.clock.clone());
            let mut maintenance = maintenance.expect("it opens");
            if at_once {
                maintenance.prune_now(limits, false).expect("dropped");
            } else {
                maintenance.tick().expect("done");
            }
            let found = kept_of_imported(&filled.store).await;
            assert_eq!(found, kept, "{limits:?}, at once: {at_once}");
            filled.store.close().await;
        }
    }
}
