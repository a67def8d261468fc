//! Cases: personas are created.

use persona_model::Precondition;
use serde_json::json;

use super::TestClock;
use super::steps::{
    Subject, create, create_write, delete, document, get, id, json_of, merge, named, replace,
    revision, undelete,
};
use crate::{Error, Outcome};

pub async fn a_created_persona_reads_back_as_it_was_answered(store: &Subject, _clock: &TestClock) {
    let written = create_write(
        store,
        1,
        json!({ "name": "Ada", "tags": ["x", "y"], "extensions": { "n": 1.0 } }),
    )
    .await
    .expect("created");
    assert_eq!(
        (written.outcome, written.replayed, written.representation.revision),
        (Outcome::Created, false, revision(1))
    );
    assert_eq!(get(store, 1).await, written.representation);
    let body = json_of(&written.representation);
    let expected =
        document(json!({ "name": "Ada", "tags": ["x", "y"], "extensions": { "n": 1.0 } }));
    for field in persona_model::FIELDS {
        assert_eq!(body.get(field.name), expected.get(field.name), "{}", field.name);
    }
    // The metadata have nothing that is not part of a revision, such as labels, because the entity
    // tag covers them.
    let metadata = 8;
    assert_eq!(
        body.as_object().expect("an object").len(),
        metadata + persona_model::FIELDS.len(),
        "a representation has nothing that is not a part of a revision"
    );
    assert_eq!(body["id"], json!(id(1).to_string()));
    assert_eq!(body["created_at"], json!("2026-11-24T12:00:00.000000Z"));
    assert_eq!(body["updated_at"], body["created_at"]);
    assert_eq!(body["deleted_at"], json!(null));
    assert_eq!(body["content_hash"], json!(expected.content_hash().to_string()));
    assert_eq!(store.get(id(2)).await.expect("readable"), None);
}

pub async fn creating_an_identity_twice_is_refused_with_the_current_revision(
    store: &Subject,
    _clock: &TestClock,
) {
    let first = create(store, 1, named("Ada")).await;
    let refused = create_write(store, 1, named("Eve")).await.expect_err("refused");
    assert!(
        matches!(refused, Error::AlreadyExists { current } if current.revision == revision(1)),
        "{refused}"
    );
    assert_eq!(get(store, 1).await, first);
    delete(store, 1, Precondition::Any).await.expect("deleted");
    let refused = create_write(store, 1, named("Eve")).await.expect_err("refused");
    assert!(
        matches!(refused, Error::AlreadyExists { current } if current.revision == revision(2)),
        "{refused}"
    );
}

pub async fn documents_that_differ_in_a_number_have_different_hashes(
    store: &Subject,
    _clock: &TestClock,
) {
    let numbers = [
        json!(9_007_199_254_740_992_u64),
        json!(9_007_199_254_740_993_u64),
        json!(u64::MAX),
        json!(1e30),
        json!(0.1),
    ];
    let mut hashes = Vec::new();
    create(store, 1, named("Ada")).await;
    for number in numbers {
        let written =
            merge(store, 1, json!({ "extensions": { "n": number } })).await.expect("patched");
        assert_eq!(written.outcome, Outcome::Updated, "{number}");
        hashes.push(
            json_of(&written.representation)["content_hash"].as_str().expect("a hash").to_owned(),
        );
    }
    let different: std::collections::BTreeSet<_> = hashes.iter().collect();
    assert_eq!(different.len(), hashes.len(), "{hashes:?}");
}

pub async fn a_handle_belongs_to_one_living_persona(store: &Subject, _clock: &TestClock) {
    create(store, 1, json!({ "name": "Ada", "handle": "ada" })).await;
    let refused = create_write(store, 2, json!({ "name": "Eve", "handle": "ada" }))
        .await
        .expect_err("refused");
    assert!(
        matches!(&refused, Error::HandleTaken { handle, holder } if handle == "ada" && *holder == id(1)),
        "{refused}"
    );
    assert_eq!(store.get(id(2)).await.expect("readable"), None);
    create(store, 2, named("Eve")).await;
    let refused = replace(store, 2, Precondition::Any, json!({ "name": "Eve", "handle": "ada" }))
        .await
        .expect_err("refused");
    assert!(matches!(refused, Error::HandleTaken { .. }), "{refused}");
    replace(
        store,
        1,
        Precondition::Any,
        json!({ "name": "Ada", "handle": "ada", "description": "same handle" }),
    )
    .await
    .expect("its own handle");
}

pub async fn a_deleted_persona_gives_its_handle_free_and_cannot_take_it_back_from_a_new_holder(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "Ada", "handle": "ada" })).await;
    delete(store, 1, Precondition::Any).await.expect("deleted");
    create(store, 2, json!({ "name": "Eve", "handle": "ada" })).await;
    let refused = undelete(store, 1).await.expect_err("refused");
    assert!(matches!(&refused, Error::HandleTaken { holder, .. } if *holder == id(2)), "{refused}");
    assert!(get(store, 1).await.deleted);
}
