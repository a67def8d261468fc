//! Atomic batches over connections that break at every place: each is done once, or not at all, and
//! the answer says which.

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{document, id, write};
use persona_storage::{AtomicBatch, Operation, Outcome, Store, Write};
use persona_test_support::wire::{Fault, Sender, Trap, Wire};
use serde_json::json;

use crate::shared_database::{Database, create, open};

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
async fn a_batch_whose_connection_breaks_anywhere_is_done_once() {
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
