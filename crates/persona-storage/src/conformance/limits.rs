//! Cases: limits of a document, and numbers at the edge of 64 bits.

use persona_model::{
    DOCUMENT_BYTES_MAX, EntityTag, Patch, PersonaId, Precondition, Revision, ValidationErrors,
};
use serde_json::{Value, json};

use super::TestClock;
use super::searching::search;
use super::steps::{Subject, create, document, get, id, json_of, merge, named, revision, write};
use crate::{Error, Operation, Representation, Write, Written};

/// Members of about this many bytes as JSON; each text is within its own limit.
fn members_of(bytes: usize) -> Value {
    let text = "x".repeat(200_000);
    let rest = bytes % text.len();
    let mut greetings = vec![text.clone(); bytes / text.len()];
    greetings.push("y".repeat(rest));
    json!({ "name": "Ada", "alternate_greetings": greetings })
}

/// A persona of about 5 MiB, such as one from before the limit was lowered.
async fn create_large(store: &Subject) -> Representation {
    let operation = Operation::Create { id: id(1), document: document(members_of(5 << 20)) };
    store
        .write(Write { document_bytes_max: 8 << 20, ..write(operation) })
        .await
        .expect("created")
        .representation
}

fn too_long(refused: &Error) -> &str {
    let Error::Invalid(ValidationErrors { errors, .. }) = refused else { panic!("{refused}") };
    assert_eq!((errors.len(), errors[0].code), (1, "too_long"), "{refused}");
    &errors[0].message
}

async fn patch_json(store: &Subject, operations: Value) -> Result<Written, Error> {
    let patch = Patch::json(operations).expect("a JSON Patch");
    store
        .write(write(Operation::Patch {
            id: id(1),
            precondition: Precondition::Any,
            patch,
            base: None,
        }))
        .await
}

pub async fn no_write_makes_a_document_larger_than_its_limit(store: &Subject, _clock: &TestClock) {
    let large = document(members_of(DOCUMENT_BYTES_MAX));
    let bytes = large.text().len();
    let message =
        format!("must have at most {DOCUMENT_BYTES_MAX} bytes as JSON in all, has {bytes}");
    let refused = store
        .write(write(Operation::Create { id: id(2), document: large.clone() }))
        .await
        .expect_err("refused");
    assert_eq!(too_long(&refused), message);
    let first = create(store, 1, named("Ada")).await;
    let replace =
        Operation::Replace { id: id(1), precondition: Precondition::Any, document: large };
    assert_eq!(too_long(&store.write(write(replace)).await.expect_err("refused")), message);
    let refused = merge(store, 1, members_of(DOCUMENT_BYTES_MAX)).await.expect_err("refused");
    assert_eq!(too_long(&refused), message);
    let operations: Vec<Value> = (0..40)
        .map(|_| json!({ "op": "copy", "from": "/scenario", "path": "/alternate_greetings/-" }))
        .collect();
    merge(store, 1, json!({ "scenario": "x".repeat(200_000) })).await.expect("patched");
    let refused = patch_json(store, Value::Array(operations)).await.expect_err("refused");
    assert!(
        too_long(&refused).starts_with("must have at most 4194304 bytes as JSON in all, has 82"),
        "{refused}"
    );
    assert_eq!((first.revision, get(store, 1).await.revision), (revision(1), revision(2)));
}

pub async fn two_sides_that_fit_alone_and_not_together_are_refused(
    store: &Subject,
    _clock: &TestClock,
) {
    let greetings = |bytes: usize| members_of(bytes)["alternate_greetings"].clone();
    create(store, 1, named("Ada")).await;
    merge(store, 1, json!({ "alternate_greetings": greetings(3 << 20) })).await.expect("patched");
    let patch =
        Patch::merge(json!({ "group_only_greetings": greetings(3 << 20) })).expect("a merge patch");
    let base = Some(revision(1));
    let refused = store
        .write(write(Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base }))
        .await
        .expect_err("refused");
    assert!(
        too_long(&refused).starts_with("must have at most 4194304 bytes as JSON in all, has 6"),
        "{refused}"
    );
}

pub async fn a_document_from_before_the_limit_is_read_and_can_only_become_smaller(
    store: &Subject,
    _clock: &TestClock,
) {
    let created = create_large(store).await;
    assert_eq!(get(store, 1).await, created);
    too_long(&merge(store, 1, json!({ "nickname": "larger" })).await.expect_err("refused"));
    merge(store, 1, json!({ "name": "A" })).await.expect("smaller, and still above the limit");
    merge(store, 1, json!({ "alternate_greetings": [] })).await.expect("far smaller");
    merge(store, 1, json!({ "nickname": "larger" })).await.expect("within the limit");
    let deleted = Operation::Delete { id: id(1), precondition: Precondition::Any };
    store.write(write(deleted)).await.expect("deleted");
}

pub async fn a_large_document_is_changed_like_a_small_one(store: &Subject, _clock: &TestClock) {
    let first = create(store, 1, members_of(300_000)).await;
    for number in 0..4 {
        merge(store, 1, json!({ "extensions": { format!("k{number}"): number } }))
            .await
            .expect("patched");
    }
    let patch = |base: u64| {
        let patch = Patch::merge(json!({ "scenario": "dragons" })).expect("a merge patch");
        write(Operation::Patch {
            id: id(1),
            precondition: Precondition::Any,
            patch,
            base: Some(revision(base)),
        })
    };
    store.write(patch(2)).await.expect("merged");
    let stale = Operation::Replace {
        id: id(1),
        precondition: Precondition::at(first.tag()),
        document: document(named("Eve")),
    };
    assert!(
        matches!(store.write(write(stale)).await, Err(Error::Stale { current }) if current.revision == revision(6))
    );
    let operations = json!([{ "op": "test", "path": "/extensions/k1", "value": 1.0 }, { "op": "copy", "from": "/name", "path": "/nickname" }]);
    patch_json(store, operations).await.expect("patched");
    let body = json_of(&get(store, 1).await);
    assert_eq!(
        (&body["extensions"]["k3"], &body["scenario"], &body["nickname"]),
        (&json!(3), &json!("dragons"), &json!("Ada"))
    );
    let failed = json!([{ "op": "copy", "from": "/name", "path": "/creator" }, { "op": "test", "path": "/extensions/k1", "value": 2 }]);
    let refused = patch_json(store, failed).await.expect_err("refused");
    assert!(
        matches!(&refused, Error::TestFailed { pointer, .. } if pointer == "/extensions/k1"),
        "{refused}"
    );
    let unknown = store.write(patch(99)).await.expect_err("refused");
    assert!(matches!(unknown, Error::UnknownBase { base } if base == revision(99)), "{unknown}");
}

pub async fn concurrent_patches_of_a_large_persona_lose_nothing(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, members_of(300_000)).await;
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let store = Subject::clone(store);
            tokio::spawn(async move {
                merge(&store, 1, json!({ "extensions": { format!("k{number}"): number } }))
                    .await
                    .expect("patched")
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    let body = json_of(&get(store, 1).await);
    assert_eq!(
        (&body["revision"], body["extensions"].as_object().map(serde_json::Map::len)),
        (&json!(9), Some(8))
    );
}

pub async fn the_words_of_a_large_document_are_found_after_every_kind_of_change(
    store: &Subject,
    _clock: &TestClock,
) {
    let found = async |text: &str| search(store, text).await == [1];
    let mut members = members_of(300_000);
    members["name"] = json!("Merlin");
    create(store, 1, members).await;
    assert!(found("merlin").await);
    merge(store, 1, json!({ "nickname": "Emrys" })).await.expect("patched");
    assert!(found("emrys").await && found("merlin").await);
    merge(store, 1, json!({ "nickname": "EMRYS!" })).await.expect("the same words");
    assert!(found("emrys").await);
    merge(store, 1, json!({ "scenario": "cauldrons", "nickname": null })).await.expect("patched");
    assert!(found("cauldrons").await && !found("emrys").await);
    merge(store, 1, json!({ "alternate_greetings": [] })).await.expect("small now");
    assert!(found("cauldrons").await && found("merlin").await);
}

pub async fn numbers_at_the_edge_of_64_bits_are_numbers_of_nothing(
    store: &Subject,
    _clock: &TestClock,
) {
    let first = create(store, 1, named("Ada")).await;
    for number in [1 << 31, (1 << 63) - 1, 1 << 63, u64::MAX] {
        let beyond = Revision::new(number).expect("not zero");
        assert_eq!(store.revision(id(1), beyond).await.expect("readable"), None, "{number}");
        let patch = Patch::merge(json!({ "name": "Eve" })).expect("a merge patch");
        let patch = Operation::Patch {
            id: id(1),
            precondition: Precondition::Any,
            patch,
            base: Some(beyond),
        };
        let refused = store.write(write(patch)).await.expect_err("refused");
        assert!(
            matches!(refused, Error::UnknownBase { base } if base == beyond),
            "{number}: {refused}"
        );
        let replace = Operation::Replace {
            id: id(1),
            precondition: Precondition::at(EntityTag { revision: beyond, ..first.tag() }),
            document: document(named("Eve")),
        };
        let refused = store.write(write(replace)).await.expect_err("refused");
        assert!(
            matches!(refused, Error::Stale { current } if current == first.tag()),
            "{number}: {refused}"
        );
        assert_eq!(store.changes_after(number, 10).await.expect("readable"), []);
    }
    assert_eq!(store.changes_after(0, usize::MAX).await.expect("readable").len(), 1);
    assert_eq!(store.get(PersonaId::from_bytes([0xff; 16])).await.expect("readable"), None);
    assert_eq!(get(store, 1).await.revision, revision(1));
}
