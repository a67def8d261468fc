//! Laws that hold for every document: merging, patching, storing. Those of merging lists and texts
//! are in `merge/`.

use persona_model::{Document, Merged, Patch, merge_three_way};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Documents with few fields and few values, so that three random documents often agree and often
/// differ.
fn document() -> impl Strategy<Value = Document> {
    let extensions = prop::collection::btree_map("[pq/~]", 0..3_u8, 0..3);
    ("[ab]", "[ab]?", prop::collection::vec("[xy]", 0..2), extensions).prop_map(|(name, description, tags, extensions)| {
        let members = json!({ "name": name, "description": description, "tags": tags, "extensions": extensions });
        Document::from_json(members).expect("valid")
    })
}

fn merged(base: &Document, theirs: &Document, yours: &Document) -> Merged {
    merge_three_way(base, theirs, yours).expect("small documents stay valid")
}

proptest! {
    #[test]
    fn a_side_that_changed_nothing_gets_the_other_side(base in document(), other in document()) {
        prop_assert_eq!(merged(&base, &other, &base), Merged::Clean(other.clone()));
        prop_assert_eq!(merged(&base, &base, &other), Merged::Clean(other));
    }

    #[test]
    fn two_sides_that_agree_never_conflict(base in document(), both in document()) {
        prop_assert_eq!(merged(&base, &both, &both), Merged::Clean(both));
    }

    #[test]
    fn a_merge_is_the_same_from_both_sides(base in document(), one in document(), other in document()) {
        match (merged(&base, &one, &other), merged(&base, &other, &one)) {
            (Merged::Clean(left), Merged::Clean(right)) => {
                // Tags that both added at one place stand in the order of the sides.
                let sorted = |document: &Document| {
                    let mut json = document.to_json();
                    let tags = json["tags"].as_array_mut().expect("a list");
                    tags.sort_by_key(Value::to_string);
                    json
                };
                prop_assert_eq!(sorted(&left), sorted(&right));
            }
            (Merged::Conflicts(left), Merged::Conflicts(right)) => {
                prop_assert_eq!(left.len(), right.len());
                for (left, right) in left.iter().zip(&right) {
                    prop_assert_eq!((&left.pointer, &left.base, &left.theirs), (&right.pointer, &right.base, &right.yours));
                    prop_assert_ne!(&left.theirs, &left.yours);
                }
            }
            (left, right) => prop_assert!(false, "{:?} and {:?}", left, right),
        }
    }

    #[test]
    fn a_clean_merge_takes_every_unit_from_a_side_that_changed_it(base in document(), theirs in document(), yours in document()) {
        if let Merged::Clean(merged) = merged(&base, &theirs, &yours) {
            for field in ["name", "description"] {
                let changed = if theirs.get(field) == base.get(field) { &yours } else { &theirs };
                prop_assert_eq!(merged.get(field), changed.get(field), "{}", field);
            }
        }
    }

    #[test]
    fn a_merge_patch_of_a_whole_document_makes_that_document(from in document(), to in document()) {
        let Value::Object(mut patch) = to.to_json() else { unreachable!("a document is an object") };
        // A merge patch removes a key only if it names the key with null.
        let (Some(Value::Object(keys)), Some(Value::Object(old))) = (patch.get_mut("extensions"), from.get("extensions")) else {
            unreachable!("extensions are an object")
        };
        for key in old.keys().filter(|key| to.get("extensions").is_none_or(|kept| kept.get(key.as_str()).is_none())) {
            keys.insert(key.clone(), Value::Null);
        }
        let patch = Patch::merge(Value::Object(patch)).expect("an object");
        let once = patch.apply(&from).expect("valid");
        prop_assert_eq!(&once, &to);
        prop_assert_eq!(patch.apply(&once).expect("valid"), to);
    }

    #[test]
    fn a_stored_document_reads_back_equal_with_the_same_hash(document in document()) {
        let stored = Document::from_stored(document.text()).expect("readable");
        prop_assert_eq!(stored.content_hash(), document.content_hash());
        prop_assert_eq!(stored, document);
    }
}

#[test]
fn members_that_only_look_alike_conflict_by_their_escaped_pointer() {
    let with = |members: Value| {
        Document::from_json(json!({ "name": "Ada", "extensions": members })).expect("valid")
    };
    let conflicts = match merged(
        &with(json!({})),
        &with(json!({ "a/b": 1, "c~d": 1 })),
        &with(json!({ "a/b": 2, "c~d": 2 })),
    ) {
        Merged::Conflicts(conflicts) => conflicts,
        Merged::Clean(document) => panic!("{document:?}"),
    };
    let pointers: Vec<&str> = conflicts.iter().map(|conflict| conflict.pointer.as_str()).collect();
    assert_eq!(pointers, ["/extensions/a~1b", "/extensions/c~0d"]);
}

#[test]
fn an_object_of_a_field_that_vanished_on_one_side_is_taken_away() {
    let with = |members: Map<String, Value>| {
        Document::from_json(json!({ "name": "Ada", "creator_notes_multilingual": members }))
            .expect("valid")
    };
    let notes = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(language, text)| ((*language).to_owned(), json!(text))).collect()
    };
    let (base, theirs, yours) = (
        with(notes(&[("en", "a"), ("de", "b")])),
        with(notes(&[("en", "a")])),
        with(notes(&[("en", "c"), ("de", "b")])),
    );
    assert_eq!(merged(&base, &theirs, &yours), Merged::Clean(with(notes(&[("en", "c")]))));
}
