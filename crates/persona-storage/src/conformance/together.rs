//! Cases: atomic batches.

use std::time::Instant;

use persona_model::{Patch, Precondition, Revision};
use serde_json::{Value, json};

use super::TestClock;
use super::steps::{
    Subject, create, delete, document, get, guess, id, idempotent, member, merge, named, revision,
    with_real_tags, write,
};
use crate::{
    ATOMIC_BYTES_MAX, ATOMIC_WRITES_MAX, AtomicBatch, Error, NotApplied, Operation, Outcome, Write,
    Written,
};

/// A check that a write was refused with the expected error.
type IsExpected = fn(&Error) -> bool;

fn creation(number: u8, members: Value) -> Write {
    write(Operation::Create { id: id(number), document: document(members) })
}

fn patch(number: u8, members: Value) -> Write {
    let patch = Patch::merge(members).expect("a merge patch");
    let precondition = Precondition::Any;
    write(Operation::Patch { id: id(number), precondition, patch, base: None })
}

fn deletion(number: u8) -> Write {
    write(Operation::Delete { id: id(number), precondition: Precondition::Any })
}

async fn all(store: &Subject, writes: Vec<Write>) -> Result<Vec<Written>, NotApplied> {
    store.write_all(AtomicBatch::new(writes).expect("a batch")).await
}

fn outcomes(written: &[Written]) -> Vec<Outcome> {
    written.iter().map(|written| written.outcome).collect()
}

/// The lines of the feed: each persona with its revision.
async fn feed(store: &Subject) -> Vec<(u8, u64)> {
    let changes = store.changes_after(0, 1_000).await.expect("readable");
    changes.iter().map(|change| (change.persona.as_bytes()[15], change.revision.number())).collect()
}

pub async fn a_batch_is_applied_as_a_whole_in_its_order(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    create(store, 2, named("Bea")).await;
    create(store, 3, named("Cleo")).await;
    let replacement = Operation::Replace {
        id: id(2),
        precondition: guess(&[revision(1)]),
        document: document(named("Beatrix")),
    };
    let replacement = with_real_tags(&**store, write(replacement)).await;
    let writes = vec![
        creation(9, named("Ida")),
        patch(1, json!({ "nickname": "Countess" })),
        replacement,
        patch(4, json!({})),
        deletion(3),
    ];
    let refused = all(store, writes.clone()).await.expect_err("there is no persona 4");
    assert!(
        matches!(refused, NotApplied { place: Some(3), error: Error::NotFound }),
        "{refused:?}"
    );
    create(store, 4, named("Dora")).await;
    let written = all(store, writes).await.expect("applied");
    let expected = [
        Outcome::Created,
        Outcome::Updated,
        Outcome::Updated,
        Outcome::Unchanged,
        Outcome::Deleted,
    ];
    assert_eq!(outcomes(&written), expected);
    for (number, written) in [9, 1, 2, 4, 3].into_iter().zip(written) {
        assert_eq!(get(store, number).await, written.representation);
        assert!(!written.replayed);
    }
    let expected = [(1, 1), (2, 1), (3, 1), (4, 1), (9, 1), (1, 2), (2, 2), (3, 2)];
    assert_eq!(feed(store).await, expected);
    assert_eq!(member(store, 2, "name").await, "Beatrix");
}

pub async fn a_batch_with_one_refused_write_leaves_no_trace(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    create(store, 2, json!({ "name": "Bea", "handle": "bea" })).await;
    merge(store, 1, json!({ "nickname": "Countess" })).await.expect("patched");
    let stale = Operation::Delete { id: id(1), precondition: guess(&[revision(1)]) };
    let stale = with_real_tags(&**store, write(stale)).await;
    let unknown_base = Operation::Patch {
        id: id(1),
        precondition: Precondition::Any,
        patch: Patch::merge(json!({})).expect("a patch"),
        base: Revision::new(7),
    };
    let is_of: [(Write, IsExpected); 6] = [
        (
            stale,
            |error| matches!(error, Error::Stale { current } if current.revision.number() == 2),
        ),
        (write(unknown_base), |error| matches!(error, Error::UnknownBase { .. })),
        (creation(1, named("Eve")), |error| matches!(error, Error::AlreadyExists { .. })),
        (patch(1, json!({ "name": null })), |error| matches!(error, Error::Invalid(_))),
        (
            patch(1, json!({ "handle": "bea" })),
            |error| matches!(error, Error::HandleTaken { holder, .. } if *holder == id(2)),
        ),
        (patch(7, json!({})), |error| matches!(error, Error::NotFound)),
    ];
    let before = (get(store, 1).await, get(store, 2).await, feed(store).await);
    for (bad, is_expected) in is_of {
        let good = idempotent(creation(9, named("Ida")), "k", 1);
        let writes = vec![good, patch(2, json!({ "nickname": "B" })), bad, deletion(8)];
        let NotApplied { place, error } = all(store, writes).await.expect_err("refused");
        assert!(place == Some(2) && is_expected(&error), "{place:?}: {error}");
        assert_eq!(store.get(id(9)).await.expect("readable"), None);
        assert_eq!((get(store, 1).await, get(store, 2).await, feed(store).await), before);
    }
    // The key of the creation was not kept either.
    let again = idempotent(creation(9, named("Eve")), "k", 2);
    assert!(!store.write(again).await.expect("created").replayed);
}

pub async fn a_handle_moves_within_a_batch_in_its_order(store: &Subject, _clock: &TestClock) {
    let with_handle = |name: &str, handle: &str| json!({ "name": name, "handle": handle });
    create(store, 1, with_handle("Ada", "one")).await;
    create(store, 2, with_handle("Bea", "two")).await;
    create(store, 3, with_handle("Cleo", "three")).await;
    let too_early = vec![patch(2, json!({ "handle": "one" })), patch(1, json!({ "handle": null }))];
    let refused = all(store, too_early).await.expect_err("it has a holder still");
    assert!(matches!(refused, NotApplied { place: Some(0), error: Error::HandleTaken { .. } }));
    let moves = vec![
        patch(1, json!({ "handle": null })),
        patch(2, json!({ "handle": "one" })),
        deletion(3),
        creation(4, with_handle("Dora", "two")),
        creation(5, with_handle("Eve", "three")),
    ];
    all(store, moves).await.expect("applied");
    for (number, handle) in [(2, "one"), (4, "two"), (5, "three")] {
        assert_eq!(member(store, number, "handle").await, handle);
    }
    let twice = vec![creation(6, with_handle("F", "six")), creation(7, with_handle("G", "six"))];
    let NotApplied { place, error } = all(store, twice).await.expect_err("taken in the batch");
    assert!(place == Some(1) && matches!(error, Error::HandleTaken { .. }), "{error}");
    assert_eq!(store.get(id(6)).await.expect("readable"), None);
}

pub async fn a_repeated_batch_is_answered_as_the_first_time(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    let alone = || idempotent(patch(1, json!({ "nickname": "Countess" })), "alone", 1);
    let known = store.write(alone()).await.expect("patched");
    let batch = || {
        vec![
            idempotent(creation(2, named("Bea")), "a", 2),
            alone(),
            idempotent(creation(3, named("Cleo")), "b", 3),
        ]
    };
    let first = all(store, batch()).await.expect("applied");
    assert_eq!(first.iter().map(|one| one.replayed).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(first[1].representation, known.representation);
    delete(store, 3, Precondition::Any).await.expect("deleted");
    let again = all(store, batch()).await.expect("replayed");
    let replayed = |one: Written| Written { replayed: true, ..one };
    assert_eq!(again, first.into_iter().map(replayed).collect::<Vec<_>>());
    let other = vec![creation(4, named("Dora")), idempotent(creation(5, named("Eve")), "a", 9)];
    let NotApplied { place, error } = all(store, other).await.expect_err("refused");
    assert!(place == Some(1) && matches!(error, Error::KeyReused), "{error}");
    assert_eq!(store.get(id(4)).await.expect("readable"), None);
}

pub async fn a_batch_merges_with_what_happened_since_its_bases(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    merge(store, 1, json!({ "nickname": "Countess" })).await.expect("patched");
    let base = |members: Value| {
        let patch = Patch::merge(members).expect("a merge patch");
        let (precondition, base) = (Precondition::Any, Some(Revision::FIRST));
        write(Operation::Patch { id: id(1), precondition, patch, base })
    };
    let conflict = vec![creation(2, named("Bea")), base(json!({ "nickname": "C" }))];
    let refused = all(store, conflict).await.expect_err("both sides changed it");
    assert!(matches!(refused, NotApplied { place: Some(1), error: Error::Conflicts { .. } }));
    let clean = vec![creation(2, named("Bea")), base(json!({ "description": "Wrote it." }))];
    all(store, clean).await.expect("applied");
    assert_eq!(member(store, 1, "nickname").await, "Countess");
    assert_eq!(member(store, 1, "description").await, "Wrote it.");
}

pub async fn a_batch_is_bounded_by_the_bytes_of_its_documents(store: &Subject, _clock: &TestClock) {
    let text = |bytes: usize| json!({ "name": "Ada", "extensions": { "text": "x".repeat(bytes) } });
    let half = ATOMIC_BYTES_MAX / 2;
    create(store, 1, text(half)).await;
    let changes = vec![patch(1, json!({ "nickname": "A" })), creation(2, text(half - 8 * 1024))];
    all(store, changes).await.expect("applied");
    let too_many = vec![
        creation(3, named("Cleo")),
        patch(1, json!({ "extensions": { "text": "x" } })),
        creation(4, text(half)),
    ];
    let NotApplied { place, error } = all(store, too_many).await.expect_err("refused");
    assert!(place == Some(2) && matches!(error, Error::TooMuchAtOnce { .. }), "{place:?}: {error}");
    assert_eq!(get(store, 1).await.revision, revision(2));
    let other = vec![
        patch(2, json!({ "nickname": "A" })),
        patch(1, json!({ "description": "x".repeat(16 * 1024) })),
    ];
    let NotApplied { place, error } = all(store, other).await.expect_err("refused");
    assert!(place == Some(1) && matches!(error, Error::TooMuchAtOnce { .. }), "{place:?}: {error}");
}

pub async fn the_words_of_a_batch_are_found_and_those_before_are_not(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "Ada", "description": "before" })).await;
    let writes = vec![
        patch(1, json!({ "description": "after" })),
        creation(2, json!({ "name": "Bea", "description": "after", "tags": ["new"] })),
    ];
    all(store, writes).await.expect("applied");
    for (text, expected) in [("before", vec![]), ("after", vec![1, 2]), ("new", vec![2])] {
        assert_eq!(super::searching::search(store, text).await, expected, "{text}");
    }
}

pub async fn batches_beside_each_other_and_beside_writes_lose_nothing(
    store: &Subject,
    _clock: &TestClock,
) {
    const ROUNDS: u8 = 12;
    for number in 1..=3 {
        create(store, number, json!({ "name": "Ada", "extensions": {} })).await;
    }
    let add = |number: u8, key: String| patch(number, json!({ "extensions": { key: 1 } }));
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..4_u8 {
        let store = std::sync::Arc::clone(store);
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                let key = format!("{client}-{round}");
                // Clients use different orders, so that batches meet in opposite directions.
                let order = if client % 2 == 0 { [1, 2, 3] } else { [3, 2, 1] };
                if client < 3 {
                    let writes = order.map(|number| add(number, key.clone())).to_vec();
                    all(&store, writes).await.expect("applied");
                } else {
                    store.write(add(2, key)).await.expect("patched");
                }
            }
        });
    }
    tasks.join_all().await;
    let keys = async |number| {
        member(store, number, "extensions").await.as_object().expect("an object").len()
    };
    let rounds = usize::from(ROUNDS);
    assert_eq!([keys(1).await, keys(2).await, keys(3).await], [3 * rounds, 4 * rounds, 3 * rounds]);
}

pub async fn batches_that_create_the_same_personas_create_them_once(
    store: &Subject,
    _clock: &TestClock,
) {
    let numbers: Vec<u8> = (1..=20).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..4_u8 {
        let store = std::sync::Arc::clone(store);
        let mut numbers = numbers.clone();
        numbers.rotate_left(usize::from(client) * 5);
        tasks.spawn(async move {
            let writes =
                numbers.iter().map(|number| creation(*number, named(&format!("C{client}"))));
            all(&store, writes.collect()).await.is_ok()
        });
    }
    let applied = tasks.join_all().await.into_iter().filter(|is_applied| *is_applied).count();
    assert_eq!(applied, 1);
    let name = member(store, 1, "name").await;
    for number in numbers {
        assert_eq!(member(store, number, "name").await, name);
    }
    assert_eq!(feed(store).await.len(), 20);
}

pub async fn the_largest_batch_is_applied_and_one_that_comes_too_late_is_not(
    store: &Subject,
    _clock: &TestClock,
) {
    let number = |place: usize| u8::try_from(place).expect("below 256");
    let many: Vec<Write> =
        (0..ATOMIC_WRITES_MAX).map(|place| creation(number(place), named("Ada"))).collect();
    let mut late = many.clone();
    late[0].deadline = Instant::now();
    let refused = all(store, late).await.expect_err("too late");
    assert!(
        matches!(refused, NotApplied { place: None, error: Error::Busy { .. } }),
        "{refused:?}"
    );
    assert!(feed(store).await.is_empty());
    assert_eq!(all(store, many).await.expect("applied").len(), ATOMIC_WRITES_MAX);
    assert_eq!(feed(store).await.len(), ATOMIC_WRITES_MAX);
    store.close().await;
    let refused = all(store, vec![deletion(1)]).await.expect_err("closed");
    assert!(matches!(refused, NotApplied { place: None, error: Error::Closed(_) }), "{refused:?}");
}
