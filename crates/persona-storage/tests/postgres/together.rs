//! Several stores on one database: no write is lost or done twice, and no request waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{id, idempotent, label_move, soon, write};
use persona_storage::{
    AtomicBatch, Error, Exported, LabelMoves, LabelTarget, Operation, Purge, Written,
};
use persona_test_support::wait_until;
use serde_json::json;
use tokio::task::JoinSet;

use crate::shared_database::{Database, LONG, Queue, create, open, open_observed, patch};

/// How many writes of others one of 64 clients may see done before its own. In order of arrival
/// that would be one write of each other client; between the four stores the server chooses the
/// next, and 110 were seen on a busy machine. A client that has its turn only after all others sees
/// five of each, 315.
const WAITED_FOR_MAX: usize = 3 * 63;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_of_four_stores_lose_nothing_and_all_get_their_turn() {
    let database = Database::new();
    let stores: Vec<_> = (0..4).map(|_| database.store()).collect();
    stores[0].write(create(1, json!({ "name": "Ada" }))).await.expect("created");
    let mut writers = JoinSet::new();
    let done = Arc::new(AtomicUsize::new(0));
    for writer in 0..64_usize {
        let (store, done) = (Arc::clone(&stores[writer % 4]), Arc::clone(&done));
        writers.spawn(async move {
            let mut most_waited_for = 0;
            for round in 0..5 {
                let before = done.load(Relaxed);
                store
                    .write(patch(json!({ "extensions": { format!("{writer}/{round}"): 1 } })))
                    .await
                    .expect("patched");
                most_waited_for = most_waited_for.max(done.fetch_add(1, Relaxed) - before);
            }
            most_waited_for
        });
    }
    let most_waited_for = writers.join_all().await.into_iter().max().expect("writers");
    println!("of 320 patches of one persona, one waited for at most {most_waited_for} others");
    let answer = stores[3].get(id(1)).await.expect("readable").expect("it exists");
    assert_eq!(answer.revision.number(), 1 + 64 * 5);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["extensions"].as_object().expect("an object").len(), 64 * 5);
    assert!(most_waited_for <= WAITED_FOR_MAX, "a write waited for {most_waited_for} others");
    // The second of two writes is noticed by the condition in the statement. Without the condition
    // the key of the revisions would notice it, but as an error that rolls back.
    for store in stores {
        store.close().await;
    }
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    wait_until("the connections are closed", LONG, || database.sql(others) == "0").await;
    assert_eq!(
        database
            .sql("SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"),
        "0"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_same_request_to_many_stores_at_once_one_is_executed_and_all_get_its_answer() {
    let database = Database::new();
    let stores: Vec<_> = (0..4).map(|_| database.store()).collect();
    for round in 0..20_u8 {
        let mut requests = JoinSet::new();
        for store in &stores {
            let store = Arc::clone(store);
            let request =
                idempotent(create(round, json!({ "name": "Ada" })), &format!("key {round}"), 1);
            requests.spawn(async move { store.write(request).await.expect("answered") });
        }
        let answers: Vec<Written> = requests.join_all().await;
        assert_eq!(answers.iter().filter(|written| !written.replayed).count(), 1, "round {round}");
        assert!(
            answers.iter().all(|written| written.representation == answers[0].representation),
            "round {round}"
        );
    }
    assert_eq!(stores[0].changes_after(0, 100).await.expect("readable").len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_want_one_handle_at_once_one_gets_it() {
    let database = Database::new();
    let stores: Vec<_> = (0..4).map(|_| database.store()).collect();
    let mut writers = JoinSet::new();
    for number in 0..24_u8 {
        let store = Arc::clone(&stores[usize::from(number) % 4]);
        writers.spawn(async move {
            store.write(create(number, json!({ "name": "Ada", "handle": "ada" }))).await
        });
    }
    let results = writers.join_all().await;
    let winner = results
        .iter()
        .find_map(|result| result.as_ref().ok())
        .expect("one has it")
        .representation
        .id;
    let refused = results
        .iter()
        .filter(
            |result| matches!(result, Err(Error::HandleTaken { holder, .. }) if *holder == winner),
        )
        .count();
    assert_eq!(refused, 23, "{results:?}");
}

/// Whether a persona was purged is looked up only where it is not there: while no other connection
/// is held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_change_needs_no_second_connection() {
    let database = Database::new();
    let store = open(&format!("{}?pool_max=1", database.cluster.url(&database.name)));
    let moves = || LabelMoves::one(label_move(9, "x", LabelTarget::Latest), soon());
    let refused = store.move_labels(moves()).await.expect_err("refused");
    assert!(matches!(refused.error, Error::NotFound), "{refused}");
    let delete = || write(Operation::Delete { id: id(9), precondition: Precondition::Any });
    let batch = AtomicBatch::new(vec![delete()]).expect("a batch");
    let refused = store.write_all(batch).await.expect_err("refused");
    assert!(matches!(refused.error, Error::NotFound), "{refused}");
    let refused = store.write(delete()).await.expect_err("refused");
    assert!(matches!(refused, Error::NotFound), "{refused}");
    let purge = Purge::new(id(9), Precondition::Any, soon());
    let refused = store.purge(purge).await.expect_err("refused");
    assert!(matches!(refused, Error::NotFound), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_request_is_withdrawn_while_it_waits_and_done_after_its_turn_has_come() {
    let database = Database::new();
    let queue = Arc::new(Queue::default());
    let store = open_observed(&database.cluster.url(&database.name), queue.clone());
    store.write(create(1, json!({ "name": "Ada" }))).await.expect("created");
    let (blocker, connection) =
        tokio_postgres::connect(&database.cluster.url(&database.name), tokio_postgres::NoTls)
            .await
            .expect("connected");
    tokio::spawn(connection);
    blocker
        .batch_execute("BEGIN; SELECT 1 FROM persona_store.personas FOR UPDATE")
        .await
        .expect("locked");
    let spawn = |key: &'static str| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.write(patch(json!({ "extensions": { key: 1 } }))).await })
    };
    // The first write has the turn and waits for the row; the second waits for the turn. Both
    // clients go away.
    let first = spawn("first");
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until("the first waits for the row", LONG, || database.sql(waiting) == "1").await;
    let second = spawn("second");
    wait_until("the second is in the queue", LONG, || queue.enqueued() == 3).await;
    for write in [first, second] {
        write.abort();
        assert!(write.await.expect_err("dropped").is_cancelled(), "it waited until then");
    }
    blocker.batch_execute("ROLLBACK").await.expect("over");
    store.write(patch(json!({ "extensions": { "third": 1 } }))).await.expect("patched");
    let body: serde_json::Value =
        serde_json::from_slice(&store.get(id(1)).await.expect("readable").expect("it exists").body)
            .expect("JSON");
    assert_eq!(body["extensions"], json!({ "first": 1, "third": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_one_snapshot_however_much_is_written_meanwhile() {
    let database = Database::new();
    let store = database.store();
    for number in 1..=255 {
        store.write(create(number, json!({ "name": "Ada" }))).await.expect("created");
    }
    let mut export = store.export(Exported::Living).await.expect("started");
    for number in 1..=255 {
        store
            .write(write(Operation::Delete { id: id(number), precondition: Precondition::Any }))
            .await
            .expect("deleted");
    }
    let mut seen = Vec::new();
    while let Some(item) = export.recv().await {
        let answer = item.expect("no error");
        assert_eq!(answer.revision.number(), 1);
        seen.push(answer.id);
    }
    assert_eq!(seen, (1..=255).map(id).collect::<Vec<_>>());
    // An export that is not read to its end does not hold up others, and closing the store cuts it
    // off with an error. The export does not fit into the queue.
    let large = "x".repeat(200_000);
    for number in 1..=12 {
        let restore = Operation::Undelete { id: id(number), precondition: Precondition::Any };
        store.write(write(restore)).await.expect("restored");
        let patch = Patch::merge(json!({ "description": large })).expect("a merge patch");
        store
            .write(write(Operation::Patch {
                id: id(number),
                precondition: Precondition::Any,
                patch,
                base: None,
            }))
            .await
            .expect("patched");
    }
    let mut export = store.export(Exported::All).await.expect("started");
    assert!(export.recv().await.is_some());
    store.close().await;
    let mut last = None;
    while let Some(item) = export.recv().await {
        last = Some(item);
    }
    assert!(matches!(last, Some(Err(Error::Closed(_)))), "{last:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_under_which_a_newer_version_changes_the_schema_writes_nothing_more_and_says_so() {
    let database = Database::new();
    let store = database.store();
    store.write(create(1, json!({ "name": "Ada" }))).await.expect("created");
    database.sql("UPDATE persona_store.about SET schema_version = 99");
    for request in [create(2, json!({ "name": "Bea" })), patch(json!({ "name": "Eve" }))] {
        let refused = store.write(request).await.expect_err("refused");
        assert!(matches!(refused, Error::Closed(_)), "{refused}");
    }
    assert!(matches!(store.ready().await, Err(Error::Closed(_))));
    let lost = tokio::time::timeout(LONG, store.lost()).await.expect("told");
    assert_eq!(lost, persona_storage::Loss::Schema);
    assert_eq!(database.sql("SELECT count(*) FROM persona_store.revisions"), "1");
}
