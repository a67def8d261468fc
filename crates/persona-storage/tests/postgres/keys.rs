//! The number of idempotency keys is bounded, on every backend, and no key is given up before its
//! day is over.

use std::sync::Arc;

use persona_model::Precondition;
use persona_storage::conformance::{TestClock, document, id, idempotent, label_move, soon, write};
use persona_storage::memory::MemoryStore;
use persona_storage::sqlite::{self, SqliteStore};
use persona_storage::{
    Error, Idempotency, LabelMoves, LabelTarget, NoObserver, Operation, Purge, Store, Write,
    postgres,
};
use persona_test_support::Cluster;
use serde_json::json;

const KEYS_MAX: u64 = 3;

fn create(number: u8) -> Write {
    write(Operation::Create { id: id(number), document: document(json!({ "name": "Ada" })) })
}

/// Fills the store with as many keys as it keeps.
async fn fill(store: &dyn Store) {
    for number in 1..=3 {
        store
            .write(idempotent(create(number), &format!("key {number}"), number))
            .await
            .expect("room for it");
    }
    let refused = store.write(idempotent(create(4), "key 4", 4)).await;
    assert!(matches!(refused, Err(Error::TooManyKeys { max: KEYS_MAX })), "{refused:?}");
    assert_eq!(store.get(id(4)).await.expect("readable"), None, "it was changed all the same");
    store.write(create(4)).await.expect("a request without a key needs no room");
    let again =
        store.write(idempotent(create(1), "key 1", 1)).await.expect("a known key needs no room");
    assert!(again.replayed, "the oldest key was given up");
}

#[tokio::test]
async fn the_oracle_keeps_so_many_keys() {
    let store = MemoryStore::new(Arc::new(TestClock::default())).keeping_keys(KEYS_MAX);
    fill(&store).await;
}

#[tokio::test]
async fn a_file_keeps_so_many_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = sqlite::Settings::new(folder.path().join("persona.db"));
    settings.idempotency_keys_max = KEYS_MAX;
    sqlite::initialise(&settings).expect("a new file");
    let clock = Arc::new(TestClock::default());
    let store =
        SqliteStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver)).expect("it opens");
    fill(&store).await;
    // The maintenance process removes the oldest keys first in the same way.
    let foreign = rusqlite::Connection::open(&settings.path).expect("it opens");
    foreign.execute("DELETE FROM idempotency WHERE key = 'key 1'", []).expect("SQL");
    store.write(idempotent(create(5), "key 5", 5)).await.expect("there is room again");
}

#[tokio::test]
async fn a_repetition_of_a_kept_write_is_answered_while_the_disk_is_short() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = sqlite::Settings::new(folder.path().join("persona.db"));
    sqlite::initialise(&settings).expect("a new file");
    let clock = Arc::new(TestClock::default());
    let store =
        SqliteStore::open(settings.clone(), clock.clone(), Arc::new(NoObserver)).expect("it opens");
    store.write(idempotent(create(1), "key 1", 1)).await.expect("there is space");
    settings.disk_reserve_bytes = u64::MAX;
    let short = SqliteStore::open(settings, clock, Arc::new(NoObserver)).expect("it opens");
    let again = short
        .write(idempotent(create(1), "key 1", 1))
        .await
        .expect("it was kept, so nothing is to be written");
    assert!(again.replayed);
    let other = short.write(idempotent(create(2), "key 1", 2)).await;
    assert!(matches!(other, Err(Error::KeyReused)), "{other:?}");
    let new = short.write(idempotent(create(2), "key 2", 2)).await;
    assert!(matches!(new, Err(Error::Full(_))), "{new:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_keeps_so_many_keys() {
    let cluster = Cluster::shared();
    let settings = postgres::Settings::parse(&cluster.url(&cluster.database()))
        .expect("a URL")
        .keeping_keys(KEYS_MAX);
    let store = open_server(settings).await;
    fill(&store).await;
    store.close().await;
}

async fn open_server(settings: postgres::Settings) -> postgres::PostgresStore {
    tokio::task::spawn_blocking(move || {
        postgres::initialise(&settings).expect("an empty database");
        let clock = Arc::new(TestClock::default());
        postgres::PostgresStore::open(settings, clock, Arc::new(NoObserver)).expect("it opens")
    })
    .await
    .expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_on_a_server_leaves_nothing_of_its_persona_in_the_answers_to_moves() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let store =
        open_server(postgres::Settings::parse(&cluster.url(&database)).expect("a URL")).await;
    for number in [1, 2, 3] {
        store.write(create(number)).await.expect("created");
    }
    for (first, second, key) in [(1, 2, "with it"), (2, 1, "with it again"), (1, 3, "without it")] {
        let moves = [first, second].map(|number| label_move(number, "a", LabelTarget::Latest));
        let mut moves = LabelMoves::new(moves.to_vec(), soon()).expect("moves");
        moves.idempotency = Some(Idempotency { key: key.into(), fingerprint: [1; 32] });
        store.move_labels(moves).await.expect("moved");
    }
    store.purge(Purge::new(id(2), Precondition::Any, soon())).await.expect("purged");
    store.close().await;
    let emptied = "SELECT string_agg(key, ', ' ORDER BY key) FROM persona_store.idempotency WHERE moves = '[]'";
    assert_eq!(cluster.sql(&database, emptied), "with it, with it again");
}
