//! Repairs values of foreign files that break a rule of their field.
//!
//! Only fields of one line are repaired: names, creators, tags. A longer text is never cut; an item
//! with a text over the limit is refused.

use persona_model::{LINE_CHARS_MAX, NAME_CHARS_MAX, TAG_CHARS_MAX, TAGS_MAX};
use serde_json::Value;

use super::Draft;

/// The name of an item that has none.
const NAMELESS: &str = "Untitled";

/// Sets the name: control characters become blanks, a name over the limit is cut, and a blank name
/// becomes "Untitled".
pub fn set_name(draft: &mut Draft, name: &str) {
    if name.trim().is_empty() {
        return draft.repair("name", name.into(), NAMELESS, "was blank");
    }
    set_line(draft, "name", name, NAME_CHARS_MAX);
}

/// Sets the creator, repaired like a name.
pub fn set_creator(draft: &mut Draft, creator: &str) {
    set_line(draft, "creator", creator, LINE_CHARS_MAX);
}

/// Sets the tags: a tag that is empty or no text is left out, the others are repaired like a name.
pub fn set_tags(draft: &mut Draft, tags: &[Value]) {
    let lines = tags.iter().filter_map(Value::as_str).filter(|tag| !tag.is_empty());
    let repaired: Vec<Value> =
        lines.take(TAGS_MAX).map(|tag| Value::String(fitting(tag, TAG_CHARS_MAX))).collect();
    if repaired == tags {
        draft.set("tags", repaired);
    } else {
        draft.repair("tags", tags.into(), repaired, "had entries that are no valid tags");
    }
}

fn set_line(draft: &mut Draft, field: &str, line: &str, chars_max: usize) {
    let repaired = fitting(line, chars_max);
    if repaired == line {
        draft.set(field, line);
    } else {
        draft.repair(field, line.into(), repaired, "had control characters or was too long");
    }
}

fn fitting(line: &str, chars_max: usize) -> String {
    line.chars().map(|char| if char.is_control() { ' ' } else { char }).take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{set_creator, set_name, set_tags};
    use crate::Draft;

    #[test]
    fn values_that_fit_are_taken_character_for_character() {
        let mut draft = Draft::default();
        set_name(&mut draft, "  Zoë 🦉 ");
        set_creator(&mut draft, "");
        set_tags(&mut draft, &[json!("b"), json!("a"), json!("b")]);
        assert_eq!(draft.warnings, Vec::<String>::new());
        assert_eq!(
            draft.into_value(),
            json!({ "name": "  Zoë 🦉 ", "creator": "", "tags": ["b", "a", "b"] })
        );
    }

    #[test]
    fn a_repaired_value_keeps_its_original_and_says_so() {
        let mut draft = Draft::default();
        set_name(&mut draft, "two\nlines");
        set_creator(&mut draft, &"é".repeat(257));
        set_tags(&mut draft, &[json!(""), json!("a\tb"), json!(7)]);
        assert_eq!(
            draft.warnings,
            [
                "name had control characters or was too long; the original is kept under extensions.import.original",
                "creator had control characters or was too long; the original is kept under extensions.import.original",
                "tags had entries that are no valid tags; the original is kept under extensions.import.original",
            ]
        );
        assert_eq!(
            draft.into_value(),
            json!({
                "name": "two lines",
                "creator": "é".repeat(256),
                "tags": ["a b"],
                "extensions": { "import": { "original": { "name": "two\nlines", "creator": "é".repeat(257), "tags": ["", "a\tb", 7] } } },
            })
        );
    }
}
