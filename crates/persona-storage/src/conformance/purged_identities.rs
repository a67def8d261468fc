//! Cases: a write with the identity of a purged persona is told that it was purged, whatever else
//! is wrong with it.

use persona_model::{Clock, PastRevision, Precondition, Revision, Timestamp};
use serde_json::json;

use super::TestClock;
use super::labels::label_move;
use super::purging::purge;
use super::steps::{
    Subject, create, document, guess, id, idempotent, named, revision, soon, write,
};
use crate::{AtomicBatch, Error, LabelMoves, LabelTarget, NotApplied, Operation, Write};

fn creation(number: u8, members: serde_json::Value) -> Write {
    write(Operation::Create { id: id(number), document: document(members) })
}

/// Writes that would make persona 1, each of which the rules refuse for another reason.
fn refused_creations(now: Timestamp) -> Vec<Write> {
    let past = |at: Timestamp, is_deleted| PastRevision {
        document: document(named("Ada")),
        revision: Revision::FIRST,
        created_at: at,
        updated_at: at,
        is_deleted,
        previous: None,
        created_by: None,
        updated_by: None,
        content_hash: None,
        base: None,
        note: None,
    };
    let import = |past| write(Operation::Import { id: id(1), past: Box::new(past) });
    let far_ahead = Timestamp::from_micros(now.as_micros() + 86_400_000_000_000);
    vec![
        creation(1, json!({ "name": "Ada", "handle": "taken" })),
        Write { document_bytes_max: 1, ..creation(1, named("Ada")) },
        import(past(now, true)),
        import(past(far_ahead, false)),
    ]
}

pub async fn a_purged_identity_is_told_before_whatever_else_is_wrong(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    create(store, 2, json!({ "name": "Bea", "handle": "taken" })).await;
    let tombstone = purge(store, 1).await.expect("purged");
    let is_purged = |error: &Error| matches!(error, Error::Purged { at } if *at == tombstone.at);
    for creation in refused_creations(clock.now()) {
        let refused = store.write(creation.clone()).await.expect_err("refused");
        assert!(is_purged(&refused), "{creation:?}: {refused}");
        let batch = AtomicBatch::new(vec![write_of_2(Precondition::Any), creation.clone()]);
        let batch = batch.expect("a batch");
        let NotApplied { place, error } = store.write_all(batch).await.expect_err("refused");
        assert!(place == Some(1) && is_purged(&error), "{creation:?}: {place:?}, {error}");
    }
    // The items of a batch are refused in their order.
    let stale = write_of_2(guess(&[revision(9)]));
    for later in [stale, creation(3, json!({ "name": "Cleo", "handle": "taken" }))] {
        let batch = AtomicBatch::new(vec![creation(1, named("Ada")), later.clone()]);
        let batch = batch.expect("a batch");
        let NotApplied { place, error } = store.write_all(batch).await.expect_err("refused");
        assert!(place == Some(0) && is_purged(&error), "{later:?}: {place:?}, {error}");
    }
    let found = store.get(id(2)).await.expect("readable").expect("there");
    assert_eq!(found.revision, Revision::FIRST, "nothing was changed");
}

/// A deletion of persona 2.
fn write_of_2(precondition: Precondition) -> Write {
    write(Operation::Delete { id: id(2), precondition })
}

pub async fn of_several_purged_personas_the_first_that_was_named_is_told(
    store: &Subject,
    clock: &TestClock,
) {
    for number in [1, 2] {
        create(store, number, named("Ada")).await;
    }
    for (key, numbers) in [("up", [1, 2]), ("down", [2, 1])] {
        store.move_labels(keyed_moves(key, numbers)).await.expect("moved");
    }
    let mut at = Vec::new();
    for number in [1, 2] {
        clock.advance_micros(5);
        at.push(purge(store, number).await.expect("purged").at);
    }
    for (key, numbers, told) in [("up", [1, 2], at[0]), ("down", [2, 1], at[1])] {
        let moves = keyed_moves(key, numbers);
        let NotApplied { error, .. } = store.move_labels(moves).await.expect_err("refused");
        assert!(matches!(error, Error::Purged { at } if at == told), "{key}: {error:?}");
    }
}

fn keyed_moves(key: &str, numbers: [u8; 2]) -> LabelMoves {
    let one = |number| label_move(number, "production", LabelTarget::Latest);
    let mut moves = LabelMoves::new(numbers.map(one).into(), soon()).expect("moves");
    moves.idempotency = idempotent(creation(9, named("x")), key, 1).idempotency;
    moves
}
