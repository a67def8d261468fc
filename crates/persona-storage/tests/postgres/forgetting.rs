//! Records of repeated requests are forgotten after a day of elapsed time that a maintenance
//! process saw, whatever the wall clock says.

use std::sync::Arc;

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, idempotent, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{self, SqliteStore};
use persona_storage::{NoObserver, Operation, Squash, Store};
use persona_test_support::Cluster;
use serde_json::json;

const HOUR_US: i64 = 3_600_000_000;
/// The longest step that a maintenance process counts whole.
const STEP_US: i64 = 120_000_000;
const STEPS_OF_AN_HOUR: i64 = HOUR_US / STEP_US;

/// A maintenance process: removes the expired records and returns how many it removed.
type Maintenance = Box<dyn FnMut() -> u64>;

/// A database, which processes open as on one machine.
struct Database {
    clock: Arc<TestClock>,
    /// Opens the store as one more process does.
    open: Box<dyn Fn() -> Box<dyn Store>>,
    /// Starts one more maintenance process.
    maintenance: Box<dyn Fn() -> Maintenance>,
}

fn on_sqlite() -> Database {
    // The closures keep the folder.
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let settings = sqlite::Settings::new(folder.path().join("persona.db"));
    sqlite::initialise(&settings).expect("a new file");
    let clock = Arc::new(TestClock::default());
    let open = {
        let (settings, clock) = (settings.clone(), Arc::clone(&clock));
        move || -> Box<dyn Store> {
            let store = SqliteStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver));
            Box::new(store.expect("it opens"))
        }
    };
    let maintenance = {
        let clock = Arc::clone(&clock);
        move || -> Maintenance {
            let _there = &folder;
            let observer = Arc::new(NoObserver);
            let mut maintenance =
                sqlite::Maintenance::open(&settings, clock.clone(), observer).expect("it opens");
            Box::new(move || maintenance.remove_expired().expect("removed") as u64)
        }
    };
    Database { clock, open: Box::new(open), maintenance: Box::new(maintenance) }
}

fn on_postgresql() -> Database {
    let cluster = Cluster::shared();
    let settings = postgres::Settings::parse(&cluster.url(&cluster.database())).expect("a URL");
    postgres::initialise(&settings).expect("an empty database");
    let clock = Arc::new(TestClock::default());
    let open = {
        let (settings, clock) = (settings.clone(), Arc::clone(&clock));
        move || -> Box<dyn Store> {
            let store = PostgresStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver));
            Box::new(store.expect("it opens"))
        }
    };
    let maintenance = {
        let clock = Arc::clone(&clock);
        move || -> Maintenance {
            let mut maintenance =
                postgres::Maintenance::open(&settings, clock.clone()).expect("it opens");
            // It blocks on a runtime of its own, which must not be done on a thread of this one.
            Box::new(move || {
                tokio::task::block_in_place(|| maintenance.remove_expired().expect("removed"))
            })
        }
    };
    Database { clock, open: Box::new(open), maintenance: Box::new(maintenance) }
}

/// Whether the creation with this key was answered from its record.
async fn is_replayed(store: &dyn Store, number: u8) -> bool {
    let create = Operation::Create { id: id(number), document: document(json!({ "name": "Ada" })) };
    let written = store.write(idempotent(write(create), &format!("key {number}"), number)).await;
    written.is_ok_and(|written| written.replayed)
}

async fn records_are_forgotten_after_a_day_that_a_maintenance_process_saw(of: Database) {
    let Database { clock, open, maintenance } = of;
    let store = &*open();
    assert!(!is_replayed(store, 1).await);
    let mut first = maintenance();
    assert_eq!(first(), 0);
    // The clock is 28 h ahead for a minute, without any write, and again with a maintenance process
    // that starts meanwhile.
    clock.jump_micros(28 * HOUR_US);
    clock.advance_micros(HOUR_US / 60);
    assert_eq!((first(), maintenance()()), (0, 0));
    assert!(is_replayed(store, 1).await);
    // Records that are made meanwhile become no older or younger by the jump.
    assert!(!is_replayed(store, 2).await);
    clock.jump_micros(-28 * HOUR_US);
    assert_eq!(first(), 0);
    // Twelve hours in small steps; twelve hours while no maintenance process runs, which do not
    // count; and twelve hours more.
    for _ in 0..12 * STEPS_OF_AN_HOUR {
        clock.advance_micros(STEP_US);
        assert_eq!(first(), 0);
    }
    drop(first);
    clock.advance_micros(12 * HOUR_US);
    let (mut second, mut third) = (maintenance(), maintenance());
    assert_eq!((second(), third()), (0, 0));
    for _ in 0..11 * STEPS_OF_AN_HOUR {
        clock.advance_micros(STEP_US);
        // Two maintenance processes count the same time once.
        assert_eq!((second(), third()), (0, 0));
    }
    assert!(is_replayed(store, 1).await && is_replayed(store, 2).await);
    // The count began when the first maintenance process saw the first record.
    let mut removed = 0;
    for _ in 0..STEPS_OF_AN_HOUR + 2 {
        clock.advance_micros(STEP_US);
        removed += second();
    }
    assert_eq!(removed, 2);
    // The machine sleeps for a day, and the maintenance process wakes with it. A record that is
    // written before the maintenance process next counts does not age by that day.
    clock.advance_micros(25 * HOUR_US);
    assert!(!is_replayed(store, 3).await, "a new record");
    assert_eq!((second(), third()), (0, 0), "a fresh record was forgotten");
    clock.advance_micros(HOUR_US);
    assert_eq!((second(), third()), (0, 0));
    assert!(is_replayed(store, 3).await);
}

async fn what_a_fast_clock_kept_is_forgotten_like_the_rest(of: Database) {
    let Database { clock, open, maintenance } = of;
    let mut maintenance = maintenance();
    // The clock of the first process is two days ahead. The process cannot know that, and no
    // maintenance process has counted yet.
    clock.jump_micros(48 * HOUR_US);
    let store = open();
    assert!(!is_replayed(&*store, 1).await);
    store.close().await;
    clock.jump_micros(-48 * HOUR_US);
    let store = open();
    assert!(!is_replayed(&*store, 2).await);
    assert_eq!(maintenance(), 0);
    let mut removed = 0;
    for _ in 0..24 * STEPS_OF_AN_HOUR + 2 {
        clock.advance_micros(STEP_US);
        removed += maintenance();
    }
    assert_eq!(removed, 2);
    store.close().await;
}

/// Saves persona 1 without an author under a key, as an autosave that names another key, and tells
/// how many revisions there are then.
async fn kept_after(store: &dyn Store, key: &str, replaced: &str) -> usize {
    let patch = Patch::merge(json!({ "nickname": key })).expect("a merge patch");
    let (id, precondition) = (id(1), Precondition::Any);
    let mut save = write(Operation::Patch { id, precondition, patch, base: None });
    save.squash = Squash::of_seconds(900).map(|of| Squash { key: Some(replaced.into()), ..of });
    store.write(idempotent(save, key, 1)).await.expect("saved");
    let page = store.revisions(id, None, 10).await.expect("readable").expect("it exists");
    page.items.len()
}

async fn an_autosave_under_a_forgotten_key_is_kept(of: Database) {
    let Database { clock, open, maintenance } = of;
    let (store, mut maintenance) = (&*open(), maintenance());
    assert!(!is_replayed(store, 1).await);
    assert_eq!(kept_after(store, "a", "none").await, 2);
    assert_eq!(kept_after(store, "b", "a").await, 2, "the control");
    assert_eq!(maintenance(), 0);
    let mut removed = 0;
    for _ in 0..24 * STEPS_OF_AN_HOUR + 2 {
        clock.advance_micros(STEP_US);
        removed += maintenance();
    }
    assert_eq!(removed, 3);
    // By the wall clock the autosave is within the window still.
    clock.jump_micros(-24 * HOUR_US - 2 * STEP_US);
    assert_eq!(kept_after(store, "c", "b").await, 3);
    assert_eq!(kept_after(store, "d", "c").await, 3, "the window has not passed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_records_are_forgotten_after_a_day_that_a_maintenance_process_saw() {
    records_are_forgotten_after_a_day_that_a_maintenance_process_saw(on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_records_are_forgotten_after_a_day_that_a_maintenance_process_saw() {
    records_are_forgotten_after_a_day_that_a_maintenance_process_saw(on_postgresql()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_what_a_fast_clock_kept_is_forgotten_like_the_rest() {
    what_a_fast_clock_kept_is_forgotten_like_the_rest(on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_what_a_fast_clock_kept_is_forgotten_like_the_rest() {
    what_a_fast_clock_kept_is_forgotten_like_the_rest(on_postgresql()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_an_autosave_under_a_forgotten_key_is_kept() {
    an_autosave_under_a_forgotten_key_is_kept(on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_an_autosave_under_a_forgotten_key_is_kept() {
    an_autosave_under_a_forgotten_key_is_kept(on_postgresql()).await;
}
