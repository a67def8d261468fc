//! The body of `GET /api/v1/counts`.

use persona_storage::Count;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many living personas have something in common, one page of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CountPage")]
pub struct CountList {
    /// The counts, in the order of their names, bytewise.
    pub items: Vec<CountEntry>,
    /// Where the next page starts; null on the last page.
    pub next_cursor: Option<String>,
}

/// How many living personas have one thing in common.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Count")]
pub struct CountEntry {
    /// What they have in common, as a filter of the list of personas takes it: handle_prefix, such
    /// as support/, label, or owner, which is empty for personas without an owner.
    pub name: String,
    /// Their number.
    #[schemars(range(min = 1))]
    pub personas: u64,
}

impl From<Count> for CountEntry {
    fn from(Count { name, personas }: Count) -> Self {
        Self { name, personas }
    }
}
