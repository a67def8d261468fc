//! Old revisions that go from a database on a server: the same as from a file, and none that a
//! label is moved to meanwhile.

use std::sync::Arc;

use persona_model::Revision;
use persona_storage::conformance::{TestClock, id, label_move, soon};
use persona_storage::memory::MemoryStore;
use persona_storage::postgres::{self, Maintenance, PostgresStore};
use persona_storage::{HistoryPruned, LabelMoves, LabelTarget, NoObserver, Store};
use persona_test_support::wire::{Fault, STARTUP, Sender, Trap, Wire};
use persona_test_support::{Cluster, wait_until};

use crate::old_histories::{
    CASES, CASES_OF_IMPORTED, DAYS, compare, fill, import_with_gaps, kept_of_imported, limits,
};
use crate::shared_database::LONG;

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

/// Messages between two places at which the connection breaks, and an upper bound of all.
const MESSAGES_APART: u64 = 23;
const MESSAGES_MAX: u64 = 5_000;

/// Checks that everything that the oracle keeps is there as it was. Returns how many revisions are
/// kept.
async fn kept_beside(store: &dyn Store, oracle: &MemoryStore) -> usize {
    let mut count = 0;
    for number in [1, 2] {
        for revision in (1..=DAYS + 2).filter_map(Revision::new) {
            let found = store.revision(id(number), revision).await;
            if let Ok(Some(wanted)) = oracle.revision(id(number), revision).await {
                let found = found.as_ref().expect("readable");
                assert_eq!(found.as_ref(), Some(&wanted), "{number} {revision}");
            }
            count += usize::from(matches!(found, Ok(Some(_))));
        }
    }
    count
}

/// Each connection of the maintenance breaks, from one of its messages on, as where its process is
/// killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maintenance_that_is_killed_anywhere_drops_nothing_else_and_another_one_goes_on() {
    let (limits, clock) = (limits(None, Some(10)), Arc::new(TestClock::default()));
    let oracle = MemoryStore::new(clock.clone());
    fill(&oracle, &clock).await;
    let all = kept_beside(&oracle, &oracle).await;
    oracle.prune(&limits).expect("dropped");
    let wanted = kept_beside(&oracle, &oracle).await;
    let mut parts = 0;
    for nth in (0..MESSAGES_MAX / MESSAGES_APART).map(|step| step * MESSAGES_APART) {
        let filled = Filled::new().await;
        let wire = Wire::to(Cluster::shared().port());
        let url = format!("{}?pool_max=1", wire.url(&filled.database));
        let settings = postgres::Settings::parse(&url).expect("a URL");
        let mut killed = Maintenance::open(&settings, filled.clock.clone()).expect("it opens");
        let others = Trap::at(Sender::Client, STARTUP, Fault::Before).lasting();
        wire.arm_in_turn([Trap::nth(Sender::Client, nth, Fault::Before), others]);
        let working = tokio::task::spawn_blocking(move || killed.prune_now(limits, false).is_ok());
        let has_ended = || wire.sprung() > 0 || working.is_finished();
        wait_until("it is broken or done", LONG, has_ended).await;
        let is_killed = wire.sprung() > 0;
        let open = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE '%transaction%'";
        let sessions = || Cluster::shared().sql(&filled.database, open);
        wait_until("its transaction has ended", LONG, || sessions() == "0").await;
        let kept = kept_beside(&filled.store, &oracle).await;
        parts += usize::from(is_killed && wanted < kept && kept < all);
        filled.maintenance().prune_now(limits, false).expect("dropped");
        compare(&filled.store, &oracle).await;
        filled.store.close().await;
        if !is_killed {
            assert!(parts > 0 && working.await.expect("no panic"), "none was between two steps");
            return;
        }
    }
    panic!("the work has no end");
}
