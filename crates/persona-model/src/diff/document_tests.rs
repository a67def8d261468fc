//! Laws of differences: the JSON Patch and the hunks of a difference turn the first document into
//! the second.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DocumentDiff, TextDiff, diff_documents};
use crate::diff::{Hunk, LineSide, TEXT_CONTEXT_LINES};
use crate::{Document, PATCH_OPERATIONS_MAX, Patch, TEXT_BYTES_MAX};

fn document(members: Value) -> Document {
    Document::from_json(members).expect("a document")
}

/// Texts that are likely to have lines in common.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]{0,2}( [abc中]{1,3}){0,3}", 0..12).prop_map(|lines| lines.join("\n"))
}

fn free_form() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "[ab]{0,3}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[ab/~]{0,2}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Entries of a lorebook, some with an `id`, in any order.
fn entries() -> impl Strategy<Value = Vec<Value>> {
    let entry = (0..6_u32, text(), prop::collection::vec("[a-c]", 0..3), any::<bool>());
    let entry = entry.prop_map(|(id, content, keys, has_id)| {
        let mut entry = json!({ "content": content, "keys": keys });
        if has_id {
            entry["id"] = id.into();
        }
        entry
    });
    prop::collection::vec(entry, 0..6)
}

fn documents() -> impl Strategy<Value = Document> {
    let lists =
        (prop::collection::vec(text(), 0..4), prop::collection::vec("[a-d]", 0..5), entries());
    (text(), lists, free_form(), any::<bool>()).prop_map(
        |(description, (greetings, tags, entries), free, has_handle)| {
            let tags: std::collections::BTreeSet<String> = tags.into_iter().collect();
            document(json!({
                "name": "Ada", "description": description, "alternate_greetings": greetings, "tags": tags,
                "handle": if has_handle { json!("ada") } else { Value::Null }, "extensions": { "free": free },
                "character_book": { "entries": entries },
            }))
        },
    )
}

/// The lines of one side of a hunk.
fn side(hunk: &Hunk, other: LineSide) -> Vec<String> {
    let lines = hunk.lines.iter().filter(|line| line.side != other);
    lines.map(|line| line.spans.iter().map(|span| span.text.as_str()).collect()).collect()
}

/// Applies hunks to a text: the lines of the first side are replaced by those of the second.
fn patched(text: &str, of_text: &TextDiff) -> String {
    let before: Vec<&str> = text.split('\n').collect();
    let (mut after, mut place) = (Vec::new(), 0);
    for hunk in &of_text.hunks {
        after.extend(before[place..hunk.from_line - 1].iter().map(ToString::to_string));
        assert_eq!(after.len() + 1, hunk.to_line, "{hunk:?}");
        let old = side(hunk, LineSide::To);
        place = hunk.from_line - 1 + old.len();
        assert_eq!(old, before[hunk.from_line - 1..place], "{hunk:?}");
        after.extend(side(hunk, LineSide::From));
    }
    after.extend(before[place..].iter().map(ToString::to_string));
    after.join("\n")
}

fn check(from: &Document, to: &Document) -> DocumentDiff {
    let diff = diff_documents(from, to);
    let patch = Patch::json(Value::from(diff.patch.clone())).expect("a patch");
    assert_eq!(patch.apply(from).as_ref(), Ok(to), "{:?}", diff.patch);
    assert_eq!(diff.changed, from.changed_fields(to));
    let (before, after) = (from.to_json(), to.to_json());
    for of_text in &diff.texts {
        let text = |document: &Value, pointer: &str| {
            let found = document.pointer(pointer).and_then(Value::as_str);
            found.expect("a text").to_owned()
        };
        let [before, after] =
            [text(&before, &of_text.from_pointer), text(&after, &of_text.pointer)];
        assert_eq!(patched(&before, of_text), after, "{of_text:?}");
    }
    for item in &diff.items {
        let at = |document: &Value, place: Option<usize>| {
            let found = document.pointer(&item.list).and_then(|list| list.get(place?).cloned());
            assert_eq!(found.is_some(), place.is_some(), "{item:?}");
            found
        };
        let [before, after] = [at(&before, item.from), at(&after, item.to)];
        assert_eq!(item.is_changed, before.is_some() && after.is_some() && before != after);
        let id = |value: &Option<Value>| value.as_ref().and_then(|value| value.get("id").cloned());
        if let (Some(identity), true) = (&item.identity, item.list.ends_with("/entries")) {
            assert_eq!(id(&after).or(id(&before)).as_ref(), Some(identity));
        }
    }
    diff
}

proptest! {
    #[test]
    fn patch_and_hunks_make_the_second_document_of_the_first(from in documents(), to in documents()) {
        check(&from, &to);
        prop_assert_eq!(diff_documents(&from, &from), DocumentDiff { changed: vec![], patch: vec![], texts: vec![], items: vec![] });
    }
}

#[test]
fn a_changed_word_is_marked_in_its_line_with_the_lines_around() {
    let lines = |changed: &str| {
        (1..=20)
            .map(|number| if number == 10 { changed.to_owned() } else { format!("line {number}") })
            .collect::<Vec<_>>()
            .join("\n")
    };
    let of = |text: String| document(json!({ "name": "Ada", "description": text }));
    let diff = check(&of(lines("the old word stays")), &of(lines("the new word stays")));
    let [TextDiff { pointer, is_coarse: false, hunks, .. }] = &diff.texts[..] else {
        panic!("{diff:?}")
    };
    let [hunk] = &hunks[..] else { panic!("{hunks:?}") };
    assert_eq!((pointer.as_str(), hunk.from_line, hunk.to_line), ("/description", 7, 7));
    assert_eq!(hunk.lines.len(), 2 * TEXT_CONTEXT_LINES + 2);
    let marked = |line: usize| {
        let spans = hunk.lines[line].spans.iter();
        spans.map(|span| (span.text.as_str(), span.is_changed)).collect::<Vec<_>>()
    };
    assert_eq!(marked(2), [("line 9", false)]);
    assert_eq!(marked(3), [("the ", false), ("old", true), (" word stays", false)]);
    assert_eq!(marked(4), [("the ", false), ("new", true), (" word stays", false)]);
}

#[test]
fn texts_with_too_many_lines_that_differ_are_told_as_a_whole() {
    let text = |words: &str| {
        let lines = words.chars().cycle().flat_map(|char| [char, '\n']);
        let text: String = lines.take(TEXT_BYTES_MAX - 20).collect();
        format!("begin\n{text}\nend")
    };
    let of = |text: String| document(json!({ "name": "Ada", "description": text }));
    let diff = check(&of(text("abc")), &of(text("xyzw")));
    let [TextDiff { is_coarse: true, hunks, .. }] = &diff.texts[..] else { panic!("not coarse") };
    assert_eq!((hunks.len(), hunks[0].from_line), (1, 1));
    // A single line of very many words is not compared word by word either.
    let words = |word: &str| word.repeat(TEXT_BYTES_MAX / word.len());
    let diff = check(&of(words("a b ")), &of(words("c d ")));
    let [TextDiff { is_coarse: false, hunks, .. }] = &diff.texts[..] else { panic!("{diff:?}") };
    assert!(hunks[0].lines.iter().all(|line| line.spans.len() == 1));
}

#[test]
fn a_field_with_too_many_changes_is_replaced_as_a_whole_and_the_others_are_not() {
    let keys = |value: u32| {
        let members = (0..=PATCH_OPERATIONS_MAX).map(|key| (format!("k{key}"), json!(value)));
        Value::from(members.collect::<serde_json::Map<_, _>>())
    };
    let of = |value: u32, style: &str| {
        document(json!({
            "name": "Ada", "extensions": keys(value), "style_preferences": { "a": style, "b": 1 },
        }))
    };
    let diff = check(&of(1, "x"), &of(2, "y"));
    let paths: Vec<&str> =
        diff.patch.iter().filter_map(|operation| operation["path"].as_str()).collect();
    assert_eq!(paths, ["/style_preferences/a", "/extensions"]);
    let few = check(&of(1, "x"), &of(1, "y"));
    assert_eq!(few.patch.len(), 1);
}

#[test]
fn items_are_told_by_their_identities_and_not_by_their_places() {
    let entry = |id: u32, content: &str| json!({ "id": id, "keys": ["k"], "content": content });
    let asset =
        |name: &str, uri: &str| json!({ "type": "icon", "name": name, "uri": uri, "ext": "png" });
    let of = |entries: Vec<Value>, assets: Vec<Value>, greetings: &[&str]| {
        document(json!({
            "name": "Ada", "character_book": { "entries": entries }, "assets": assets,
            "alternate_greetings": greetings,
        }))
    };
    let from = of(
        vec![entry(1, "one"), entry(2, "two"), entry(3, "three")],
        vec![asset("main", "a"), asset("other", "b")],
        &["hello", "good day"],
    );
    let to = of(
        vec![entry(4, "four"), entry(3, "three"), entry(1, "one and more")],
        vec![asset("other", "c")],
        &["hello", "hi", "good day"],
    );
    let diff = check(&from, &to);
    let mut told: Vec<_> = diff
        .items
        .iter()
        .map(|item| {
            (&*item.list, item.identity.clone(), item.from, item.to, item.is_moved, item.is_changed)
        })
        .collect();
    let (greetings, entries, assets) =
        ("/alternate_greetings", "/character_book/entries", "/assets");
    let expected = [
        (greetings, None, None, Some(1), false, false),
        (entries, Some(json!(2)), Some(1), None, false, false),
        (entries, Some(json!(4)), None, Some(0), false, false),
        (entries, Some(json!(1)), Some(0), Some(2), false, true),
        (entries, Some(json!(3)), Some(2), Some(1), true, false),
        (assets, Some(json!(["icon", "main"])), Some(0), None, false, false),
        (assets, Some(json!(["icon", "other"])), Some(1), Some(0), false, true),
    ];
    let mut expected = Vec::from(expected);
    expected.sort_by_key(|one| format!("{one:?}"));
    told.sort_by_key(|one| format!("{one:?}"));
    assert_eq!(told, expected);
    let places = diff.texts.iter().map(|text| [&*text.from_pointer, &*text.pointer]);
    assert_eq!(
        places.collect::<Vec<_>>(),
        [
            ["/character_book/entries/0/content", "/character_book/entries/2/content"],
            ["/assets/1/uri", "/assets/0/uri"]
        ]
    );
}
