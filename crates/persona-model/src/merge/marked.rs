//! The text of a conflict: both sides in one text, with markers around what they changed
//! differently, in the form that `diff3` and Git have.

use super::line_changes::Steps;
use super::lines::{Run, runs};

/// The line before what is there now.
const THEIRS: &str = "<<<<<<< theirs";
/// The line before what the base has.
const BASE: &str = "||||||| base";
/// The line before what this writer wants.
const YOURS: &str = "=======";
/// The line behind it.
const END: &str = ">>>>>>> yours";

/// Most bytes of a text with markers: four times the largest text of a persona.
pub const MARKED_BYTES_MAX: usize = 1024 * 1024;

/// Whether a text has a line that is a marker of a conflict.
pub fn has_conflict_marker(text: &str) -> bool {
    let is_marker = |line: &str| [THEIRS, BASE, YOURS, END].contains(&line.trim_end());
    text.lines().any(is_marker)
}

/// Both sides of a text in one, with markers around what they changed differently: everything
/// where that cannot be told line by line. `None` where a marker would stand for something else,
/// because one of the texts has such a line, and where the text would be too large.
pub fn marked_text(base: &str, theirs: &str, yours: &str) -> Option<String> {
    if [base, theirs, yours].into_iter().any(has_conflict_marker) {
        return None;
    }
    let whole = || {
        let [base, theirs, yours] = [base, theirs, yours].map(|text| text.split('\n').collect());
        vec![Run::Apart { base, theirs, yours }]
    };
    let mut lines = Vec::new();
    for run in runs(base, theirs, yours, &mut Steps::default()).unwrap_or_else(whole) {
        match run {
            Run::Agreed(agreed) => lines.extend(agreed),
            Run::Apart { base, theirs, yours } => {
                for (marker, side) in [(THEIRS, theirs), (BASE, base), (YOURS, yours)] {
                    lines.push(marker);
                    lines.extend(side);
                }
                lines.push(END);
            }
        }
    }
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    (bytes <= MARKED_BYTES_MAX).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{MARKED_BYTES_MAX, has_conflict_marker, marked_text};

    #[test]
    fn what_both_changed_stands_between_markers_and_the_rest_is_merged() {
        let marked = marked_text("a\nb\nc\nd\ne", "A\nb\nc\nt\ne", "a\nb\nc\ny\ne\nf");
        assert_eq!(
            marked.as_deref(),
            Some("A\nb\nc\n<<<<<<< theirs\nt\n||||||| base\nd\n=======\ny\n>>>>>>> yours\ne\nf")
        );
    }

    #[test]
    fn texts_of_one_line_stand_one_below_the_other() {
        let marked = marked_text("base", "theirs", "yours").expect("possible");
        assert_eq!(
            marked,
            "<<<<<<< theirs\ntheirs\n||||||| base\nbase\n=======\nyours\n>>>>>>> yours"
        );
        assert!(has_conflict_marker(&marked));
    }

    #[test]
    fn a_text_that_has_such_a_line_itself_gets_no_markers() {
        for text in ["=======", "a\n<<<<<<< theirs\r\nb", "a\n>>>>>>> yours"] {
            assert!(has_conflict_marker(text), "{text:?}");
            assert_eq!(marked_text("base", "theirs", text), None);
        }
        for text in ["======", "========", "a <<<<<<< theirs", "<<<<<<< HEAD"] {
            assert!(!has_conflict_marker(text), "{text:?}");
        }
    }

    #[test]
    fn texts_that_differ_in_too_many_lines_are_marked_as_a_whole() {
        let text = |side: &str| {
            let lines: Vec<String> = (0..2_000).map(|line| format!("{side}{line}")).collect();
            lines.join("\n")
        };
        let marked = marked_text(&text("b"), &text("t"), &text("y")).expect("possible");
        assert_eq!(marked.lines().count(), 3 * 2_000 + 4);
        let large = text(&"b".repeat(MARKED_BYTES_MAX / 2_000));
        assert!(marked_text(&large, &text("t"), &text("y")).is_none());
    }
}
