//! Cases: personas are soft-deleted and undeleted.

use persona_model::Precondition;
use serde_json::json;

use super::TestClock;
use super::steps::{
    Subject, create, delete, get, json_of, merge, named, replace, revision, undelete,
};
use crate::{Error, Outcome};

pub async fn a_deleted_persona_still_reads_but_cannot_be_changed(
    store: &Subject,
    clock: &TestClock,
) {
    let living = create(store, 1, named("Ada")).await;
    clock.advance_micros(5);
    let written = delete(store, 1, Precondition::at(living.tag())).await.expect("deleted");
    assert_eq!(
        (written.outcome, written.representation.revision, written.representation.deleted),
        (Outcome::Deleted, revision(2), true)
    );
    assert_eq!(get(store, 1).await, written.representation);
    assert_eq!(
        json_of(&written.representation)["deleted_at"],
        json!("2026-11-24T12:00:00.000005Z")
    );
    for refused in [
        merge(store, 1, json!({ "name": "Eve" })).await,
        replace(store, 1, Precondition::Any, named("Eve")).await,
    ] {
        let refused = refused.expect_err("refused");
        assert!(
            matches!(refused, Error::Deleted { current } if current.revision == revision(2)),
            "{refused}"
        );
    }
}

pub async fn deleting_again_changes_nothing_whatever_is_expected(
    store: &Subject,
    _clock: &TestClock,
) {
    let living = create(store, 1, named("Ada")).await;
    let first = delete(store, 1, Precondition::Any).await.expect("deleted").representation;
    let again = delete(store, 1, Precondition::at(living.tag())).await.expect("accepted");
    assert_eq!((again.outcome, again.representation), (Outcome::Unchanged, first));
    let refused = delete(store, 2, Precondition::Any).await.expect_err("refused");
    assert!(matches!(refused, Error::NotFound), "{refused}");
}

pub async fn an_undeleted_persona_is_as_it_was_with_a_new_revision(
    store: &Subject,
    _clock: &TestClock,
) {
    let first =
        json_of(&create(store, 1, json!({ "name": "Ada", "tags": ["a"], "handle": "ada" })).await);
    delete(store, 1, Precondition::Any).await.expect("deleted");
    let written = undelete(store, 1).await.expect("undeleted");
    assert_eq!(
        (written.outcome, written.representation.revision, written.representation.deleted),
        (Outcome::Undeleted, revision(3), false)
    );
    assert_eq!(get(store, 1).await, written.representation);
    let body = json_of(&written.representation);
    for member in ["name", "tags", "handle", "content_hash", "created_at", "deleted_at"] {
        assert_eq!(body[member], first[member], "{member}");
    }
    assert_eq!(undelete(store, 1).await.expect("accepted").outcome, Outcome::Unchanged);
}

pub async fn deleting_with_a_stale_revision_is_refused(store: &Subject, _clock: &TestClock) {
    let first = create(store, 1, named("Ada")).await;
    let second =
        replace(store, 1, Precondition::Any, named("Bea")).await.expect("replaced").representation;
    let refused = delete(store, 1, Precondition::at(first.tag())).await.expect_err("refused");
    assert!(
        matches!(refused, Error::Stale { current } if current.revision == revision(2)),
        "{refused}"
    );
    assert_eq!(get(store, 1).await, second);
}
