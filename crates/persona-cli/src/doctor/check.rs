//! What a check is, and what it finds.

use super::facts::Facts;

/// How bad something is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but needs a look.
    Warn,
    /// It does not work, or what was promised does not hold.
    Fail,
}

impl Level {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad it is.
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

/// One thing that can be right or wrong.
pub struct Check {
    /// What is looked at.
    pub name: &'static str,
    /// What was found; `None` where there is nothing to look at.
    pub test: fn(&Facts) -> Option<Finding>,
    /// What to do when it is not as it should be: a command where there is one.
    pub fix: fn(&Facts) -> String,
}

/// Checks that belong together.
pub struct Group {
    /// What they are about.
    pub name: &'static str,
    /// In the order in which they are read.
    pub checks: &'static [Check],
}

/// The result of one check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckResult {
    /// The group that it belongs to.
    pub group: &'static str,
    /// What was looked at.
    pub name: &'static str,
    /// What was found.
    pub finding: Finding,
    /// What to do about it; only where it is not as it should be.
    pub fix: Option<String>,
}
