//! A revision of a persona that comes from another store and is kept unchanged.

use serde_json::Value;

use crate::{ContentHash, Document, Revision, Timestamp};

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

/// The line of an exported history: the representation of a revision, with a member `history`. That
/// member tells how many revisions the persona has, from which revision the writer started, and the
/// note if there is one.
///
/// # Panics
///
/// In debug builds, when the answer is not a non-empty JSON object.
pub fn history_line(
    answer: &[u8],
    last: Revision,
    base: Option<Revision>,
    note: Option<&str>,
) -> Vec<u8> {
    debug_assert!(answer.ends_with(b"}") && answer.len() > 2, "an answer is a non-empty object");
    let base = base.map_or_else(|| "null".into(), |base| base.number().to_string());
    let note = note.map(|note| format!(",\"note\":{}", Value::from(note))).unwrap_or_default();
    let mut line = Vec::with_capacity(answer.len() + note.len() + 64);
    line.extend_from_slice(answer.strip_suffix(b"}").unwrap_or(answer));
    line.extend_from_slice(
        format!(",\"history\":{{\"last\":{},\"base\":{base}{note}}}}}", last.number()).as_bytes(),
    );
    line
}
