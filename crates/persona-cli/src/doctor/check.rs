//! The types of checks and of their findings.

/// The level of a finding.
pub use persona_http::contract::findings::FindingLevel as Level;

use super::facts::Facts;

/// The finding of a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The level.
    pub level: Level,
    /// What was found, as a sentence fragment.
    pub text: String,
}

impl Finding {
    pub(super) fn ok(text: impl Into<String>) -> Self {
        Self { level: Level::Ok, text: text.into() }
    }

    pub(super) fn warn(text: impl Into<String>) -> Self {
        Self { level: Level::Warn, text: text.into() }
    }

    pub(super) fn fail(text: impl Into<String>) -> Self {
        Self { level: Level::Fail, text: text.into() }
    }
}

/// A check of one thing.
pub struct Check {
    /// The name of what is checked.
    pub name: &'static str,
    /// The test; it returns `None` if there is nothing to check.
    pub test: fn(&Facts) -> Option<Finding>,
    /// The advice for a finding that is not `Ok`: a command if there is one.
    pub fix: fn(&Facts) -> String,
}

/// A group of checks.
pub struct Group {
    /// The name of the group.
    pub name: &'static str,
    /// The checks, in the order in which they are shown.
    pub checks: &'static [Check],
}

/// The result of one check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckResult {
    /// The group of the check.
    pub group: &'static str,
    /// The name of what was checked.
    pub name: &'static str,
    /// The finding.
    pub finding: Finding,
    /// The advice; only for a finding that is not `Ok`.
    pub fix: Option<String>,
}
