//! Cases: requests are sent twice.

use persona_model::{Patch, Precondition};
use serde_json::{Value, json};

use super::TestClock;
use super::steps::{
    Subject, create, create_write, document, id, idempotent, merge, named, revision, write,
};
use crate::{Error, IDEMPOTENCY_KEPT, Operation, Outcome, Write, Written};

fn patch(members: Value) -> Write {
    let patch = Patch::merge(members).expect("a merge patch");
    write(Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None })
}

pub async fn a_repeated_request_is_answered_as_the_first_time_and_changes_nothing(
    store: &Subject,
    _clock: &TestClock,
) {
    let creation = || {
        idempotent(write(Operation::Create { id: id(1), document: document(named("Ada")) }), "c", 1)
    };
    let first = store.write(creation()).await.expect("created");
    let update = || idempotent(patch(json!({ "description": "once" })), "u", 2);
    let second = store.write(update()).await.expect("patched");
    merge(store, 1, json!({ "description": "later" })).await.expect("patched");

    let replayed = store.write(creation()).await.expect("replayed");
    assert_eq!(replayed, Written { replayed: true, ..first });
    let replayed = store.write(update()).await.expect("replayed");
    assert_eq!(replayed, Written { replayed: true, ..second });
    assert_eq!(store.get(id(1)).await.expect("readable").expect("it exists").revision, revision(3));
    assert_eq!(store.changes_after(0, 100).await.expect("readable").len(), 3);
}

pub async fn a_key_of_another_request_is_refused(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    store.write(idempotent(patch(json!({ "description": "a" })), "k", 1)).await.expect("patched");
    let refused = store
        .write(idempotent(patch(json!({ "description": "b" })), "k", 2))
        .await
        .expect_err("refused");
    assert!(matches!(refused, Error::KeyReused), "{refused}");
    assert_eq!(store.get(id(1)).await.expect("readable").expect("it exists").revision, revision(2));
}

pub async fn a_refused_request_may_be_repeated_with_the_same_key(
    store: &Subject,
    _clock: &TestClock,
) {
    let update = || idempotent(patch(json!({ "description": "a" })), "k", 1);
    let refused = store.write(update()).await.expect_err("refused");
    assert!(matches!(refused, Error::NotFound), "{refused}");
    create_write(store, 1, named("Ada")).await.expect("created");
    let written = store.write(update()).await.expect("patched");
    assert_eq!((written.outcome, written.replayed), (Outcome::Updated, false));
}

pub async fn a_key_is_kept_however_far_the_clock_jumps(store: &Subject, clock: &TestClock) {
    let creation = || {
        idempotent(write(Operation::Create { id: id(1), document: document(named("Ada")) }), "k", 1)
    };
    let first = store.write(creation()).await.expect("created");
    let day = i64::try_from(IDEMPOTENCY_KEPT.as_micros()).expect("it fits");
    for jump in [day + 1, -3 * day, 400 * day] {
        clock.jump_micros(jump);
        let replayed = store.write(creation()).await.expect("replayed");
        assert_eq!(replayed, Written { replayed: true, ..first.clone() });
        let refused = store
            .write(idempotent(patch(json!({ "description": "b" })), "k", 2))
            .await
            .expect_err("refused");
        assert!(matches!(refused, Error::KeyReused), "{refused}");
    }
}
