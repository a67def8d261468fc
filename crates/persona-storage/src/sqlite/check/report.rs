//! What a check found.

use persona_model::PersonaId;

use crate::sqlite::DatabaseError;
use crate::sqlite::error::{is_damage, is_of_a_value};

/// Most problems that are described; further ones are only counted, because a damaged page makes
/// hundreds.
const DESCRIBED_MAX: usize = 100;

/// A problem that a check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckProblem {
    /// The persona that has the problem, if it is about one.
    pub persona: Option<PersonaId>,
    /// What is wrong.
    pub what: String,
}

/// The report of a check.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CheckReport {
    /// Version of the schema.
    pub schema_version: u32,
    /// Number of personas that are not deleted.
    pub personas: u64,
    /// Number of soft-deleted personas.
    pub deleted: u64,
    /// Revisions of all personas, with those that were dropped.
    pub revisions: u64,
    /// Those of them that were dropped: their rows say that they are gone.
    pub dropped_revisions: u64,
    /// Lines of the feed.
    pub changes: u64,
    /// Access tokens that count, by the clock of the system.
    pub tokens: u64,
    /// All access tokens, also those that have ended.
    pub tokens_kept: u64,
    /// The first problems, at most 100.
    pub problems: Vec<CheckProblem>,
    /// Number of all problems.
    pub problems_total: u64,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems_total == 0
    }

    /// The first problem in words; empty when there is none.
    pub fn first_problem(&self) -> String {
        self.problems.first().map(ToString::to_string).unwrap_or_default()
    }

    pub(super) fn add(&mut self, persona: Option<PersonaId>, what: impl Into<String>) {
        self.problems_total += 1;
        if self.problems.len() < DESCRIBED_MAX {
            self.problems.push(CheckProblem { persona, what: what.into() });
        }
    }

    /// Adds an error as a problem if it is about the content of the file; otherwise returns the
    /// error.
    pub(super) fn add_damage(
        &mut self,
        persona: Option<PersonaId>,
        error: rusqlite::Error,
    ) -> Result<(), rusqlite::Error> {
        if !is_damage(&error) && !is_of_a_value(&error) {
            return Err(error);
        }
        self.add(persona, error.to_string());
        Ok(())
    }

    /// The report as an error about this file, unless it is sound.
    pub(crate) fn sound(self, path: &std::path::Path) -> Result<Self, DatabaseError> {
        if self.is_sound() {
            return Ok(self);
        }
        let more = self.problems_total - 1;
        let report = if more == 0 {
            self.first_problem()
        } else {
            format!("{}, and {more} more problems", self.first_problem())
        };
        Err(DatabaseError::Damaged { path: path.into(), report })
    }
}

impl std::fmt::Display for CheckProblem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.persona {
            Some(id) => write!(out, "persona {id}: {}", self.what),
            None => out.write_str(&self.what),
        }
    }
}
