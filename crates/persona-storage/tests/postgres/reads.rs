//! Short reads from PostgreSQL share a connection, and readers see no difference.

use std::sync::Arc;

use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{NoObserver, Operation, Store};
use persona_test_support::Cluster;
use serde_json::json;
use tokio::task::JoinSet;

/// A store with one persona in a database of its own.
async fn store(parameters: &str) -> (Arc<dyn Store>, String) {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let settings = Settings::parse(&format!("{}?{parameters}", cluster.url(&database)))
        .expect("a URL")
        .named("reads");
    initialise(&settings).expect("an empty database");
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens");
    store
        .write(write(Operation::Create { id: id(1), document: document(json!({ "name": "Ada" })) }))
        .await
        .expect("created");
    (Arc::new(store), database)
}

/// Reads the persona `count` times at once.
async fn read_at_once(store: &Arc<dyn Store>, count: usize) {
    let mut reads: JoinSet<_> = (0..count)
        .map(|_| Arc::clone(store))
        .map(|store| async move { store.get(id(1)).await })
        .collect();
    while let Some(read) = reads.join_next().await {
        let answer = read.expect("no panic").expect("readable").expect("it exists");
        assert_eq!(answer.revision.number(), 1);
    }
}

/// The number of sessions that the store has in the server.
fn sessions(database: &str) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'reads'";
    Cluster::shared().sql(database, sql).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_at_once_need_one_connection_where_there_are_several() {
    let (store, database) = store("pool_max=8").await;
    read_at_once(&store, 64).await;
    // One session of the write and one of all reads, unless the reads took over the session of the
    // write.
    assert!(sessions(&database) <= 2, "{} sessions", sessions(&database));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_and_writes_get_along_with_one_connection() {
    let (store, database) = store("pool_max=1").await;
    read_at_once(&store, 64).await;
    store
        .write(write(Operation::Create { id: id(2), document: document(json!({ "name": "Bea" })) }))
        .await
        .expect("created");
    read_at_once(&store, 64).await;
    assert_eq!(sessions(&database), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_answered_while_the_server_ends_their_connection_again_and_again() {
    let (store, database) = store("pool_max=3").await;
    for _ in 0..20 {
        let (reading, ended) = tokio::join!(read_at_once(&store, 64), async {
            let database = database.clone();
            let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'reads' \
                       AND datname = current_database()";
            tokio::task::spawn_blocking(move || Cluster::shared().sql(&database, end))
                .await
                .expect("no panic")
        });
        let () = reading;
        assert_ne!(ended, "0", "there was nothing to be ended");
        read_at_once(&store, 64).await;
    }
}
