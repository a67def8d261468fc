//! Formats, records and items: the parts of a file.

use std::fmt;

use persona_model::{Document, PersonaId};
use serde_json::Value;

use super::native::Origin;

/// The format of a file or of one of its items.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// CSV with the columns `act` and `prompt`, as the awesome-chatgpt-prompts collection has it.
    AwesomePrompts,
    /// An agent of the LobeHub collection: `{"file", "agent": {...}}`, or the agent alone.
    LobeHub,
    /// Documents as the API has them, exports of this program included; as JSON, or as CSV with
    /// field names as columns.
    Native,
}

impl Format {
    /// The word for this format; derived identities contain it, so it must never change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwesomePrompts => "awesome-prompts",
            Self::LobeHub => "lobehub",
            Self::Native => "native",
        }
    }
}

/// Where an item is in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Location {
    /// The line on which it starts, 1 for the first.
    pub line: u64,
    /// Its index in the list that the file is, from 0; `None` where the file is no list.
    pub index: Option<u64>,
}

impl Location {
    /// The location of an item that is no element of a list.
    pub const fn line(line: u64) -> Self {
        Self { line, index: None }
    }
}

/// The line alone (`12`), or with the index of the element (`12 [3]`).
impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            None => write!(out, "{}", self.line),
            Some(index) => write!(out, "{} [{index}]", self.line),
        }
    }
}

/// One record of a file as it was written: a JSON value, or a CSV row as an object of column to
/// cell.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// Where the record is in its file.
    pub location: Location,
    /// Whether the record is a row of CSV, in which every value is text.
    pub is_row: bool,
    /// The JSON value, or the object of the cells.
    pub value: Value,
}

/// One item that can be sent.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// Where the item is in its file.
    pub location: Location,
    /// The format that the item was written in.
    pub format: Format,
    /// The identity: the item's own, or one that `identity.rs` derived.
    pub id: PersonaId,
    /// The document that the item became.
    pub document: Document,
    /// Whether the persona was soft-deleted in the store that exported it.
    pub is_deleted: bool,
    /// Times, authors and revision that the exporting store recorded.
    pub origin: Origin,
    /// What was repaired, as sentence fragments.
    pub warnings: Vec<String>,
}

/// One item that cannot be sent, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bad {
    /// Where the item is in its file.
    pub location: Location,
    /// The name of the item, where one was found.
    pub name: Option<String>,
    /// Why the item cannot be sent, as sentence fragments; at least one.
    pub reasons: Vec<String>,
}

impl Bad {
    /// A bad item of which only the line is known.
    pub fn at(line: u64, reason: impl Into<String>) -> Self {
        Self { location: Location::line(line), name: None, reasons: vec![reason.into()] }
    }
}
