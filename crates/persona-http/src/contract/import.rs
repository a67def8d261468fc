//! The body of the answer of `POST /api/v1/import`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// What became of each item, in the order of the file.
    pub items: Vec<ImportItem>,
}

/// What became of one item of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImportItem {
    /// The line on which it starts.
    #[schemars(range(min = 1))]
    pub line: u64,
    /// Its index in the list that the file is, from 0; absent where the file is no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// What became of it, or with mode=validate: what would.
    pub status: ImportStatus,
    /// Its name, where it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The persona that it is, here; absent where it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    pub id: Option<String>,
    /// What was repaired; the original is kept in the persona under extensions.import.original.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it failed. Absent also where the answer has no room for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// What became of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ImportStatus {
    /// It would be a new persona; with mode=validate.
    New,
    /// It is a new persona.
    Created,
    /// The persona that exists would get its content; with mode=validate.
    WouldUpdate,
    /// The persona that existed has its content now.
    Updated,
    /// The persona existed with the same content.
    Unchanged,
    /// The persona exists with other content, and was left alone.
    Differs,
    /// It is deleted, here or where it was exported, and was left alone.
    Deleted,
    /// It was refused, or cannot be read.
    Failed,
}
