//! Cases: what a repetition of a request by its key is told of a persona that was purged, or given
//! to another owner.

use persona_model::{Patch, Precondition};
use serde_json::json;

use super::TestClock;
use super::labels::label_move;
use super::purging::{is_purged, purge};
use super::reach::{bound_to, guarded};
use super::steps::{Subject, create, delete, document, id, idempotent, merge, named, soon, write};
use crate::{
    AtomicBatch, Error, Idempotency, IdentityOrigin, LabelMoves, LabelTarget, Operation, Viewer,
    Write,
};

pub async fn a_repetition_tells_of_a_purge_only_to_a_viewer_that_reached_the_persona(
    store: &Subject,
    _clock: &TestClock,
) {
    let members = json!({ "name": "Ada", "owner": "ada" });
    let (ada, everyone) = (bound_to("ada", 1, true), Viewer::trusted());
    let guarded = guarded(store);
    let creation = |number: u8| {
        let create = Operation::Create { id: id(number), document: document(members.clone()) };
        let create = Write { identity: IdentityOrigin::New, ..write(create) };
        idempotent(create, &format!("c{number}"), 1)
    };
    let moves = |number: u8| {
        let mut moves = LabelMoves::one(label_move(number, "a", LabelTarget::Latest), soon());
        moves.idempotency = Some(Idempotency { key: format!("m{number}"), fingerprint: [1; 32] });
        moves
    };
    for number in [1, 2] {
        guarded.view(&ada).write(creation(number)).await.expect("created");
        for viewer in [&ada, &everyone] {
            guarded.view(viewer).move_labels(moves(number)).await.expect("moved");
        }
    }
    merge(store, 2, json!({ "owner": "bea" })).await.expect("given away");
    for number in [1, 2] {
        purge(store, number).await.expect("purged");
    }
    let own = guarded.view(&ada).write(creation(1)).await.expect_err("refused");
    assert!(is_purged(&own), "{own}");
    let given_away = guarded.view(&ada).write(creation(2)).await.expect_err("refused");
    assert!(matches!(given_away, Error::NotFound), "{given_away}");
    for (number, viewer, is_told) in
        [(1, &ada, true), (2, &ada, false), (1, &everyone, true), (2, &everyone, true)]
    {
        let refused = guarded.view(viewer).move_labels(moves(number)).await.expect_err("refused");
        let is_right = matches!(
            (&refused.error, is_told),
            (Error::Purged { .. }, true) | (Error::NotFound, false)
        );
        assert!(is_right, "{number}, {is_told}: {refused:?}");
    }
}

pub async fn a_repetition_tells_nothing_of_a_persona_that_was_given_away(
    store: &Subject,
    _clock: &TestClock,
) {
    let (ada, bea) = (bound_to("ada", 1, true), bound_to("bea", 2, false));
    let guarded = guarded(store);
    let creation = |number: u8| {
        let members = document(json!({ "name": "Ada", "owner": "ada" }));
        let create = Operation::Create { id: id(number), document: members };
        let create = Write { identity: IdentityOrigin::New, ..write(create) };
        idempotent(create, &format!("c{number}"), 1)
    };
    let patch = |number: u8| {
        let patch = Patch::merge(json!({ "nickname": "A" })).expect("a patch");
        let precondition = Precondition::Any;
        let patch = Operation::Patch { id: id(number), precondition, patch, base: None };
        idempotent(write(patch), &format!("p{number}"), 1)
    };
    let moves = |numbers: &[u8], key: String| {
        let all = numbers.iter().map(|number| label_move(*number, "a", LabelTarget::Latest));
        let mut moves = LabelMoves::new(all.collect(), soon()).expect("moves");
        moves.idempotency = Some(Idempotency { key, fingerprint: [1; 32] });
        moves
    };
    let view = guarded.view(&ada);
    for number in 1..=4 {
        view.write(creation(number)).await.expect("created");
        view.write(patch(number)).await.expect("patched");
        view.move_labels(moves(&[number], format!("m{number}"))).await.expect("moved");
    }
    view.move_labels(moves(&[4, 1], "both".into())).await.expect("moved");
    // Two go to another owner, and one to no owner.
    merge(store, 1, json!({ "owner": "bea" })).await.expect("given away");
    merge(store, 2, json!({ "owner": "bea" })).await.expect("given away");
    merge(store, 3, json!({ "owner": null })).await.expect("given to all");
    for step in ["given away", "deleted", "purged"] {
        for write in (1..=3).flat_map(|number| [creation(number), patch(number)]) {
            let refused = view.write(write.clone()).await.expect_err("refused");
            assert!(matches!(refused, Error::NotFound), "{step}: {write:?}: {refused:?}");
            let batch = AtomicBatch::new(vec![write]).expect("a batch");
            let refused = view.write_all(batch).await.expect_err("refused");
            assert!(matches!(refused.error, Error::NotFound), "{step}: {refused:?}");
        }
        for moves in (1..=3)
            .map(|number| moves(&[number], format!("m{number}")))
            .chain([moves(&[4, 1], "both".into())])
        {
            let refused = view.move_labels(moves).await.expect_err("refused");
            assert!(matches!(refused.error, Error::NotFound), "{step}: {refused:?}");
        }
        match step {
            "given away" => drop(delete(store, 1, Precondition::Any).await.expect("deleted")),
            _ => drop(purge(store, 1).await),
        }
    }
    let again = view.write(creation(4)).await.expect("it is hers still");
    assert!(again.replayed);
    // What is given back is told again, and its new owner has a key of its own.
    merge(store, 2, json!({ "owner": "ada" })).await.expect("given back");
    assert!(view.write(creation(2)).await.expect("known").replayed);
    let other = guarded.view(&bea).write(creation(2)).await;
    assert!(matches!(other, Err(Error::AlreadyExists { .. } | Error::NotFound)), "{other:?}");
}

pub async fn moves_of_which_one_persona_was_purged_are_not_repeated_and_others_are(
    store: &Subject,
    _clock: &TestClock,
) {
    for number in [1, 2, 3] {
        create(store, number, named("Ada")).await;
    }
    let moves = |numbers: &[u8], key: &str| {
        let all = numbers.iter().map(|number| label_move(*number, "a", LabelTarget::Latest));
        let mut moves = LabelMoves::new(all.collect(), soon()).expect("moves");
        moves.idempotency = Some(Idempotency { key: key.into(), fingerprint: [1; 32] });
        moves
    };
    let requests = [(&[1, 2][..], "a"), (&[2, 1], "b"), (&[1, 3], "c")];
    for (numbers, key) in requests {
        store.move_labels(moves(numbers, key)).await.expect("moved");
    }
    let before = store.move_labels(moves(&[1, 3], "c")).await.expect("repeated");
    purge(store, 2).await.expect("purged");
    for (numbers, key) in &requests[..2] {
        let refused = store.move_labels(moves(numbers, key)).await.expect_err("refused");
        assert!(is_purged(&refused.error), "{key}: {refused:?}");
    }
    let again = store.move_labels(moves(&[1, 3], "c")).await.expect("repeated");
    assert_eq!(again, before);
}
