//! Labels of several personas, moved together; moves at the same time, and moves that come too
//! late.

use std::sync::Arc;
use std::time::Instant;

use persona_model::LabelPrecondition;
use serde_json::json;

use super::TestClock;
use super::labels::{all, at_revision, label_move, name, one, points, set, to};
use super::polling::feed_of;
use super::steps::{Subject, create, merge, named, soon};
use crate::{Error, Label, LabelMove, LabelMoves, LabelTarget, NotApplied};

pub async fn a_release_moves_all_labels_in_their_order_or_none(
    store: &Subject,
    _clock: &TestClock,
) {
    for number in 1..=3 {
        at_revision(store, number, 3).await;
        set(store, number, "staging", to(3)).await;
        set(store, number, "production", to(1)).await;
    }
    let staging = || LabelTarget::Label(name("staging"));
    let promote = |number| label_move(number, "production", staging());
    // The second persona is not as it was seen, and one does not exist.
    for (bad, place) in [
        (LabelMove { precondition: LabelPrecondition::IsNotSet, ..promote(2) }, 1),
        (promote(9), 1),
    ] {
        let refused = all(store, vec![promote(1), bad, promote(3)]).await.expect_err("refused");
        assert_eq!(refused.place, Some(place));
        for number in 1..=3 {
            let points = points(store, number).await;
            assert_eq!(points, [("production".into(), 1), ("staging".into(), 3)]);
        }
    }
    let lines = store.changes_after(0, 100).await.expect("readable");
    let moves = vec![
        label_move(1, "staging", to(2)),
        promote(1),
        promote(2),
        label_move(3, "staging", LabelTarget::Nowhere),
        label_move(3, "production", to(1)),
    ];
    let done = all(store, moves).await.expect("moved");
    let told: Vec<_> = done
        .iter()
        .map(|one| (one.label.as_ref().map(|label| label.revision.number()), one.is_moved))
        .collect();
    let expected =
        [(Some(2), true), (Some(2), true), (Some(3), true), (None, true), (Some(1), false)];
    assert_eq!(told, expected, "each finds what those before it have left");
    assert_eq!(points(store, 1).await, [("production".into(), 2), ("staging".into(), 2)]);
    assert_eq!(points(store, 2).await, [("production".into(), 3), ("staging".into(), 3)]);
    assert_eq!(points(store, 3).await, [("production".into(), 1)]);
    let after = store.changes_after(0, 100).await.expect("readable");
    assert_eq!(after.len(), lines.len() + 4);
}

pub async fn of_concurrent_moves_of_one_state_exactly_one_is_made(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 9).await;
    let first = set(store, 1, "production", to(1)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 2..=9 {
        let (store, tag) = (Arc::clone(store), first.tag);
        tasks.spawn(async move {
            let precondition = LabelPrecondition::OneOf(vec![tag]);
            let wanted = LabelMove { precondition, ..label_move(1, "production", to(number)) };
            one(&store, wanted).await.ok().and_then(|moved| moved.label)
        });
    }
    let made: Vec<Label> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(points(store, 1).await, [("production".into(), made[0].revision.number())]);
}

pub async fn releases_beside_each_other_and_beside_writes_are_each_whole(
    store: &Subject,
    _clock: &TestClock,
) {
    const ROUNDS: u64 = 8;
    for number in 1..=3 {
        at_revision(store, number, 1).await;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..3_usize {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                if client == 2 {
                    merge(&store, 2, json!({ "nickname": round.to_string() }))
                        .await
                        .expect("patched");
                    continue;
                }
                // In different orders, so that releases meet each other from both sides.
                let order = if client == 0 { [1, 2, 3] } else { [3, 2, 1] };
                let label = ["blue", "green"][client];
                let target = if round % 2 == 0 { to(1) } else { LabelTarget::Nowhere };
                let moves = order.map(|number| label_move(number, label, target.clone()));
                all(&store, moves.to_vec()).await.expect("moved");
            }
        });
    }
    tasks.join_all().await;
    let rounds = usize::try_from(ROUNDS).expect("a few");
    // Three creations, the patches, and two releases of three moves.
    let feed = feed_of(store, 3 + rounds + 2 * 3 * rounds).await;
    let mut newest = std::collections::HashMap::new();
    for line in &feed {
        // No line comes before the revision that it is about, or after a later move of its label.
        if line.label.is_none() {
            let before = newest.insert(line.persona, line.revision.number());
            assert_eq!(before.unwrap_or_default() + 1, line.revision.number(), "{feed:?}");
        } else {
            assert!(newest[&line.persona] >= line.revision.number(), "{feed:?}");
        }
    }
    let moves = feed.iter().filter(|line| line.label.is_some()).count() as u64;
    assert_eq!(moves, 2 * 3 * ROUNDS);
    for number in 1..=3 {
        assert_eq!(points(store, number).await, [], "each round ends with a removal");
    }
}

pub async fn moves_that_come_too_late_or_to_a_closed_store_are_never_made(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    let late = LabelMoves::one(label_move(1, "production", to(1)), Instant::now());
    let refused = store.move_labels(late).await;
    assert!(matches!(refused, Err(NotApplied { place: None, error: Error::Busy { .. } })));
    assert_eq!(points(store, 1).await, []);
    store.close().await;
    let moves = LabelMoves::one(label_move(1, "production", to(1)), soon());
    let refused = store.move_labels(moves).await;
    assert!(matches!(refused, Err(NotApplied { place: None, error: Error::Closed(_) })));
}
