//! What is answered where an access token cannot be made or changed as asked.

use persona_model::excerpt;
use persona_storage::TokenError;

use super::{Code, Problem};
use crate::auth::Denial;

impl Problem {
    /// No such token is there for the client.
    pub(crate) fn no_such_token(which: &str) -> Self {
        Self::new(Code::NoSuchToken, format!("there is no token {}", excerpt(which)))
    }

    /// The same problem of the token that a path names.
    pub(crate) fn of_token(self, which: &str) -> Self {
        if self.code() == Code::NoSuchToken { Self::no_such_token(which) } else { self }
    }

    /// The answer to a change of a token that was refused.
    pub(super) fn of_token_error(error: TokenError) -> Self {
        let detail = error.to_string();
        match error {
            TokenError::Unknown => Self::new(Code::NoSuchToken, detail),
            TokenError::NameTaken => Self::new(Code::TokenNameTaken, detail),
            TokenError::TooMany => Self::new(Code::TooManyTokens, detail),
            TokenError::TooManyOfOwner => {
                Self::new(Code::TooManyTokens, detail).hint("revoke those that are not used")
            }
            TokenError::Ended | TokenError::OfPage => Self::new(Code::NotRotated, detail),
            // The next request finds that it needs a token.
            TokenError::NotFirst => {
                Self::new(Code::Busy, "a token was made meanwhile; nothing was changed").retry()
            }
            TokenError::AuthorityEnded => Denial::Revoked.into(),
            TokenError::AuthorityReplaced => Denial::Replaced.into(),
            TokenError::OtherOwner => Self::new(Code::OwnerRefused, detail),
            TokenError::Exceeds => Self::new(Code::RightsExceeded, detail)
                .hint("leave out shared and act_as, or use a token that has them"),
        }
    }
}
