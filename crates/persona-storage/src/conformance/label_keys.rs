//! Moves of labels with an idempotency key: they are made once, and each repetition is answered as
//! the first request was.

use persona_model::LabelPrecondition;

use super::TestClock;
use super::labels::{all, at_revision, label_move, points, set, to};
use super::purging::purge;
use super::steps::{Subject, create, document, id, idempotent, named, soon, write};
use crate::{
    Error, Idempotency, LabelMove, LabelMoves, LabelTarget, MovedLabel, NotApplied, Operation,
};

/// Makes moves with a key.
pub(super) async fn with_key(
    store: &Subject,
    moves: Vec<LabelMove>,
    (key, fingerprint): (&str, u8),
) -> Result<Vec<MovedLabel>, NotApplied> {
    let mut moves = LabelMoves::new(moves, soon()).expect("moves that fit together");
    moves.idempotency = Some(Idempotency { key: key.into(), fingerprint: [fingerprint; 32] });
    store.move_labels(moves.by(Some("Ada".into()))).await
}

fn first(told: &[MovedLabel]) -> Vec<MovedLabel> {
    told.iter().map(|one| MovedLabel { replayed: false, ..one.clone() }).collect()
}

pub async fn moves_with_a_key_are_made_once_and_answered_again(
    store: &Subject,
    _clock: &TestClock,
) {
    for number in 1..=2 {
        at_revision(store, number, 3).await;
        set(store, number, "staging", to(2)).await;
    }
    // One that sets, one that removes, and one that changes nothing.
    let moves = vec![
        label_move(1, "production", LabelTarget::Latest),
        label_move(2, "staging", LabelTarget::Nowhere),
        label_move(1, "staging", to(2)),
    ];
    let told = with_key(store, moves.clone(), ("k", 1)).await.expect("moved");
    assert_eq!(told, first(&told), "the first answer is no repetition");
    let is_moved: Vec<_> = told.iter().map(|one| one.is_moved).collect();
    assert_eq!(is_moved, [true, true, false]);
    // What came meanwhile stays as it is.
    set(store, 1, "production", to(1)).await;
    set(store, 2, "staging", to(1)).await;
    let lines = store.changes_after(0, 100).await.expect("readable");
    for _ in 0..2 {
        let again = with_key(store, moves.clone(), ("k", 1)).await.expect("answered");
        assert!(again.iter().all(|one| one.replayed), "{again:?}");
        assert_eq!(first(&again), told);
    }
    assert_eq!(points(store, 1).await, [("production".into(), 1), ("staging".into(), 2)]);
    assert_eq!(points(store, 2).await, [("staging".into(), 1)]);
    assert_eq!(store.changes_after(0, 100).await.expect("readable"), lines);
    // Without the key they are other moves.
    all(store, moves).await.expect("moved");
    assert_eq!(points(store, 2).await, []);
}

pub async fn moves_that_change_nothing_keep_their_answer_too(store: &Subject, _clock: &TestClock) {
    at_revision(store, 1, 2).await;
    set(store, 1, "production", to(1)).await;
    let moves = || vec![label_move(1, "production", to(1))];
    let told = with_key(store, moves(), ("k", 1)).await.expect("nothing to do");
    assert_eq!((told[0].is_moved, told[0].replayed), (false, false));
    set(store, 1, "production", to(2)).await;
    let again = with_key(store, moves(), ("k", 1)).await.expect("answered");
    assert_eq!((first(&again), again[0].replayed), (told, true));
    assert_eq!(points(store, 1).await, [("production".into(), 2)]);
}

pub async fn a_key_is_of_moves_or_of_a_write_and_of_one_request(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 2).await;
    let operation = || Operation::Create { id: id(2), document: document(named("Bea")) };
    store.write(idempotent(write(operation()), "of a write", 1)).await.expect("created");
    let moves = || vec![label_move(1, "production", to(1))];
    with_key(store, moves(), ("of moves", 2)).await.expect("moved");
    for key in [("of a write", 3), ("of moves", 3)] {
        let refused = with_key(store, vec![label_move(1, "production", to(2))], key).await;
        let is_refused =
            matches!(refused, Err(NotApplied { place: None, error: Error::KeyReused }));
        assert!(is_refused, "{key:?}: {refused:?}");
    }
    let other = Operation::Create { id: id(3), document: document(named("Cid")) };
    let refused = store.write(idempotent(write(other), "of moves", 3)).await;
    assert!(matches!(refused, Err(Error::KeyReused)), "{refused:?}");
    assert_eq!(points(store, 1).await, [("production".into(), 1)]);
    assert!(store.get(id(3)).await.expect("readable").is_none());
}

pub async fn a_key_of_moves_is_of_its_personas(store: &Subject, _clock: &TestClock) {
    at_revision(store, 1, 2).await;
    at_revision(store, 2, 2).await;
    let moves = |number| vec![label_move(number, "production", to(1))];
    with_key(store, moves(1), ("k", 1)).await.expect("moved");
    // The same request, which named the persona by a handle that leads to another one now.
    let is_reused = async |number| {
        let refused = with_key(store, moves(number), ("k", 1)).await;
        matches!(refused, Err(NotApplied { place: None, error: Error::KeyReused }))
    };
    assert!(is_reused(2).await);
    assert_eq!(points(store, 2).await, []);
    // What is kept tells nothing of a purged persona, and is still of another one.
    purge(store, 1).await.expect("purged");
    assert!(is_reused(2).await);
}

pub async fn refused_moves_may_be_repeated_with_the_same_key(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    let precondition = LabelPrecondition::IsSet;
    let wanted = || LabelMove { precondition: precondition.clone(), ..label_move(1, "a", to(1)) };
    for _ in 0..2 {
        let refused = with_key(store, vec![wanted()], ("k", 1)).await;
        let is_refused =
            matches!(refused, Err(NotApplied { place: Some(0), error: Error::Label(_) }));
        assert!(is_refused, "{refused:?}");
    }
    set(store, 1, "a", to(1)).await;
    let told = with_key(store, vec![wanted()], ("k", 1)).await.expect("nothing to do");
    assert!(!told[0].replayed);
}

pub async fn of_concurrent_moves_with_one_key_one_is_made_and_all_are_told_the_same(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 2).await;
    at_revision(store, 2, 2).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = std::sync::Arc::clone(store);
        tasks.spawn(async move {
            let moves = [2, 1].map(|number| label_move(number, "production", LabelTarget::Latest));
            with_key(&store, moves.to_vec(), ("k", 1)).await.expect("moved")
        });
    }
    let told = tasks.join_all().await;
    let made = told.iter().filter(|told| told.iter().all(|one| !one.replayed)).count();
    assert_eq!(made, 1, "{told:?}");
    assert!(told.iter().all(|one| first(one) == first(&told[0])), "{told:?}");
    let lines = store.changes_after(0, 100).await.expect("readable");
    assert_eq!(lines.iter().filter(|line| line.label.is_some()).count(), 2);
}
