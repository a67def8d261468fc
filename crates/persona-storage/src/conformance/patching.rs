//! Cases: documents are patched.

use persona_model::{Conflict, Patch, Precondition};
use serde_json::{Value, json};

use super::TestClock;
use super::steps::{Subject, create, get, id, json_of, member, merge, named, revision, write};
use crate::{Error, Operation, Outcome, Written};

pub async fn a_merge_patch_leaves_what_it_does_not_name_and_null_clears(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "Ada", "description": "kept", "nickname": "A", "extensions": { "a": 1, "b": 2 } })).await;
    let written = merge(store, 1, json!({ "nickname": null, "extensions": { "a": null, "c": 3 } }))
        .await
        .expect("patched");
    assert_eq!(written.outcome, Outcome::Updated);
    let body = json_of(&written.representation);
    assert_eq!(
        (&body["description"], &body["nickname"], &body["extensions"]),
        (&json!("kept"), &json!(""), &json!({ "b": 2, "c": 3 }))
    );
    assert_eq!(get(store, 1).await, written.representation);
    let again = merge(store, 1, json!({ "nickname": null })).await.expect("accepted");
    assert_eq!((again.outcome, again.representation.revision), (Outcome::Unchanged, revision(2)));
}

async fn json_patch(store: &Subject, operations: Value) -> Result<Written, Error> {
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

pub async fn a_json_patch_is_applied_whole_or_not_at_all(store: &Subject, _clock: &TestClock) {
    let first = create(store, 1, json!({ "name": "Ada", "tags": ["a"] })).await;
    let refused = json_patch(
        store,
        json!([{ "op": "replace", "path": "/name", "value": "Eve" }, { "op": "test", "path": "/tags/0", "value": "other" }]),
    )
    .await
    .expect_err("refused");
    assert!(
        matches!(&refused, Error::TestFailed { pointer, current } if pointer == "/tags/0" && current.revision == revision(1)),
        "{refused}"
    );
    assert_eq!(get(store, 1).await, first);
    json_patch(store, json!([{ "op": "test", "path": "/tags/0", "value": "a" }, { "op": "add", "path": "/tags/-", "value": "b" }]))
        .await
        .expect("patched");
    assert_eq!(member(store, 1, "tags").await, json!(["a", "b"]));
}

pub async fn a_patch_that_breaks_a_rule_names_every_fault(store: &Subject, _clock: &TestClock) {
    let first = create(store, 1, named("Ada")).await;
    let refused = merge(store, 1, json!({ "name": null, "kind": "robot", "discription": "typo" }))
        .await
        .expect_err("refused");
    let Error::Invalid(invalid) = refused else { panic!("{refused}") };
    let faults: Vec<_> =
        invalid.errors.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
    assert_eq!(
        faults,
        [("/name", "required"), ("/kind", "not_allowed"), ("/discription", "unknown_member")]
    );
    assert_eq!(get(store, 1).await, first);
}

async fn merge_from(store: &Subject, base: u64, patch: Value) -> Result<Written, Error> {
    let patch = Patch::merge(patch).expect("a merge patch");
    store
        .write(write(Operation::Patch {
            id: id(1),
            precondition: Precondition::Any,
            patch,
            base: Some(revision(base)),
        }))
        .await
}

pub async fn a_patch_of_an_older_base_keeps_what_others_changed_meanwhile(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "Ada", "extensions": { "a": 1 } })).await;
    merge(store, 1, json!({ "description": "theirs", "extensions": { "b": 2 } }))
        .await
        .expect("patched");
    let written = merge_from(store, 1, json!({ "scenario": "yours", "extensions": { "c": 3 } }))
        .await
        .expect("merged");
    assert_eq!(written.representation.revision, revision(3));
    let body = json_of(&written.representation);
    assert_eq!(
        (&body["description"], &body["scenario"], &body["extensions"]),
        (&json!("theirs"), &json!("yours"), &json!({ "a": 1, "b": 2, "c": 3 }))
    );
    let record = store.revision(id(1), revision(3)).await.expect("readable").expect("it exists");
    assert_eq!(record.base, Some(revision(1)));
}

pub async fn a_patch_of_an_older_base_that_conflicts_returns_all_three_sides(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "Ada", "description": "base" })).await;
    let second =
        merge(store, 1, json!({ "description": "theirs" })).await.expect("patched").representation;
    let refused = merge_from(store, 1, json!({ "description": "yours", "scenario": "free" }))
        .await
        .expect_err("refused");
    let Error::Conflicts { conflicts, current } = refused else { panic!("{refused}") };
    let sides = |text: &str| Some(json!(text));
    let expected = Conflict {
        pointer: "/description".into(),
        base: sides("base"),
        theirs: sides("theirs"),
        yours: sides("yours"),
        has_lines: true,
        reason: None,
    };
    assert_eq!((conflicts, current), (vec![expected], second.tag()));
    assert_eq!(get(store, 1).await, second);
}

pub async fn a_patch_of_an_older_base_is_merged_by_items_and_lines(
    store: &Subject,
    _clock: &TestClock,
) {
    let lore = |entries: Value| json!({ "entries": entries });
    let (one, two) = (json!({ "id": 1, "content": "one" }), json!({ "id": 2, "content": "two" }));
    let base = json!({ "name": "Ada", "tags": ["a"], "scenario": "1\n2\n3", "character_book": lore(json!([one])) });
    create(store, 1, base).await;
    let theirs = json!({ "tags": ["a", "t"], "scenario": "T\n2\n3", "character_book": lore(json!([one, two])) });
    merge(store, 1, theirs).await.expect("patched");
    let changed = json!({ "id": 1, "content": "ONE" });
    let yours = json!({ "tags": ["a", "y"], "scenario": "1\n2\nY", "character_book": lore(json!([changed])) });
    let written = merge_from(store, 1, yours).await.expect("merged");
    let body = json_of(&written.representation);
    assert_eq!(
        (&body["tags"], &body["scenario"], &body["character_book"]),
        (&json!(["a", "t", "y"]), &json!("T\n2\nY"), &lore(json!([changed, two])))
    );
}

pub async fn a_patch_of_an_unknown_base_is_refused(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    let refused = merge_from(store, 7, json!({ "scenario": "yours" })).await.expect_err("refused");
    assert!(matches!(refused, Error::UnknownBase { base } if base == revision(7)), "{refused}");
}
