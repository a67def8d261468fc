//! The text of a conflict: both sides in one text, with markers around the lines that they changed
//! differently, as `diff3` and Git write them.

use serde_json::Value;

use super::document::Conflict;
use super::line_changes::Steps;
use super::lines::{Run, runs};

/// The line before the lines that are stored now.
const THEIRS: &str = "<<<<<<< theirs";
/// The line before the lines of the base.
const BASE: &str = "||||||| base";
/// The line before the lines that this writer wants. A text without conflicts can have this line
/// too, below a heading.
const YOURS: &str = "=======";
/// The line behind a conflict.
const END: &str = ">>>>>>> yours";

/// Most bytes of texts with markers in one answer or document: four times the largest text.
pub const MARKED_BYTES_MAX: usize = 1024 * 1024;

/// Whether a text has a line that is only ever a marker of a conflict.
pub fn has_conflict_marker(text: &str) -> bool {
    text.lines().any(|line| [THEIRS, BASE, END].contains(&line.trim_end()))
}

/// Makes the texts of conflicts, within bounds for all of them together.
pub struct Markers {
    steps: Steps,
    bytes_left: usize,
}

impl Default for Markers {
    fn default() -> Self {
        Self { steps: Steps::default(), bytes_left: MARKED_BYTES_MAX }
    }
}

impl Markers {
    /// Both sides of a text in one text, with markers around the lines that they changed
    /// differently. If these lines cannot be found within the bounds, the markers are around the
    /// whole text.
    ///
    /// `None` if the unit is no text that is merged by lines, if one of the texts has a line that
    /// is a marker, and beyond [`MARKED_BYTES_MAX`].
    pub fn text_of(&mut self, conflict: &Conflict) -> Option<String> {
        if !conflict.has_lines {
            return None;
        }
        let text = |side: &'_ Option<Value>| side.as_ref()?.as_str().map(str::to_owned);
        let base = text(&conflict.base)?;
        let (theirs, yours) = (text(&conflict.theirs)?, text(&conflict.yours)?);
        let marked = marked(&base, &theirs, &yours, &mut self.steps, self.bytes_left)?;
        self.bytes_left -= marked.len();
        Some(marked)
    }
}

fn marked(
    base: &str,
    theirs: &str,
    yours: &str,
    steps: &mut Steps,
    bytes_max: usize,
) -> Option<String> {
    let has_marker =
        |text: &str| has_conflict_marker(text) || text.lines().any(|line| line.trim_end() == YOURS);
    if [base, theirs, yours].into_iter().any(has_marker) {
        return None;
    }
    let whole = || {
        let [base, theirs, yours] = [base, theirs, yours].map(|text| text.split('\n').collect());
        vec![Run::Apart { base, theirs, yours }]
    };
    let mut lines = Vec::new();
    for run in runs(base, theirs, yours, steps).unwrap_or_else(whole) {
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
    (bytes <= bytes_max).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{MARKED_BYTES_MAX, Markers, has_conflict_marker};
    use crate::Conflict;

    fn conflict(base: &str, theirs: &str, yours: &str) -> Conflict {
        Conflict {
            pointer: "/scenario".into(),
            base: Some(json!(base)),
            theirs: Some(json!(theirs)),
            yours: Some(json!(yours)),
            has_lines: true,
            reason: None,
        }
    }

    fn marked(base: &str, theirs: &str, yours: &str) -> Option<String> {
        Markers::default().text_of(&conflict(base, theirs, yours))
    }

    #[test]
    fn what_both_changed_stands_between_markers_and_the_rest_is_merged() {
        assert_eq!(
            marked("a\nb\nc\nd\ne", "A\nb\nc\nt\ne", "a\nb\nc\ny\ne\nf").as_deref(),
            Some("A\nb\nc\n<<<<<<< theirs\nt\n||||||| base\nd\n=======\ny\n>>>>>>> yours\ne\nf")
        );
    }

    #[test]
    fn texts_of_one_line_stand_one_below_the_other() {
        let marked = marked("base", "theirs", "yours").expect("possible");
        assert_eq!(
            marked,
            "<<<<<<< theirs\ntheirs\n||||||| base\nbase\n=======\nyours\n>>>>>>> yours"
        );
        assert!(has_conflict_marker(&marked));
    }

    #[test]
    fn a_text_that_has_such_a_line_itself_gets_no_markers() {
        for text in ["=======", "a\n<<<<<<< theirs\r\nb", "a\n>>>>>>> yours"] {
            assert_eq!(marked("base", "theirs", text), None);
            assert_eq!(has_conflict_marker(text), text != "=======", "{text:?}");
        }
        for text in ["======", "========", "a <<<<<<< theirs", "<<<<<<< HEAD"] {
            assert!(marked("base", "theirs", text).is_some() && !has_conflict_marker(text));
        }
    }

    #[test]
    fn only_texts_that_are_merged_by_lines_get_markers() {
        let mut line = conflict("base", "theirs", "yours");
        line.has_lines = false;
        assert_eq!(Markers::default().text_of(&line), None);
        let mut removed = conflict("base", "theirs", "yours");
        removed.theirs = None;
        assert_eq!(Markers::default().text_of(&removed), None);
    }

    #[test]
    fn texts_that_differ_in_too_many_lines_are_marked_as_a_whole() {
        let text = |side: &str| {
            let lines: Vec<String> = (0..2_000).map(|line| format!("{side}{line}")).collect();
            lines.join("\n")
        };
        let marked = marked(&text("b"), &text("t"), &text("y")).expect("possible");
        assert_eq!(marked.lines().count(), 3 * 2_000 + 4);
    }

    #[test]
    fn all_texts_of_an_answer_are_within_one_bound() {
        let part = "x".repeat(MARKED_BYTES_MAX / 8);
        let large = conflict("", &part, "y");
        let mut markers = Markers::default();
        let told = (0..9).filter(|_| markers.text_of(&large).is_some()).count();
        assert_eq!(told, 7);
        assert!(markers.text_of(&conflict("a", "b", "c")).is_some(), "a small one has room");
    }
}
