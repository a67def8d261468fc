//! Histories of some months, of which old revisions go, and their comparison with the oracle.

#![allow(dead_code, reason = "every test program uses another part")]

use std::time::Duration;

use persona_model::{Clock, PastRevision, Patch, Precondition, Revision};
use persona_storage::conformance::{TestClock, document, id, label_move, soon, write};
use persona_storage::memory::MemoryStore;
use persona_storage::{HistoryLimits, LabelMoves, LabelTarget, Operation, Store};
use serde_json::{Value, json};

pub const DAY: i64 = 86_400_000_000;
/// Days on which persona 1 is changed; persona 2 is changed on some of them.
pub const DAYS: u64 = 60;

pub fn limits(days: Option<u64>, keep_newest: Option<u64>) -> HistoryLimits {
    let keep_for = days.map(|days| Duration::from_hours(24 * days));
    HistoryLimits { keep_for, keep_newest }
}

async fn patch(store: &dyn Store, number: u8, members: Value) {
    let patch = Patch::merge(members).expect("a merge patch");
    let (id, precondition) = (id(number), Precondition::Any);
    store
        .write(write(Operation::Patch { id, precondition, patch, base: None }))
        .await
        .expect("patched");
}

/// Two personas with a revision a day; some are labelled, move a handle, delete or undelete.
pub async fn fill(store: &dyn Store, clock: &TestClock) {
    for number in [1, 2] {
        let create =
            Operation::Create { id: id(number), document: document(json!({ "name": "0" })) };
        store.write(write(create)).await.expect("created");
    }
    for day in 1..=DAYS {
        clock.advance_micros(DAY);
        patch(store, 1, json!({ "name": day.to_string() })).await;
        match day {
            10 => {
                let to = LabelTarget::Revision(Revision::new(5).expect("not zero"));
                let moves = LabelMoves::one(label_move(1, "live", to), soon());
                store.move_labels(moves).await.expect("moved");
            }
            20 => patch(store, 2, json!({ "handle": "eve" })).await,
            25 => {
                let (id, precondition) = (id(2), Precondition::Any);
                let delete = Operation::Delete { id, precondition: precondition.clone() };
                store.write(write(delete)).await.expect("deleted");
                store
                    .write(write(Operation::Undelete { id, precondition }))
                    .await
                    .expect("undeleted");
            }
            day if day % 3 == 0 => patch(store, 2, json!({ "name": day.to_string() })).await,
            _ => {}
        }
    }
}

/// The limits of the cases, and how many revisions go.
pub const CASES: [(Option<u64>, Option<u64>); 6] = [
    (Some(30), None),
    (None, Some(10)),
    (Some(30), Some(10)),
    (Some(5), Some(40)),
    (Some(1000), None),
    (None, Some(1)),
];

/// Compares every revision of a store with the oracle.
pub async fn compare(store: &dyn Store, oracle: &MemoryStore) {
    for number in [1, 2] {
        for revision in (1..=DAYS + 2).filter_map(Revision::new) {
            let (found, wanted) = (
                store.revision(id(number), revision).await,
                oracle.revision(id(number), revision).await,
            );
            assert_eq!(format!("{found:?}"), format!("{wanted:?}"), "{number} {revision}");
        }
        let (found, wanted) = (
            store.revisions(id(number), None, 100).await.expect("readable"),
            oracle.revisions(id(number), None, 100).await.expect("readable"),
        );
        assert_eq!(found, wanted);
    }
}

/// The revisions of an imported persona: between some of them others were dropped before.
pub const IMPORTED: [(u64, Option<u64>); 6] =
    [(1, None), (5, Some(1)), (6, None), (10, Some(6)), (11, None), (12, None)];

/// Imports a persona of which revisions are missing, a day apart each.
pub async fn import_with_gaps(store: &dyn Store, clock: &TestClock) {
    let created_at = clock.now();
    for (number, previous) in IMPORTED {
        clock.advance_micros(DAY);
        let updated_at = if number == 1 { created_at } else { clock.now() };
        let past = PastRevision {
            previous: previous.and_then(Revision::new),
            revision: Revision::new(number).expect("not zero"),
            created_at,
            updated_at,
            created_by: None,
            updated_by: None,
            is_deleted: false,
            base: None,
            note: None,
            content_hash: None,
            document: document(json!({ "name": number.to_string() })),
        };
        let import = Operation::Import { id: id(3), past: Box::new(past) };
        store.write(write(import)).await.expect("imported");
    }
    clock.advance_micros(100 * DAY);
}

/// The revisions of the imported persona that are kept.
pub async fn kept_of_imported(store: &dyn Store) -> Vec<u64> {
    let page = store.revisions(id(3), None, 100).await.expect("readable").expect("it exists");
    page.items.iter().map(|entry| entry.revision.number()).collect()
}

/// The limits of the cases of the imported persona, and which revisions are kept.
pub const CASES_OF_IMPORTED: [(Option<u64>, Option<u64>, &[u64]); 5] = [
    (None, Some(1), &[12, 11, 1]),
    (None, Some(3), &[12, 11, 10, 1]),
    (None, Some(7), &[12, 11, 10, 6, 1]),
    (None, Some(8), &[12, 11, 10, 6, 5, 1]),
    (Some(30), None, &[12, 11, 1]),
];
