//! Cases: what a repetition of a request by its key is told of a persona that was purged.

use serde_json::json;

use super::TestClock;
use super::labels::label_move;
use super::purging::{is_purged, purge};
use super::reach::{bound_to, guarded};
use super::steps::{Subject, create, document, id, idempotent, merge, named, soon, write};
use crate::{
    Error, Idempotency, IdentityOrigin, LabelMoves, LabelTarget, Operation, Viewer, Write,
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
