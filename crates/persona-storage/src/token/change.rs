//! Changes of tokens, decided by one pure function for all backends.

use std::time::Duration;

use persona_model::Timestamp;
use uuid::Uuid;

use super::authority::TokenAuthority;
use super::record::Token;
use super::secret::TokenHash;

/// Most tokens of one database, ended ones too. Each takes some 300 bytes; ten for each of 10,000
/// owners.
pub const TOKENS_MAX: u64 = 100_000;

/// Most tokens of one owner after a creation with a token that is bound to the owner, ended ones
/// too: so one owner leaves room for the others. The operator may make more.
pub const TOKENS_OF_OWNER_MAX: u64 = 1_000;

/// How often the use of a token is written down at most: a write for each request would cost more
/// than the request.
pub const TOKEN_USE_EVERY: Duration = Duration::from_hours(1);

/// A change of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenChange {
    /// Stores a new token.
    Create(Token),
    /// Ends a token; both of its secrets become invalid.
    Revoke {
        /// Its name or identity.
        which: String,
        /// The time of the revocation.
        at: Timestamp,
    },
    /// Gives a token a new secret. The previous secret is valid until a time; the one before that
    /// becomes invalid.
    Rotate {
        /// Its name or identity.
        which: String,
        /// The hash of the new secret.
        hash: TokenHash,
        /// Until when the previous secret is valid.
        previous_until: Timestamp,
        /// The time of the rotation.
        at: Timestamp,
    },
    /// Makes another token of a token that has not ended: with another name, secret and end, and
    /// what it permits. Of several exchanges of one token, one is made.
    Exchange {
        /// Its identity.
        id: Uuid,
        /// The hash of its secret, which becomes invalid.
        from: TokenHash,
        /// The hash of the new secret.
        to: TokenHash,
        /// The new name.
        name: String,
        /// Until when the new secret is valid.
        until: Timestamp,
        /// The time of the exchange.
        at: Timestamp,
    },
    /// Deletes a token, which ends it too.
    Delete {
        /// Its name or identity.
        which: String,
    },
    /// Records that a token was used, unless a use was recorded within [`TOKEN_USE_EVERY`].
    Use {
        /// Its identity.
        id: Uuid,
        /// The time of the use.
        at: Timestamp,
    },
    /// A change on behalf of a client, which is made only as far as the token of the client permits
    /// it. Every other change is one of a program that can open the database.
    OnBehalf {
        /// The client that asks for it.
        authority: TokenAuthority,
        /// The change.
        change: Box<TokenChange>,
    },
}

/// The reason why a change of a token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// No token has this name or identity.
    #[error("there is no such token")]
    Unknown,
    /// Another token has the name, maybe an ended one.
    #[error("a token has this name already")]
    NameTaken,
    /// The token was revoked, or its time is over.
    #[error("the token has ended")]
    Ended,
    /// There are [`TOKENS_MAX`] tokens already.
    #[error("{TOKENS_MAX} tokens are kept, which is the most")]
    TooMany,
    /// There are [`TOKENS_OF_OWNER_MAX`] tokens of the owner of the client, and none has ended.
    #[error("{TOKENS_OF_OWNER_MAX} tokens of this owner count, which is the most")]
    TooManyOfOwner,
    /// The client has no token, and there is one already.
    #[error("there is a token already")]
    NotFirst,
    /// The token of the client has ended, or is gone.
    #[error("the token of the client has ended")]
    AuthorityEnded,
    /// The client has a secret that a rotation of its token has replaced.
    #[error("the secret of the client was replaced by a rotation")]
    AuthorityReplaced,
    /// The new token would have another owner than that of the client, or none.
    #[error("the token of the client is bound to another owner")]
    OtherOwner,
    /// The token permits what that of the client does not.
    #[error("the token permits what that of the client does not")]
    Exceeds,
    /// The token is that of a link or a session: such a secret is for a browser alone.
    #[error("the token is that of a link or a session, which gets no new secret")]
    OfPage,
}

/// The decision on a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// The token is already as wanted.
    Unchanged(Token),
    /// A new token must be stored.
    Insert(Token),
    /// A new token must be stored, and one that has ended be removed.
    Replace {
        /// The new one.
        token: Token,
        /// The identity of the ended one.
        ended: Uuid,
    },
    /// A token must be stored in this new state.
    Update(Token),
    /// A token must be removed.
    Remove(Token),
}

/// The tokens that there are when a change is decided.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// All of them.
    pub all: u64,
    /// Those of the owner in [`TokenChange::share`].
    pub of_owner: u64,
    /// The one of the owner that ended first; may be left out while there is room for another one.
    pub ended: Option<Token>,
}

impl Decision {
    /// The token after the change, or the removed one.
    pub(crate) fn into_token(self) -> Token {
        match self {
            Self::Unchanged(token)
            | Self::Insert(token)
            | Self::Replace { token, .. }
            | Self::Update(token)
            | Self::Remove(token) => token,
        }
    }
}

impl TokenChange {
    /// The name and the identity of the token, as far as the change names them. No identity is a
    /// name, so at most one token has either.
    pub(crate) fn subject(&self) -> (Option<&str>, Option<Uuid>) {
        match self {
            Self::Create(token) => (Some(&token.name), None),
            Self::Revoke { which, .. } | Self::Rotate { which, .. } | Self::Delete { which } => {
                (Some(which), Uuid::try_parse(which).ok())
            }
            Self::Use { id, .. } | Self::Exchange { id, .. } => (None, Some(*id)),
            Self::OnBehalf { change, .. } => change.subject(),
        }
    }

    /// The identity of the token that asks for the change, and the hash of its secret.
    pub(crate) fn authority(&self) -> Option<(Uuid, TokenHash)> {
        match self {
            Self::OnBehalf { authority, .. } => authority.token(),
            _ => None,
        }
    }

    /// The token that the change creates.
    pub(crate) fn created(&self) -> Option<&Token> {
        match self {
            Self::Create(token) => Some(token),
            Self::OnBehalf { change, .. } => change.created(),
            _ => None,
        }
    }

    /// The owner of a token that a client with a token makes, and when: if the client is bound to
    /// the owner, the new token is one of the share of the owner.
    pub(crate) fn share(&self) -> Option<(&str, Timestamp)> {
        self.authority()?;
        let token = self.created()?;
        Some((token.owner.as_deref()?, token.created_at))
    }

    /// Whether the change counts only while there is no token.
    pub(crate) fn must_be_first(&self) -> bool {
        matches!(self, Self::OnBehalf { authority: TokenAuthority::NoToken, .. })
    }

    /// The time of the change.
    pub(super) fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Create(token) => Some(token.created_at),
            Self::Revoke { at, .. }
            | Self::Rotate { at, .. }
            | Self::Exchange { at, .. }
            | Self::Use { at, .. } => Some(*at),
            Self::Delete { .. } => None,
            Self::OnBehalf { change, .. } => change.at(),
        }
    }

    /// Whether the change takes rights away from requests with the token.
    pub(crate) fn withdraws(&self) -> bool {
        match self {
            Self::OnBehalf { change, .. } => change.withdraws(),
            change => !matches!(change, Self::Create(_) | Self::Use { .. }),
        }
    }
}

/// Decides a change of this token; `own` is the token of [`TokenChange::authority`].
pub(crate) fn decide(
    change: &TokenChange,
    found: Option<Token>,
    own: Option<&Token>,
    kept: &Kept,
) -> Result<Decision, TokenError> {
    if let TokenChange::OnBehalf { authority, change } = change {
        authority.permit(own, change, found.as_ref(), kept.all)?;
        let is_bound = own.is_some_and(|own| own.owner.is_some());
        return match decide(change, found, own, kept)? {
            Decision::Insert(token) if is_bound && kept.of_owner >= TOKENS_OF_OWNER_MAX => {
                let ended = kept.ended.as_ref().ok_or(TokenError::TooManyOfOwner)?;
                Ok(Decision::Replace { token, ended: ended.id })
            }
            decision => Ok(decision),
        };
    }
    if let TokenChange::Create(token) = change {
        return match found {
            // The same request once more, because its answer was lost.
            Some(found) if found.hash.is(&token.hash) => Ok(Decision::Unchanged(found)),
            Some(_) => Err(TokenError::NameTaken),
            None if kept.all >= TOKENS_MAX => Err(TokenError::TooMany),
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
        TokenChange::Exchange { to, .. } if found.hash.is(to) => Decision::Unchanged(found),
        TokenChange::Exchange { from, .. } if !found.hash.is(from) => {
            return Err(TokenError::Unknown);
        }
        TokenChange::Exchange { at, .. } if !found.is_live(*at) => return Err(TokenError::Ended),
        TokenChange::Exchange { to, name, until, .. } => Decision::Update(Token {
            hash: *to,
            previous: None,
            name: name.clone(),
            expires_at: Some(*until),
            used_at: None,
            ..found
        }),
        TokenChange::Delete { .. } => Decision::Remove(found),
        TokenChange::Use { at, .. } if is_noted(&found, *at) => Decision::Unchanged(found),
        TokenChange::Use { at, .. } => Decision::Update(Token { used_at: Some(*at), ..found }),
        TokenChange::Create(_) | TokenChange::OnBehalf { .. } => unreachable!("decided above"),
    })
}

/// Decides a change of a token with a damaged row, of which only `remains` can be read; `own` is
/// the token of [`TokenChange::authority`].
///
/// A revocation and a deletion remove the row: it cannot be written again, because nothing in it is
/// believed. The result is the removed token; `None` for a change that only a sound row can decide.
pub(crate) fn decide_damaged(
    change: &TokenChange,
    remains: Token,
    own: Option<&Token>,
    kept: &Kept,
) -> Option<Result<Token, TokenError>> {
    match change {
        TokenChange::OnBehalf { authority, change } => {
            // A client that is bound to an owner ends no token of which the owner is not known.
            let is_bound = own.is_some_and(|own| own.owner.is_some());
            let found = (!is_bound).then_some(&remains);
            match authority.permit(own, change, found, kept.all) {
                Ok(()) => decide_damaged(change, remains, own, kept),
                Err(error) => Some(Err(error)),
            }
        }
        TokenChange::Create(_) => Some(Err(TokenError::NameTaken)),
        TokenChange::Revoke { at, .. } => {
            Some(Ok(Token { revoked_at: remains.revoked_at.or(Some(*at)), ..remains }))
        }
        TokenChange::Delete { .. } => Some(Ok(remains)),
        TokenChange::Rotate { .. } | TokenChange::Exchange { .. } | TokenChange::Use { .. } => None,
    }
}

/// Whether a use at this time is recorded already. A recorded time far in the future came from a
/// wrong clock and does not count.
fn is_noted(token: &Token, at: Timestamp) -> bool {
    token.used_at.is_some_and(|used| {
        let apart = at.as_micros().saturating_sub(used.as_micros()).unsigned_abs();
        u128::from(apart) < TOKEN_USE_EVERY.as_micros()
    })
}

impl Token {
    /// When it ended, if it had at this time.
    pub(crate) fn ended_at(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = [self.revoked_at, self.expires_at.filter(|end| *end <= now)];
        ends.into_iter().flatten().min()
    }

    /// Whether a use at this time must be recorded.
    pub fn use_is_due(&self, at: Timestamp) -> bool {
        !is_noted(self, at)
    }
}
