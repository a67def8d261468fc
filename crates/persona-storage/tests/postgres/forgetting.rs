//! Records of repeated requests are forgotten after a day of elapsed time that a keeper saw,
//! whatever the wall clock says.

use std::sync::Arc;

use persona_storage::conformance::{TestClock, document, id, idempotent, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{self, SqliteStore};
use persona_storage::{NoObserver, Operation, Store};
use persona_test_support::Cluster;
use serde_json::json;

const HOUR_US: i64 = 3_600_000_000;
/// The longest step that a keeper counts whole.
const STEP_US: i64 = 120_000_000;
const STEPS_OF_AN_HOUR: i64 = HOUR_US / STEP_US;

/// A keeper: removes what has expired and tells how many there were.
type Keeper = Box<dyn FnMut() -> u64>;

/// Whether the creation with this key was answered from its record.
async fn is_replayed(store: &dyn Store, number: u8) -> bool {
    let create = Operation::Create { id: id(number), document: document(json!({ "name": "Ada" })) };
    let written = store.write(idempotent(write(create), &format!("key {number}"), number)).await;
    written.is_ok_and(|written| written.replayed)
}

async fn records_are_forgotten_after_a_day_that_a_keeper_saw(
    store: &dyn Store,
    clock: &TestClock,
    mut keeper: impl FnMut() -> Keeper,
) {
    assert!(!is_replayed(store, 1).await);
    let mut first = keeper();
    assert_eq!(first(), 0);
    // The clock is 28 h ahead for a minute, without any write, and again with a keeper that starts
    // meanwhile.
    clock.jump_micros(28 * HOUR_US);
    clock.advance_micros(HOUR_US / 60);
    assert_eq!((first(), keeper()()), (0, 0));
    assert!(is_replayed(store, 1).await);
    // What is recorded meanwhile is no older or younger for it.
    assert!(!is_replayed(store, 2).await);
    clock.jump_micros(-28 * HOUR_US);
    assert_eq!(first(), 0);
    // Twelve hours in small steps, twelve while no keeper runs, which count for nothing, and twelve
    // more.
    for _ in 0..12 * STEPS_OF_AN_HOUR {
        clock.advance_micros(STEP_US);
        assert_eq!(first(), 0);
    }
    drop(first);
    clock.advance_micros(12 * HOUR_US);
    let (mut second, mut third) = (keeper(), keeper());
    assert_eq!((second(), third()), (0, 0));
    for _ in 0..11 * STEPS_OF_AN_HOUR {
        clock.advance_micros(STEP_US);
        // Two keepers see the same time.
        assert_eq!((second(), third()), (0, 0));
    }
    assert!(is_replayed(store, 1).await && is_replayed(store, 2).await);
    // The count was begun when the first keeper saw the first record.
    let mut removed = 0;
    for _ in 0..STEPS_OF_AN_HOUR + 2 {
        clock.advance_micros(STEP_US);
        removed += second();
    }
    assert_eq!(removed, 2);
    // The machine sleeps for a day, and the keeper wakes with it. A record that is written before
    // the keeper looks again is as new as it was.
    clock.advance_micros(25 * HOUR_US);
    assert!(!is_replayed(store, 3).await, "a new record");
    assert_eq!((second(), third()), (0, 0), "a fresh record was forgotten");
    clock.advance_micros(HOUR_US);
    assert_eq!((second(), third()), (0, 0));
    assert!(is_replayed(store, 3).await);
}

/// A store on the same database for each call.
type Open<'a> = &'a dyn Fn() -> Box<dyn Store>;

async fn what_a_fast_clock_kept_is_forgotten_like_the_rest(
    open: Open<'_>,
    clock: &TestClock,
    mut keeper: Keeper,
) {
    // The clock of the first process is two days ahead, which it cannot know, and no keeper has
    // looked yet.
    clock.jump_micros(48 * HOUR_US);
    let store = open();
    assert!(!is_replayed(&*store, 1).await);
    store.close().await;
    clock.jump_micros(-48 * HOUR_US);
    let store = open();
    assert!(!is_replayed(&*store, 2).await);
    assert_eq!(keeper(), 0);
    let mut removed = 0;
    for _ in 0..24 * STEPS_OF_AN_HOUR + 2 {
        clock.advance_micros(STEP_US);
        removed += keeper();
    }
    assert_eq!(removed, 2);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_what_a_fast_clock_kept_is_forgotten_like_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = sqlite::Settings::new(folder.path().join("persona.db"));
    sqlite::initialise(&settings).expect("a new file");
    let clock = Arc::new(TestClock::default());
    let open = || -> Box<dyn Store> {
        Box::new(
            SqliteStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver))
                .expect("it opens"),
        )
    };
    let mut keeper =
        sqlite::Keeper::open(&settings, clock.clone(), Arc::new(NoObserver)).expect("it opens");
    let remove: Keeper = Box::new(move || keeper.remove_expired().expect("removed") as u64);
    what_a_fast_clock_kept_is_forgotten_like_the_rest(&open, &clock, remove).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_what_a_fast_clock_kept_is_forgotten_like_the_rest() {
    let cluster = Cluster::shared();
    let settings = postgres::Settings::parse(&cluster.url(&cluster.database())).expect("a URL");
    postgres::initialise(&settings).expect("an empty database");
    let clock = Arc::new(TestClock::default());
    let open = || -> Box<dyn Store> {
        Box::new(
            PostgresStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver))
                .expect("it opens"),
        )
    };
    let mut keeper = postgres::Keeper::open(&settings, clock.clone()).expect("it opens");
    let remove: Keeper =
        Box::new(move || tokio::task::block_in_place(|| keeper.remove_expired().expect("removed")));
    what_a_fast_clock_kept_is_forgotten_like_the_rest(&open, &clock, remove).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_records_are_forgotten_after_a_day_that_a_keeper_saw() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = sqlite::Settings::new(folder.path().join("persona.db"));
    sqlite::initialise(&settings).expect("a new file");
    let clock = Arc::new(TestClock::default());
    let store =
        SqliteStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver)).expect("it opens");
    let keeper = || {
        let mut keeper =
            sqlite::Keeper::open(&settings, clock.clone(), Arc::new(NoObserver)).expect("it opens");
        let remove: Keeper = Box::new(move || keeper.remove_expired().expect("removed") as u64);
        remove
    };
    records_are_forgotten_after_a_day_that_a_keeper_saw(&store, &clock, keeper).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_records_are_forgotten_after_a_day_that_a_keeper_saw() {
    let cluster = Cluster::shared();
    let settings = postgres::Settings::parse(&cluster.url(&cluster.database())).expect("a URL");
    postgres::initialise(&settings).expect("an empty database");
    let clock = Arc::new(TestClock::default());
    let store = PostgresStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver))
        .expect("it opens");
    let keeper = || {
        let keeper = postgres::Keeper::open(&settings, clock.clone()).expect("it opens");
        let mut keeper = Some(keeper);
        // Its own runtime waits, which must not be done on a thread of this one.
        let remove: Keeper = Box::new(move || {
            tokio::task::block_in_place(|| {
                keeper.as_mut().expect("there").remove_expired().expect("removed")
            })
        });
        remove
    };
    records_are_forgotten_after_a_day_that_a_keeper_saw(&store, &clock, keeper).await;
}
