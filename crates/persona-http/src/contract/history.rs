//! The bodies of what tells about the history of a persona.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;

/// One page of the revisions of a persona.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RevisionPage {
    /// The revisions, the newest first.
    pub items: Vec<RevisionEntry>,
    /// Where the next page starts; null on the last page.
    pub next_cursor: Option<String>,
}

/// A revision without its content.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RevisionEntry {
    /// Which one.
    #[schemars(range(min = 1))]
    pub revision: u64,
    /// When it was committed.
    pub at: Time,
    /// Its author, where known.
    pub by: Option<String>,
    /// Why it was made, where the author said so.
    pub note: Option<String>,
    /// The names of the members that it changed: all of them for revision 1, none for a deletion.
    pub changed: Vec<String>,
    /// The revision that the author started from, where one was named.
    #[schemars(range(min = 1))]
    pub base: Option<u64>,
    /// Whether the persona is deleted at it.
    pub deleted: bool,
    /// Bytes of its document as JSON.
    pub size: u64,
}
