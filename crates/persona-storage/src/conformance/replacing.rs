//! Whole documents are replaced.

use persona_model::Expect;
use serde_json::json;

use super::TestClock;
use super::steps::{Subject, create, get, id, json_of, named, replace, revision};
use crate::{Error, Outcome};

pub async fn replacing_with_the_current_revision_makes_the_next_one(store: &Subject, clock: &TestClock) {
    create(store, 1, json!({ "name": "Ada", "description": "first" })).await;
    clock.advance_micros(1_000_000);
    let written = replace(store, 1, Expect::at(revision(1)), named("Ada L.")).await.expect("replaced");
    assert_eq!((written.outcome, written.answer.revision), (Outcome::Updated, revision(2)));
    assert_eq!(get(store, 1).await, written.answer);
    let body = json_of(&written.answer);
    assert_eq!((&body["name"], &body["description"]), (&json!("Ada L."), &json!("")));
    assert_eq!((&body["created_at"], &body["updated_at"]), (&json!("2026-11-24T12:00:00.000000Z"), &json!("2026-11-24T12:00:01.000000Z")));
}

pub async fn replacing_with_a_stale_revision_is_refused_and_changes_nothing(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    let second = replace(store, 1, Expect::Any, named("Bea")).await.expect("replaced").answer;
    for stale in [Expect::at(revision(1)), Expect::at(revision(3)), Expect::OneOf(vec![])] {
        let refused = replace(store, 1, stale, named("Eve")).await.expect_err("refused");
        assert!(matches!(refused, Error::Stale { current } if current == revision(2)), "{refused}");
    }
    assert_eq!(get(store, 1).await, second);
    replace(store, 1, Expect::OneOf(vec![revision(1), revision(2)]), named("Cleo")).await.expect("one of them is current");
}

pub async fn replacing_with_the_same_document_changes_nothing(store: &Subject, clock: &TestClock) {
    let first = create(store, 1, named("Ada")).await;
    clock.advance_micros(1_000_000);
    let written = replace(store, 1, Expect::at(revision(1)), named("Ada")).await.expect("accepted");
    assert_eq!(written.outcome, Outcome::Unchanged);
    assert_eq!(written.answer, first);
    assert_eq!(get(store, 1).await, first);
}

pub async fn replacing_an_unknown_persona_is_refused(store: &Subject, _clock: &TestClock) {
    let refused = replace(store, 1, Expect::at(revision(1)), named("Ada")).await.expect_err("refused");
    assert!(matches!(refused, Error::NotFound), "{refused}");
    assert_eq!(store.get(id(1)).await.expect("readable"), None);
}

pub async fn times_grow_with_every_revision_even_when_the_clock_is_set_back(store: &Subject, clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    clock.advance_micros(-1_000_000);
    let written = replace(store, 1, Expect::Any, named("Bea")).await.expect("replaced");
    assert_eq!(json_of(&written.answer)["updated_at"], json!("2026-11-24T12:00:00.000001Z"));
}
