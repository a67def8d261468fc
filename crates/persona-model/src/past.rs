//! A revision of a persona that comes from another store and is kept unchanged.

use serde_json::{Map, Value, json};

use crate::{ContentHash, Document, LabelName, Revision, Timestamp};

/// One revision of a persona's past: what its representation says, and what its history says
/// besides.
#[derive(Clone, PartialEq, Debug)]
pub struct PastRevision {
    /// The number of the revision.
    pub revision: Revision,
    /// When revision 1 of the persona was made.
    pub created_at: Timestamp,
    /// When this revision was made.
    pub updated_at: Timestamp,
    /// The author of revision 1, where known.
    pub created_by: Option<String>,
    /// The author of this revision, where known.
    pub updated_by: Option<String>,
    /// Whether the persona was soft-deleted in this revision.
    pub is_deleted: bool,
    /// The last revision before this one that is kept, where those between were dropped from the
    /// history. `None`: the one before.
    pub previous: Option<Revision>,
    /// The revision that the writer of this one started from, where the writer named it.
    pub base: Option<Revision>,
    /// The note of the author on this revision.
    pub note: Option<String>,
    /// The hash that the other store stated: one of [`Document::content_hashes`]. Any other hash is
    /// ignored.
    pub content_hash: Option<ContentHash>,
    /// The document.
    pub document: Document,
}

impl PastRevision {
    /// The number of the last kept revision before this one; 0 before the first.
    pub fn number_before(&self) -> u64 {
        self.previous.map_or(self.revision.number() - 1, Revision::number)
    }
}

/// What the line of an exported history says of a revision besides its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryFacts<'a> {
    /// How many revisions the persona has.
    pub last: Revision,
    /// The last one before it that is kept, where those between were dropped from the history.
    pub previous: Option<Revision>,
    /// The revision that its writer started from, where that was named.
    pub base: Option<Revision>,
    /// What its author said of it.
    pub note: Option<&'a str>,
    /// The labels of the persona, in the order of their words: in one of its lines, the one that
    /// [`has_labels`] names.
    pub labels: Vec<PastLabel>,
}

/// A label of a persona, as an exported history has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastLabel {
    /// The word.
    pub name: LabelName,
    /// Where it points.
    pub revision: Revision,
    /// When it was moved there.
    pub at: Timestamp,
    /// The author of that move, where known.
    pub author: Option<String>,
}

/// Whether the line of a revision has the labels of its persona: that of the last revision, before
/// that of a deletion. Every revision that a label points to is kept then, and no label of a
/// deleted persona can be moved.
pub fn has_labels(revision: Revision, last: Revision, is_deleted: bool) -> bool {
    revision.number() + u64::from(is_deleted) == last.number()
}

/// The line of an exported history: the answer of that revision, with a member `history`.
///
/// # Panics
///
/// In debug builds, when the answer is not a non-empty JSON object.
pub fn history_line(answer: &[u8], facts: &HistoryFacts<'_>) -> Vec<u8> {
    debug_assert!(answer.ends_with(b"}") && answer.len() > 2, "an answer is a non-empty object");
    let last = facts.last.number();
    let base = facts.base.map_or_else(|| "null".into(), |base| base.number().to_string());
    let note = facts.note.map(|note| format!(",\"note\":{}", Value::from(note)));
    let previous = facts.previous.map(|kept| format!(",\"previous\":{}", kept.number()));
    let previous = previous.unwrap_or_default();
    let labels = (!facts.labels.is_empty()).then(|| {
        let one = |label: &PastLabel| {
            let (at, by) = (label.at.to_string(), label.author.as_deref());
            let told = json!({ "revision": label.revision.number(), "at": at, "by": by });
            (label.name.to_string(), told)
        };
        format!(",\"labels\":{}", Value::from(facts.labels.iter().map(one).collect::<Map<_, _>>()))
    });
    let (note, labels) = (note.unwrap_or_default(), labels.unwrap_or_default());
    let facts =
        format!(",\"history\":{{\"last\":{last},\"base\":{base}{previous}{note}{labels}}}}}");
    let mut line = Vec::with_capacity(answer.len() + facts.len());
    line.extend_from_slice(answer.strip_suffix(b"}").unwrap_or(answer));
    line.extend_from_slice(facts.as_bytes());
    line
}
