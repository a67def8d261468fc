//! What came of the items: line by line, and in sum.

use std::collections::BTreeMap;
use std::time::Duration;

use persona_formats::Location;
use persona_model::PersonaId;
use serde_json::{Value, json};

use crate::terminal::{Output, Tone, harmless, shortened};

/// Cells of the longest name in a message.
const NAME_CELLS_MAX: usize = 60;

/// What came of one item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// It is a new persona.
    Created,
    /// The persona that existed has its content now.
    Updated,
    /// The persona existed with the same content.
    Unchanged,
    /// The persona exists with other content, and was left alone.
    Differs,
    /// It is soft-deleted, here or where it was exported, and was left alone.
    Deleted,
    /// It can be imported; nothing was sent (`--dry-run`).
    Valid,
    /// It was refused.
    Failed,
}

impl Status {
    /// The word for it.
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

    /// What people read in the sum.
    const fn explained(self) -> &'static str {
        match self {
            Self::Differs => "differ and were left alone (--on-duplicate update changes them)",
            Self::Deleted => "deleted and left alone",
            other => other.as_str(),
        }
    }
}

/// What came of one item, and where it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The file.
    pub file: String,
    /// Where the item is in it.
    pub location: Location,
    /// Its identity, where it could be read.
    pub id: Option<PersonaId>,
    /// Its name, where it could be read.
    pub name: Option<String>,
    /// What came of it.
    pub status: Status,
    /// What was repaired.
    pub warnings: Vec<String>,
    /// Why it was refused.
    pub errors: Vec<String>,
}

impl Report {
    /// As one object.
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

    /// What needs a look, a line each; empty when all is well.
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

/// How many items ended how.
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

    /// All items.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Items that ended so.
    pub fn of(&self, status: Status) -> u64 {
        self.counts.get(&status).copied().unwrap_or(0)
    }

    /// As one object.
    pub fn to_json(&self, took: Duration) -> Value {
        let counts: serde_json::Map<String, Value> = self
            .counts
            .iter()
            .map(|(status, count)| (status.as_str().into(), (*count).into()))
            .collect();
        json!({ "summary": { "items": self.total(), "counts": counts, "with_warnings": self.warnings, "seconds": took.as_secs_f64() } })
    }

    /// As one line.
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
