//! The body of `GET /api/v1/server/findings`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a server finds when it examines itself: the part of `persona doctor` that needs no look at
/// the machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FindingPage {
    /// One for each check that applies, also where nothing is wrong.
    pub items: Vec<Finding>,
    /// Always null: there is one page.
    pub next_cursor: (),
}

/// The finding of one check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was checked, in a word or two.
    pub check: String,
    /// How it is.
    pub level: FindingLevel,
    /// What was found, as a part of a sentence.
    pub text: String,
    /// What to do about it; null where nothing is wrong.
    pub cure: Option<String>,
}

/// The level of a finding.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum FindingLevel {
    /// Nothing is wrong.
    Ok,
    /// What was looked at works, but needs attention.
    Warn,
    /// What was looked at does not work, or a promise does not hold.
    Fail,
}

impl FindingLevel {
    /// The word for this level.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}
