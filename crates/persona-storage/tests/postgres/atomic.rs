//! Atomic batches over connections that break at every place: each is done once, or not at all, and
//! the answer says which.

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{document, id, write};
use persona_storage::{AtomicBatch, Operation, Outcome, Store, Write};
use persona_test_support::wait_until;
use persona_test_support::wire::{Fault, Sender, Trap, Wire};
use serde_json::json;

use crate::shared_database::{Database, LONG, create, open};

/// An upper bound of the messages that a batch sends.
const MESSAGES_MAX: u64 = 100;
/// The numbers of the personas that every batch changes.
const CHANGED: [u8; 2] = [1, 2];

/// A batch that creates one persona, moves a handle between two, and changes another one.
fn batch(round: u8, number: usize) -> AtomicBatch {
    let patch = |number: u8, members| {
        let patch = Patch::merge(members).expect("a merge patch");
        let precondition = Precondition::Any;
        write(Operation::Patch { id: id(number), precondition, patch, base: None })
    };
    let (from, to) = if number.is_multiple_of(2) { (1, 2) } else { (2, 1) };
    let document = document(json!({ "name": format!("Round {round}") }));
    let writes: Vec<Write> = vec![
        patch(from, json!({ "handle": null, "nickname": format!("{number}") })),
        patch(to, json!({ "handle": "moved", "nickname": format!("{number}") })),
        write(Operation::Create { id: id(round), document }),
    ];
    AtomicBatch::new(writes).expect("a batch")
}

async fn revisions(store: &dyn Store) -> Vec<u64> {
    let mut revisions = Vec::new();
    for number in CHANGED {
        let found = store.get(id(number)).await.expect("readable").expect("there");
        revisions.push(found.revision.number());
    }
    revisions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_done_once_wherever_its_connection_breaks() {
    let database = Database::new();
    let wire = Wire::to(database.cluster.port());
    let store = open(&wire.url(&database.name));
    for number in CHANGED {
        store.write(create(number, json!({ "name": "Ada" }))).await.expect("created");
    }
    let (mut round, mut number) = (10, 0);
    for fault in [Fault::Before, Fault::After] {
        for after in 0..MESSAGES_MAX {
            number += 1;
            round += 1;
            let before = revisions(&*store).await;
            wire.arm(Trap::nth(Sender::Client, after, fault));
            let written = store.write_all(batch(round, number)).await;
            let is_cut = wire.disarm() == 1;
            let written = written.unwrap_or_else(|error| panic!("{fault:?} {after}: {error}"));
            let told: Vec<_> = written.iter().map(|one| (one.outcome, one.replayed)).collect();
            let updated = (Outcome::Updated, false);
            assert_eq!(told, [updated, updated, (Outcome::Created, false)], "{fault:?} {after}");
            let next: Vec<u64> = before.iter().map(|revision| revision + 1).collect();
            assert_eq!(revisions(&*store).await, next, "{fault:?} {after}");
            if !is_cut {
                break;
            }
            assert!(after + 1 < MESSAGES_MAX, "the batch has no end");
        }
    }
    let lines = store.changes_after(0, 10_000).await.expect("readable").len();
    assert_eq!(lines, CHANGED.len() + 3 * number);
    store.close().await;
}

/// The next attempt finds nothing of the first one, waits for its rows, and must then see that it
/// is done: the items have no key and no condition.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_with_a_waiting_commit_and_a_broken_connection_is_done_once() {
    let database = Database::alone();
    let wire = Wire::to(database.cluster.port());
    let store = open(&wire.url(&database.name));
    for number in CHANGED {
        store.write(create(number, json!({ "name": "Ada", "tags": [] }))).await.expect("created");
    }
    let tag = |number: u8| {
        let patch = Patch::json(json!([{ "op": "add", "path": "/tags/-", "value": "more" }]));
        let (patch, precondition) = (patch.expect("a JSON Patch"), Precondition::Any);
        write(Operation::Patch { id: id(number), precondition, patch, base: None })
    };
    let batch = AtomicBatch::new(CHANGED.map(tag).into()).expect("a batch");
    // A commit waits for a standby that there is not, and does not notice that its client is gone.
    let standby = |change: &str| {
        database.cluster.sql("postgres", &format!("ALTER SYSTEM {change}"));
        database.cluster.sql("postgres", "SELECT pg_reload_conf()");
    };
    standby("SET synchronous_standby_names = 'absent'");
    let writing = tokio::spawn(async move { (store.write_all(batch).await, store) });
    let sessions = |that_wait: &str| {
        database.sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE {that_wait}"))
    };
    wait_until("the commit waits", LONG, || sessions("wait_event = 'SyncRep'") == "1").await;
    wire.cut_all();
    let waits_for_row = "wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE%'";
    wait_until("the next attempt waits", LONG, || sessions(waits_for_row) == "1").await;
    standby("RESET synchronous_standby_names");
    let (written, store) = writing.await.expect("no panic");
    let told: Vec<_> = written.expect("done").iter().map(|one| one.outcome).collect();
    assert_eq!(told, [Outcome::Updated; 2]);
    assert_eq!(revisions(&*store).await, [2, 2]);
    for number in CHANGED {
        let found = store.get(id(number)).await.expect("readable").expect("there");
        let body: serde_json::Value = serde_json::from_slice(&found.body).expect("JSON");
        assert_eq!(body["tags"], json!(["more"]), "once");
    }
    store.close().await;
}
