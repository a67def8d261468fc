//! Single merges of lists and texts.

use persona_model::{
    Conflict, Document, Merged, TAGS_MAX, TEXT_BYTES_MAX, has_conflict_marker, merge_three_way,
    merge_with_markers,
};
use serde_json::{Value, json};

fn with(field: &str, value: &Value) -> Document {
    Document::from_json(json!({ "name": "Ada", field: value })).expect("valid")
}

/// What comes of three values of a field: the merged one, or the places that are in conflict.
fn merged(field: &str, [base, theirs, yours]: [Value; 3]) -> Result<Value, Vec<Conflict>> {
    let [base, theirs, yours] = [base, theirs, yours].map(|value| with(field, &value));
    match merge_three_way(&base, &theirs, &yours).expect("each field keeps its rules") {
        Merged::Clean(document) => Ok(document.get(field).expect("every field is there").clone()),
        Merged::Conflicts(conflicts) => Err(conflicts),
    }
}

fn places(conflicts: Vec<Conflict>) -> Vec<String> {
    conflicts.into_iter().map(|conflict| conflict.pointer).collect()
}

fn book(entries: &Value) -> Value {
    json!({ "name": "Lore", "entries": entries })
}

#[test]
fn tags_of_both_sides_stay_in_the_order_of_the_sides() {
    let tags = [json!(["a", "b"]), json!(["a", "t", "b", "u"]), json!(["a", "y", "x"])];
    assert_eq!(merged("tags", tags), Ok(json!(["a", "t", "u", "y", "x"])));
    let same = [json!(["a"]), json!(["a", "n"]), json!(["n", "a", "y"])];
    assert_eq!(merged("tags", same), Ok(json!(["a", "n", "y"])));
}

#[test]
fn a_list_that_both_moved_differently_is_a_conflict_as_a_whole() {
    let moved = [json!(["a", "b", "c"]), json!(["b", "a", "c"]), json!(["a", "c", "b"])];
    assert_eq!(merged("tags", moved).map_err(places), Err(vec!["/tags".into()]));
    let once = [json!(["a", "b", "c"]), json!(["a", "b", "c", "t"]), json!(["c", "b", "a"])];
    assert_eq!(merged("tags", once), Ok(json!(["c", "t", "b", "a"])));
}

#[test]
fn entries_with_an_id_are_the_same_wherever_they_stand() {
    let entry = |id: u8, content: &str| json!({ "id": id, "keys": ["k"], "content": content });
    let base = book(&json!([entry(1, "one"), entry(2, "two"), entry(3, "three")]));
    let theirs = book(&json!([entry(3, "three"), entry(1, "ONE"), entry(2, "two")]));
    let yours =
        book(&json!([entry(1, "one"), entry(2, "two"), entry(3, "THREE"), entry(4, "four")]));
    let both =
        book(&json!([entry(3, "THREE"), entry(4, "four"), entry(1, "ONE"), entry(2, "two")]));
    assert_eq!(merged("character_book", [base, theirs, yours]), Ok(both));
}

#[test]
fn an_entry_is_merged_by_its_members_and_its_content_by_lines() {
    let entry = |keys: &[&str], content: &str, enabled: bool| {
        book(&json!([{ "id": "x", "keys": keys, "content": content, "enabled": enabled }]))
    };
    let base = entry(&["a"], "1\n2\n3", true);
    let theirs = entry(&["a", "t"], "T\n2\n3", true);
    let yours = entry(&["a", "y"], "1\n2\nY", false);
    assert_eq!(
        merged("character_book", [base.clone(), theirs.clone(), yours]),
        Ok(entry(&["a", "t", "y"], "T\n2\nY", false))
    );
    let clash = merged("character_book", [base, theirs, entry(&["a"], "Y\n2\n3", true)]);
    let expected = Conflict {
        pointer: "/character_book/entries/0/content".into(),
        base: Some(json!("1\n2\n3")),
        theirs: Some(json!("T\n2\n3")),
        yours: Some(json!("Y\n2\n3")),
        has_lines: true,
        reason: None,
    };
    assert_eq!(clash, Err(vec![expected]), "the same thing was changed: that is no rule");
}

#[test]
fn an_entry_that_one_side_removed_and_the_other_changed_is_a_conflict() {
    let entry = |content: &str| json!({ "id": 7, "content": content });
    let conflicts = merged(
        "character_book",
        [book(&json!([entry("a")])), book(&json!([])), book(&json!([entry("b")]))],
    );
    let expected = Conflict {
        pointer: "/character_book/entries/0".into(),
        base: Some(entry("a")),
        theirs: None,
        yours: Some(entry("b")),
        has_lines: false,
        reason: None,
    };
    assert_eq!(conflicts, Err(vec![expected]));
}

#[test]
fn two_new_entries_with_one_id_are_a_conflict_at_no_place_of_the_base() {
    let entry = |content: &str| json!({ "id": 1, "content": content });
    let new = [book(&json!([])), book(&json!([entry("t")])), book(&json!([entry("y")]))];
    assert_eq!(
        merged("character_book", new).map_err(places),
        Err(vec!["/character_book/entries/-".into()])
    );
    let equal = [book(&json!([])), book(&json!([entry("n")])), book(&json!([entry("n")]))];
    assert_eq!(merged("character_book", equal), Ok(book(&json!([entry("n")]))));
}

#[test]
fn entries_without_an_id_or_with_one_of_two_are_known_by_value_and_place() {
    for id in [Value::Null, json!(1)] {
        let entry = |content: &str| json!({ "id": id, "content": content });
        let base = book(&json!([entry("a"), entry("b"), entry("c")]));
        let theirs = book(&json!([entry("A"), entry("b"), entry("c")]));
        let yours = book(&json!([entry("a"), entry("b"), entry("C"), entry("d")]));
        // One became two, so nothing tells which of them came of it.
        assert_eq!(
            merged("character_book", [base.clone(), theirs.clone(), yours.clone()]),
            Ok(book(&json!([entry("A"), entry("b"), entry("C"), entry("d")])))
        );
        let clash = book(&json!([entry("a"), entry("b"), entry("X")]));
        assert_eq!(
            merged("character_book", [base, clash, yours]).map_err(places),
            Err(vec!["/character_book/entries".into()])
        );
    }
}

#[test]
fn assets_are_known_by_type_and_name() {
    let asset =
        |name: &str, uri: &str| json!({ "type": "icon", "uri": uri, "name": name, "ext": "png" });
    let base = json!([asset("main", "a"), asset("other", "b")]);
    let theirs = json!([asset("other", "b"), asset("main", "A")]);
    let yours = json!([asset("main", "a"), asset("other", "B"), asset("new", "c")]);
    assert_eq!(
        merged("assets", [base.clone(), theirs.clone(), yours]),
        Ok(json!([asset("other", "B"), asset("new", "c"), asset("main", "A")]))
    );
    let clash = json!([asset("main", "C"), asset("other", "b")]);
    assert_eq!(
        merged("assets", [base, theirs, clash]).map_err(places),
        Err(vec!["/assets/0/uri".into()])
    );
}

#[test]
fn greetings_are_changed_where_they_stand() {
    let base = json!(["one", "two\n-\nlines", "three"]);
    let theirs = json!(["one", "TWO\n-\nlines", "three"]);
    let yours = json!(["one", "two\n-\nLINES", "three", "four"]);
    assert_eq!(
        merged("alternate_greetings", [base.clone(), theirs.clone(), yours]),
        Ok(json!(["one", "TWO\n-\nLINES", "three", "four"]))
    );
    let clash = json!(["one", "mine", "three"]);
    assert_eq!(
        merged("alternate_greetings", [base, theirs, clash]).map_err(places),
        Err(vec!["/alternate_greetings/1".into()])
    );
}

#[test]
fn texts_are_merged_by_lines_where_one_stands_between_the_changes() {
    let text = |text: &str| json!(text);
    let base = text("a\nb\nc\nd");
    assert_eq!(
        merged("system_prompt", [base.clone(), text("A\nb\nc\nd"), text("a\nb\nd\ne\n")]),
        Ok(text("A\nb\nd\ne\n"))
    );
    for clash in ["a\nB\nc\nd", "X\nb\nc\nd", "first\na\nb\nc\nd", "b\nc\nd"] {
        assert_eq!(
            merged("system_prompt", [base.clone(), text("A\nb\nc\nd"), text(clash)])
                .map_err(places),
            Err(vec!["/system_prompt".into()]),
            "{clash:?}"
        );
    }
    let by_language = |en: &str| json!({ "en": en, "de": "x" });
    assert_eq!(
        merged(
            "creator_notes_multilingual",
            [by_language("1\n2\n3"), by_language("T\n2\n3"), by_language("1\n2\nY")]
        ),
        Ok(by_language("T\n2\nY"))
    );
    // Nothing says that a text in free-form data consists of lines.
    let free = |free: &str| json!({ "key": free });
    assert_eq!(
        merged("extensions", [free("1\n2\n3"), free("T\n2\n3"), free("1\n2\nY")]).map_err(places),
        Err(vec!["/extensions/key".into()])
    );
}

#[test]
fn a_field_that_breaks_a_rule_with_the_changes_of_both_is_a_conflict() {
    let tags = |prefix: &str, count: usize| -> Value {
        (0..count).map(|number| format!("{prefix}{number}")).collect()
    };
    let half = TAGS_MAX / 2;
    assert!(merged("tags", [json!([]), tags("t", half), tags("y", half)]).is_ok());
    let conflicts =
        merged("tags", [json!([]), tags("t", half), tags("y", half + 1)]).expect_err("too many");
    assert_eq!(
        (conflicts[0].pointer.as_str(), conflicts[0].reason.as_deref(), conflicts.len()),
        ("/tags", Some("must have at most 256 items, has 257"), 1)
    );
    let text = |before: usize, behind: usize| {
        json!(format!("{}\n-\n{}", "t".repeat(before), "y".repeat(behind)))
    };
    let most = TEXT_BYTES_MAX - 3;
    assert!(merged("scenario", [text(0, 0), text(most - 1, 0), text(0, 1)]).is_ok());
    assert_eq!(
        merged("scenario", [text(0, 0), text(most - 1, 0), text(0, 2)]).map_err(places),
        Err(vec!["/scenario".into()])
    );
}

#[test]
fn for_a_person_texts_have_markers_and_what_else_is_in_conflict_is_as_it_was_typed() {
    let three = |scenario: &str, name: &str, tags: Value, greeting: &str| {
        let lore = json!({ "entries": [{ "id": 1, "content": scenario, "enabled": name == "y" }] });
        Document::from_json(json!({
            "name": name, "scenario": scenario, "tags": tags,
            "alternate_greetings": [greeting], "character_book": lore,
        }))
        .expect("valid")
    };
    let base = three("1\n2\n3", "b", json!([]), "same");
    let theirs = three("1\nt\n3", "t", json!(["t"]), "hers");
    let yours = three("1\ny\n3", "y", json!(["y"]), "same");
    let merged = Value::Object(merge_with_markers(&base, &theirs, &yours));
    let marked = "1\n<<<<<<< theirs\nt\n||||||| base\n2\n=======\ny\n>>>>>>> yours\n3";
    assert_eq!(merged["scenario"], json!(marked));
    assert_eq!(merged["name"], "y");
    assert_eq!(merged["tags"], json!(["t", "y"]));
    assert_eq!(merged["alternate_greetings"], json!(["hers"]));
    let entry = json!({ "id": 1, "content": marked, "enabled": true });
    assert_eq!(merged["character_book"], json!({ "entries": [entry] }));
    assert!(has_conflict_marker(marked));
}
