//! The body of an answer about a session: which token lets a page in, and what that permits.

use persona_storage::TokenScope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;

/// Which token lets requests like this one in, and what they may do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// The name of the token; null where the server needs none.
    pub name: Option<String>,
    /// What the token permits; everything where the server needs none.
    pub scope: SessionScope,
    /// The owner that the token is bound to.
    pub owner: Option<String>,
    /// Whether a token that is bound to an owner reads personas without an owner too (+shared).
    pub shared: bool,
    /// Whether requests may name another author than the name of the token.
    pub act_as: bool,
    /// When the token runs out.
    pub expires_at: Option<Time>,
    /// Whether it was begun with a one-time link, so that DELETE ends it.
    pub is_session: bool,
    /// Labels that only a token of the scope admin moves, so that a page can ask before it does.
    pub protected_labels: Vec<String>,
}

/// What a token permits, each with what the one before permits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum SessionScope {
    /// To read personas.
    Read,
    /// To change personas.
    Write,
    /// Everything.
    Admin,
}

impl From<TokenScope> for SessionScope {
    fn from(scope: TokenScope) -> Self {
        match scope {
            TokenScope::Read => Self::Read,
            TokenScope::Write => Self::Write,
            TokenScope::Admin => Self::Admin,
        }
    }
}
