//! What is wrong with settings: everything at once, each with the place where it was set.

use std::fmt;

/// One setting that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where the setting was set: `--port`, `PORT`, `persona.toml:3`.
    pub origin: String,
    /// What is wrong, as a sentence fragment.
    pub message: String,
    /// What to do about it, where the message does not say it already.
    pub hint: Option<String>,
}

/// Settings that cannot be used: every problem that was found, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The problems: those of files first, then the settings in the order of the table.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(out, "{separator}{}: {}", problem.origin, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
