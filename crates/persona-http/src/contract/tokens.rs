//! The bodies of what tells about access tokens, and of what makes and ends them.

use std::borrow::Cow;
use std::fmt;

use persona_model::{OWNER_CHARS_MAX, Timestamp};
use persona_storage::{
    TOKEN_NAME_CHARS_MAX, Token, TokenSecret, TokenState, is_link_name, is_session_name,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Time;
use super::session::SessionScope;

/// The form of the name of a token.
pub const TOKEN_NAME_PATTERN: &str = "^[0-9A-Za-z][0-9A-Za-z._-]*$";

/// Longest life of a token, in seconds: ten years. Longer is no limit.
pub const TOKEN_LIFE_SECONDS_MAX: u64 = 3_660 * 86_400;

/// How long the former secret of a token counts after a rotation, in seconds, if the request does
/// not say.
pub const KEEP_SECONDS_DEFAULT: u64 = 86_400;

/// A token that is wanted, as JSON that can be sent.
pub const NEW_TOKEN_EXAMPLE: &str = r#"{"name":"ci","scope":"write","expires_seconds":7776000}"#;

/// A rotation, as JSON that can be sent.
pub const ROTATION_EXAMPLE: &str = r#"{"keep_seconds":3600}"#;

/// One page of the tokens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenPage")]
pub struct TokenList {
    /// The tokens, in the order of their names, also those that have ended.
    pub items: Vec<TokenEntry>,
    /// Where the next page starts; null on the last page.
    pub next_cursor: Option<String>,
}

/// An access token, without its secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Token")]
pub struct TokenEntry {
    /// Its identity, which stays through rotations.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// Its name, which is the author of what is changed with it.
    pub name: String,
    /// What the token is for.
    pub kind: TokenKind,
    /// What the token permits.
    pub scope: SessionScope,
    /// The owner that the token is bound to.
    pub owner: Option<String>,
    /// Whether a token that is bound to an owner also reads personas without an owner.
    pub shared: bool,
    /// Whether its requests may name another author.
    pub act_as: bool,
    /// Whether the token counts.
    pub state: TokenWord,
    /// Whether it is the token of this request.
    pub is_own: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it runs out.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
    /// About when it was used last, to the hour.
    pub used_at: Option<Time>,
    /// Until when its former secret counts.
    pub old_secret_until: Option<Time>,
}

/// What a token is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TokenKind {
    /// For a program or a person.
    Token,
    /// A one-time link of the studio, which becomes a session.
    Link,
    /// A session of the studio, in the cookie of a browser.
    Session,
}

/// Whether a token counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TokenWord {
    /// The token counts.
    Live,
    /// The time of the token is over.
    Expired,
    /// The token was revoked.
    Revoked,
}

/// A token that was made or changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TokenAnswer {
    /// The token.
    pub token: TokenEntry,
    /// Its new secret, which is told in this answer only; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<ShownSecret>,
    /// What follows for other requests, for people; left out where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Cow<'static, str>>,
}

/// The secret of a token in the one answer that has it. Its debug form hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct ShownSecret(String);

impl From<&TokenSecret> for ShownSecret {
    fn from(secret: &TokenSecret) -> Self {
        Self(secret.expose().to_owned())
    }
}

impl fmt::Debug for ShownSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ShownSecret(hidden)")
    }
}

impl TokenEntry {
    /// A token as it is at this time, for a request with the token `own`.
    pub fn of(token: &Token, own: Option<Uuid>, now: Timestamp) -> Self {
        let state = match token.state_of(&token.hash, now) {
            TokenState::Revoked => TokenWord::Revoked,
            TokenState::Expired => TokenWord::Expired,
            TokenState::Live | TokenState::Foreign => TokenWord::Live,
        };
        let kind = if is_link_name(&token.name) {
            TokenKind::Link
        } else if is_session_name(&token.name) {
            TokenKind::Session
        } else {
            TokenKind::Token
        };
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            kind,
            scope: token.scope.into(),
            owner: token.owner.clone(),
            shared: token.shared,
            act_as: token.act_as,
            state,
            is_own: own == Some(token.id),
            created_at: Time(token.created_at),
            expires_at: token.expires_at.map(Time),
            revoked_at: token.revoked_at.map(Time),
            used_at: token.used_at.map(Time),
            old_secret_until: token.previous.map(|(_, until)| Time(until)),
        }
    }
}

/// A token that is wanted, which the server reads member by member (`extract/token.rs`).
#[derive(Clone, Copy, Debug)]
pub enum NewToken {}

impl JsonSchema for NewToken {
    fn schema_name() -> Cow<'static, str> {
        "NewToken".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": TOKEN_NAME_CHARS_MAX,
                    "pattern": TOKEN_NAME_PATTERN,
                    "description": "Its name, which no other token has; the author of what is changed with it. A request whose token is bound to an owner gets a name with an ending of 13 characters, and leaves room for it.",
                },
                "scope": {
                    "type": "string",
                    "enum": ["read", "write", "admin"],
                    "description": "What it permits, each with what the one before permits.",
                },
                "owner": {
                    "type": ["string", "null"],
                    "minLength": 1,
                    "maxLength": OWNER_CHARS_MAX,
                    "description": "Binds it to this owner: it reads and changes the personas of this owner, and there are no others for it.",
                },
                "shared": {
                    "type": ["boolean", "null"],
                    "description": "With owner: whether it also reads personas without an owner.",
                },
                "act_as": {
                    "type": ["boolean", "null"],
                    "description": "Whether its requests may name another author.",
                },
                "expires_seconds": {
                    "type": ["integer", "null"],
                    "minimum": 1,
                    "maximum": TOKEN_LIFE_SECONDS_MAX,
                    "description": "For how long it counts; for ever where this is left out.",
                },
            },
            "required": ["name", "scope"],
            "additionalProperties": false,
        })
    }
}

/// A rotation of a token, which the server reads member by member (`extract/token.rs`).
#[derive(Clone, Copy, Debug)]
pub enum Rotation {}

impl JsonSchema for Rotation {
    fn schema_name() -> Cow<'static, str> {
        "TokenRotation".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "keep_seconds": {
                    "type": ["integer", "null"],
                    "minimum": 0,
                    "maximum": TOKEN_LIFE_SECONDS_MAX,
                    "description": "For how long the former secret counts besides the new one; 86400 where this is left out, 0 to end it now.",
                },
            },
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;
    use persona_storage::{Token, TokenScope, TokenSecret};

    use super::{ShownSecret, TokenAnswer, TokenEntry};

    #[test]
    fn the_debug_form_of_an_answer_hides_the_secret() {
        let secret = TokenSecret::random().expect("random numbers");
        let now = Timestamp::from_micros(0);
        let token = Token::new("ci".into(), secret.hash(), TokenScope::Read, now);
        let entry = TokenEntry::of(&token.expect("random numbers"), None, now);
        let shown = Some(ShownSecret::from(&secret));
        let answer = TokenAnswer { token: entry, secret: shown, note: None };
        assert!(!format!("{answer:?}").contains(secret.expose()));
        let json = serde_json::to_value(&answer).expect("JSON");
        assert_eq!(json["secret"], secret.expose());
    }
}
