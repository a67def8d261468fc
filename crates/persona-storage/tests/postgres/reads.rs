//! Short reads from PostgreSQL share a connection, and readers see no difference.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{LabelName, Patch, Precondition, Revision};
use persona_storage::conformance::labels::label_move;
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{LabelMoves, LabelTarget, NoObserver, Operation, Squash, Store};
use persona_test_support::{Cluster, wait_for};
use serde_json::json;
use tokio::task::JoinSet;

/// A store with one persona in a database of its own.
async fn store(parameters: &str) -> (Arc<dyn Store>, String) {
    let cluster = Cluster::shared();
    let database = cluster.database();
    initialise(&settings(&database, parameters)).expect("an empty database");
    let store = open(&database, parameters);
    store
        .write(write(Operation::Create { id: id(1), document: document(json!({ "name": "Ada" })) }))
        .await
        .expect("created");
    (store, database)
}

fn settings(database: &str, parameters: &str) -> Settings {
    let url = format!("{}?{parameters}", Cluster::shared().url(database));
    Settings::parse(&url).expect("a URL").named("reads")
}

fn open(database: &str, parameters: &str) -> Arc<dyn Store> {
    let settings = settings(database, parameters);
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver));
    Arc::new(store.expect("it opens"))
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

/// Saves the persona once more, over the autosave before where the window says so.
async fn save(store: &Arc<dyn Store>, name: usize, window: u64) {
    let patch = Patch::merge(json!({ "name": name.to_string() })).expect("a merge patch");
    let (id, precondition) = (id(1), Precondition::Any);
    let mut write = write(Operation::Patch { id, precondition, patch, base: None });
    write.author = Some("Ada".into());
    write.squash = Squash::of_seconds(window);
    store.write(write).await.expect("saved");
}

/// Closes the store, and tells how many rows of `revisions` were looked at by their key so far. A
/// session counts them for all when it ends.
async fn looked_at(store: Arc<dyn Store>, database: &str) -> u64 {
    store.close().await;
    drop(store);
    let database = database.to_owned();
    let counted = tokio::task::spawn_blocking(move || {
        wait_for("sessions to end", Duration::from_mins(1), || {
            (sessions(&database) == 0).then_some(())
        });
        let sql =
            "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'revisions_key'";
        Cluster::shared().sql(&database, sql)
    });
    counted.await.expect("no panic").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_revisions_looks_at_few_of_those_that_were_dropped() {
    const SAVES: usize = 200;
    const TIMES: u64 = 10;
    let parameters = "pool_max=3";
    let (store, database) = store(parameters).await;
    // Kept ones, two of which stand around many that were dropped.
    for number in 0..4 {
        save(&store, number, 0).await;
    }
    for number in 0..SAVES {
        save(&store, number, 900).await;
    }
    save(&store, SAVES, 0).await;
    let before = looked_at(store, &database).await;

    let store = open(&database, parameters);
    let newest = SAVES as u64 + 6;
    for _ in 0..TIMES {
        // The newest ones, those behind a page, and the one that a difference begins with.
        for (start, limit, expected) in [
            (None, 3, vec![newest, newest - 1, 5]),
            (Some(newest), 2, vec![newest - 1, 5]),
            (Some(newest - 1), 1, vec![5]),
        ] {
            let start = start.and_then(Revision::new);
            let page = store.revisions(id(1), start, limit).await.expect("readable");
            let page = page.expect("it exists");
            let found: Vec<u64> = page.items.iter().map(|item| item.revision.number()).collect();
            assert_eq!((found, page.has_more), (expected, true));
        }
    }
    let after = looked_at(store, &database).await;
    let each = (after - before) / (3 * TIMES);
    assert!(each < 10, "{each} revisions for each page, {} in all", after - before);
    assert!(after > before, "nothing was counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_by_a_label_and_an_autosave_look_at_few_revisions_of_a_long_history() {
    const REVISIONS: usize = 200;
    const TIMES: usize = 10;
    let parameters = "pool_max=3";
    let (store, database) = store(parameters).await;
    for number in 0..REVISIONS {
        save(&store, number, 0).await;
    }
    let third = LabelTarget::Revision(Revision::new(3).expect("not zero"));
    let moves = [("first", third), ("latest-but-one", LabelTarget::Latest)];
    let moves = moves.map(|(label, target)| label_move(1, label, target)).into();
    let until = Instant::now() + Duration::from_mins(1);
    store.move_labels(LabelMoves::new(moves, until).expect("moves")).await.expect("moved");
    let before = looked_at(store, &database).await;

    let store = open(&database, parameters);
    for number in 0..TIMES {
        for label in ["first", "latest-but-one"] {
            let name = LabelName::parse(label).expect("a label");
            let found = store.labelled(id(1), &name).await.expect("readable").expect("it exists");
            assert!(found.whole().is_some(), "{label}");
        }
        save(&store, number, 900).await;
    }
    let after = looked_at(store, &database).await;
    // Each of them looks at a handful; as a join, each would look at all.
    let each = (after - before) / (3 * TIMES as u64);
    assert!(each < 10, "{each} revisions in each of them, {} in all", after - before);
    assert!(after > before, "nothing was counted");
}
