//! The results of the items: line by line, and in sum.

use std::collections::BTreeMap;
use std::time::Duration;

use persona_formats::Location;
use persona_model::PersonaId;
use serde_json::{Value, json};

use crate::terminal::{Output, Tone, harmless, shortened};

/// Cells of the longest name in a message.
const NAME_CELLS_MAX: usize = 60;

/// The result of one item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// The persona was created.
    Created,
    /// The existing persona got the content of the item.
    Updated,
    /// The persona exists with the same content.
    Unchanged,
    /// The persona exists with other content, and was not changed.
    Differs,
    /// The persona is soft-deleted, here or in the store that exported it; nothing was changed.
    Deleted,
    /// The item can be imported; it was not sent (`--dry-run`).
    Valid,
    /// The item was refused.
    Failed,
}

impl Status {
    /// The word for this status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Differs => "differs",
            Self::Deleted => "deleted",
            Self::Valid => "valid",
            Self::Failed => "failed",
        }
    }

    /// The words for people in the summary.
    const fn explained(self) -> &'static str {
        match self {
            Self::Differs => "differ and were left alone (--on-duplicate update changes them)",
            Self::Deleted => "deleted and left alone",
            other => other.as_str(),
        }
    }
}

/// The result of one item, with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The file.
    pub file: String,
    /// Where the item is in it.
    pub location: Location,
    /// The identity of the item, if it could be read.
    pub id: Option<PersonaId>,
    /// The name of the item, if it could be read.
    pub name: Option<String>,
    /// The result.
    pub status: Status,
    /// What was repaired in the item, as sentence fragments.
    pub warnings: Vec<String>,
    /// Why the item was refused, as sentence fragments.
    pub errors: Vec<String>,
}

impl Report {
    /// The report as a JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "file": self.file,
            "line": self.location.line,
            "index": self.location.index,
            "id": self.id.map(|id| id.to_string()),
            "name": self.name,
            "status": self.status.as_str(),
            "warnings": self.warnings,
            "errors": self.errors,
        })
    }

    /// The remarks that the user should see, one line each; empty if all is well.
    pub fn remarks(&self, output: &Output) -> Vec<String> {
        let name = self
            .name
            .as_ref()
            .map(|name| format!("{:?}: ", shortened(&harmless(name), NAME_CELLS_MAX)))
            .unwrap_or_default();
        let remark = |tone: Tone, word: &str, text: &String| {
            format!(
                "{} {}:{}: {name}{}",
                output.paint(tone, word),
                self.file,
                self.location,
                harmless(text)
            )
        };
        let errors = self.errors.iter().map(|text| remark(Tone::Error, "error:", text));
        let warnings = self.warnings.iter().map(|text| remark(Tone::Warning, "warning:", text));
        errors.chain(warnings.filter(|_| !output.is_quiet())).collect()
    }
}

/// Number of items with each result.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    counts: BTreeMap<Status, u64>,
    warnings: u64,
}

impl Summary {
    /// Counts one item.
    pub fn count(&mut self, report: &Report) {
        *self.counts.entry(report.status).or_default() += 1;
        self.warnings += u64::from(!report.warnings.is_empty());
    }

    /// Number of all items.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Number of items with this result.
    pub fn of(&self, status: Status) -> u64 {
        self.counts.get(&status).copied().unwrap_or(0)
    }

    /// The summary as a JSON object.
    pub fn to_json(&self, took: Duration) -> Value {
        let counts: serde_json::Map<String, Value> = self
            .counts
            .iter()
            .map(|(status, count)| (status.as_str().into(), (*count).into()))
            .collect();
        json!({ "summary": { "items": self.total(), "counts": counts, "with_warnings": self.warnings, "seconds": took.as_secs_f64() } })
    }

    /// The summary as one line.
    pub fn text(&self, took: Duration) -> String {
        let mut parts: Vec<String> = self
            .counts
            .iter()
            .map(|(status, count)| format!("{count} {}", status.explained()))
            .collect();
        if self.warnings > 0 {
            parts.push(format!("{} with warnings", self.warnings));
        }
        let parts = if parts.is_empty() { "nothing to import".into() } else { parts.join(", ") };
        let items =
            if self.total() == 1 { "1 item".into() } else { format!("{} items", self.total()) };
        format!("{items} in {:.1} s: {parts}", took.as_secs_f64())
    }
}
