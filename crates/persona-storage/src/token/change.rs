//! What can be done to a token, and what that comes to: one pure function for all backends.

use std::time::Duration;

use persona_model::Timestamp;
use uuid::Uuid;

use super::record::Token;
use super::secret::TokenHash;

/// Most tokens of one database, ended ones too. Each takes some 300 bytes; ten for each of 10,000
/// owners.
pub const TOKENS_MAX: u64 = 100_000;

/// How often the use of a token is written down at most: a write for each request would cost more
/// than the request.
pub const TOKEN_USE_EVERY: Duration = Duration::from_hours(1);

/// What is to be done to a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenChange {
    /// Keeps a new one.
    Create(Token),
    /// Ends one; both of its secrets do not count any more.
    Revoke {
        /// Its name or identity.
        which: String,
        /// When.
        at: Timestamp,
    },
    /// Gives one another secret. The secret before counts until a time; the one before that does
    /// not count any more.
    Rotate {
        /// Its name or identity.
        which: String,
        /// The hash of the new secret.
        hash: TokenHash,
        /// Until when the old secret counts.
        previous_until: Timestamp,
        /// When.
        at: Timestamp,
    },
    /// Forgets one, which ends it too.
    Delete {
        /// Its name or identity.
        which: String,
    },
    /// Notes that one was used, unless that was noted within [`TOKEN_USE_EVERY`].
    Use {
        /// Its identity.
        id: Uuid,
        /// When.
        at: Timestamp,
    },
}

/// Why a token is not changed as asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// No token has this name or identity.
    #[error("there is no such token")]
    Unknown,
    /// Another token has the name, maybe an ended one.
    #[error("a token has this name already")]
    NameTaken,
    /// It was revoked, or its time is over.
    #[error("the token has ended")]
    Ended,
    /// As many tokens are kept as may be.
    #[error("{TOKENS_MAX} tokens are kept, which is the most")]
    TooMany,
}

/// What a change comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// It is as asked already.
    Unchanged(Token),
    /// A new token is kept.
    Insert(Token),
    /// A token is kept as it is now.
    Update(Token),
    /// A token is forgotten.
    Remove(Token),
}

impl Decision {
    /// The token that it is about, as it is then.
    pub(crate) fn into_token(self) -> Token {
        match self {
            Self::Unchanged(token)
            | Self::Insert(token)
            | Self::Update(token)
            | Self::Remove(token) => token,
        }
    }
}

impl TokenChange {
    /// The name of the token that it is about, and its identity, as far as it says them. No
    /// identity is a name, so at most one token has either.
    pub(crate) fn subject(&self) -> (Option<&str>, Option<Uuid>) {
        match self {
            Self::Create(token) => (Some(&token.name), None),
            Self::Revoke { which, .. } | Self::Rotate { which, .. } | Self::Delete { which } => {
                (Some(which), Uuid::try_parse(which).ok())
            }
            Self::Use { id, .. } => (None, Some(*id)),
        }
    }

    /// Whether it takes something away that requests could have with the token as it was.
    pub(crate) fn withdraws(&self) -> bool {
        !matches!(self, Self::Create(_) | Self::Use { .. })
    }
}

/// What a change of this token comes to, with so many tokens in the database.
pub(crate) fn decide(
    change: &TokenChange,
    found: Option<Token>,
    count: u64,
) -> Result<Decision, TokenError> {
    if let TokenChange::Create(token) = change {
        return match found {
            // The same request once more, because its answer was lost.
            Some(found) if found.hash.is(&token.hash) => Ok(Decision::Unchanged(found)),
            Some(_) => Err(TokenError::NameTaken),
            None if count >= TOKENS_MAX => Err(TokenError::TooMany),
            None => Ok(Decision::Insert(token.clone())),
        };
    }
    let found = found.ok_or(TokenError::Unknown)?;
    Ok(match change {
        TokenChange::Revoke { .. } if found.revoked_at.is_some() => Decision::Unchanged(found),
        TokenChange::Revoke { at, .. } => {
            Decision::Update(Token { revoked_at: Some(*at), ..found })
        }
        TokenChange::Rotate { hash, .. } if found.hash.is(hash) => Decision::Unchanged(found),
        TokenChange::Rotate { at, .. } if !found.is_live(*at) => return Err(TokenError::Ended),
        TokenChange::Rotate { hash, previous_until, .. } => {
            let previous = Some((found.hash, *previous_until));
            Decision::Update(Token { hash: *hash, previous, ..found })
        }
        TokenChange::Delete { .. } => Decision::Remove(found),
        TokenChange::Use { at, .. } if is_noted(&found, *at) => Decision::Unchanged(found),
        TokenChange::Use { at, .. } => Decision::Update(Token { used_at: Some(*at), ..found }),
        TokenChange::Create(_) => unreachable!("decided above"),
    })
}

/// Whether a use at this time is noted already. A time that is far ahead was noted by a wrong
/// clock.
fn is_noted(token: &Token, at: Timestamp) -> bool {
    token.used_at.is_some_and(|used| {
        let apart = at.as_micros().saturating_sub(used.as_micros()).unsigned_abs();
        u128::from(apart) < TOKEN_USE_EVERY.as_micros()
    })
}

impl Token {
    /// Whether a use at this time is to be noted.
    pub fn use_is_due(&self, at: Timestamp) -> bool {
        !is_noted(self, at)
    }
}
