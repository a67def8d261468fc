//! Documents that would take long to merge: they are merged within the bounds, or are a conflict of
//! the whole unit.

use persona_model::{Document, MERGE_CHANGES_MAX, MERGE_ITEMS_MAX, Merged, merge_three_way};
use serde_json::{Value, json};

fn is_merged(three: [Value; 3]) -> bool {
    let [base, theirs, yours] = three.map(|mut members| {
        members["name"] = json!("Ada");
        Document::from_json(members).expect("valid")
    });
    match merge_three_way(&base, &theirs, &yours).expect("valid") {
        Merged::Clean(_) => true,
        Merged::Conflicts(conflicts) => {
            assert_eq!(conflicts.len(), 1, "one unit as a whole");
            false
        }
    }
}

#[test]
fn lists_are_merged_by_item_up_to_a_limit() {
    let book = |count: usize, more: &str| {
        let mut entries: Vec<Value> =
            (0..count - 1).map(|number| json!({ "id": number })).collect();
        entries.push(json!({ "id": more }));
        json!({ "character_book": { "entries": entries } })
    };
    let three = |count: usize| [book(count, "b"), book(count, "t"), book(count, "y")];
    assert!(is_merged(three(MERGE_ITEMS_MAX)));
    assert!(!is_merged(three(MERGE_ITEMS_MAX + 1)));
    // A list in which only one side changed something is taken, however long.
    assert!(is_merged([book(100_000, "b"), book(100_000, "b"), book(100_000, "y")]));
}

#[test]
fn texts_are_merged_by_line_up_to_a_number_of_changed_lines() {
    let text = |theirs: usize, yours: usize| {
        let lines =
            |side: &'static str, count| (0..count).map(move |line| format!("{side}{line}\n"));
        let text: String =
            lines("t", theirs).chain(["middle\n".into()]).chain(lines("y", yours)).collect();
        json!({ "system_prompt": text })
    };
    assert!(is_merged([text(0, 0), text(MERGE_CHANGES_MAX, 0), text(0, MERGE_CHANGES_MAX)]));
    assert!(!is_merged([text(0, 0), text(20_000, 0), text(20_000, 1)]));
}

/// Lines of few words that are in another order on each side take many steps for each change.
#[test]
fn comparing_lines_ends_after_a_number_of_steps() {
    let lines = |factor: usize| -> String {
        (0..60_000)
            .map(|line: usize| if (line * factor).is_multiple_of(7) { "a\n" } else { "b\n" })
            .collect()
    };
    let texts = |factor: usize, last: &str| {
        let text = format!("{}{last}", lines(factor));
        json!({ "system_prompt": text, "description": text, "scenario": text })
    };
    let three = [texts(1, "b"), texts(3, "t"), texts(5, "y")].map(|members| {
        let mut members = members;
        members["name"] = json!("Ada");
        Document::from_json(members).expect("valid")
    });
    let merged = merge_three_way(&three[0], &three[1], &three[2]).expect("valid");
    assert!(matches!(merged, Merged::Conflicts(conflicts) if conflicts.len() == 3));
}
