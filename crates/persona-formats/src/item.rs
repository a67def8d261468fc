//! What a file is made of.

use std::fmt;

use persona_model::{Document, PersonaId};
use serde_json::Value;

use super::native::Origin;

/// How a file, or an item of it, is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// CSV with the columns `act` and `prompt`, as the awesome-chatgpt-prompts collection has it.
    AwesomePrompts,
    /// An agent of the LobeHub collection: `{"file", "agent": {...}}`, or the agent alone.
    LobeHub,
    /// Documents as the API has them, our own export included; as JSON, or as CSV with field names
    /// as columns.
    Native,
}

impl Format {
    /// The word for this format; part of the identities that are derived, so it must never change.
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

/// As people look for it: `12`, or `12 [3]` for the element with the index 3.
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
    /// Where it is.
    pub location: Location,
    /// Whether it is a row of CSV, where every value is text.
    pub is_row: bool,
    /// What it says.
    pub value: Value,
}

/// One item that can be sent.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// Where it is.
    pub location: Location,
    /// How it was written.
    pub format: Format,
    /// Its identity: its own, or one that is derived from its name in the collection or from its
    /// content.
    pub id: PersonaId,
    /// The persona.
    pub document: Document,
    /// It was soft-deleted where it was exported.
    pub is_deleted: bool,
    /// What the store that it came from said of it.
    pub origin: Origin,
    /// What was repaired, as sentence fragments.
    pub warnings: Vec<String>,
}

/// One item that cannot be sent, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bad {
    /// Where it is.
    pub location: Location,
    /// Its name, where it can be told.
    pub name: Option<String>,
    /// What is wrong, as sentence fragments; at least one.
    pub reasons: Vec<String>,
}

impl Bad {
    /// An item of which nothing but its line is known.
    pub fn at(line: u64, reason: impl Into<String>) -> Self {
        Self { location: Location::line(line), name: None, reasons: vec![reason.into()] }
    }
}
