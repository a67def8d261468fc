//! Entries of a persona's history, with their content and without.

use persona_model::{Revision, Timestamp};

use crate::Representation;

/// One entry of a persona's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevisionRecord {
    /// The persona as it was.
    pub representation: Representation,
    /// When it was committed.
    pub at: Timestamp,
    /// The author of the revision, where known.
    pub author: Option<String>,
    /// The names of the fields that it changed; every field for revision 1.
    pub changed: Vec<String>,
    /// The revision that the writer started from, where that was not the one before.
    pub base: Option<Revision>,
    /// What the author said of it.
    pub note: Option<String>,
}

/// A revision in the list of a persona's revisions: everything but its content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevisionSummary {
    /// Which one.
    pub revision: Revision,
    /// When it was committed.
    pub at: Timestamp,
    /// The author of the revision, where known.
    pub author: Option<String>,
    /// What the author said of it.
    pub note: Option<String>,
    /// The names of the fields that it changed; every field for revision 1.
    pub changed: Vec<String>,
    /// The revision that the writer started from, where that was not the one before.
    pub base: Option<Revision>,
    /// Whether the persona was deleted at it.
    pub deleted: bool,
    /// Bytes of its document as JSON.
    pub document_bytes: u64,
}

/// One page of the revisions of a persona, the newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevisionPage {
    /// The revisions, at most as many as asked for.
    pub items: Vec<RevisionSummary>,
    /// Whether there are older ones.
    pub has_more: bool,
}
