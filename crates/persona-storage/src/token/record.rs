//! A token as it is stored.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use persona_model::{Timestamp, UnknownWord};
use uuid::Uuid;

use super::secret::TokenHash;

/// Most characters of the name of a token: it is the author of changes, which may have 128.
pub const TOKEN_NAME_CHARS_MAX: usize = 64;

/// A token. Its secret is not part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Its identity, which stays through rotations.
    pub id: Uuid,
    /// Its name, unique among all tokens, ended ones too.
    pub name: String,
    /// The hash of its secret.
    pub hash: TokenHash,
    /// The secret before the last rotation, and until when it counts.
    pub previous: Option<(TokenHash, Timestamp)>,
    /// The scope.
    pub scope: TokenScope,
    /// Whether a request with it may name another author.
    pub act_as: bool,
    /// The owner that the token is bound to.
    pub owner: Option<String>,
    /// Whether the token can also read personas without an owner.
    pub shared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the token expires.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// About when it was used last, to the hour.
    pub used_at: Option<Timestamp>,
}

/// The scope of a token; each includes the previous one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TokenScope {
    /// To read.
    Read,
    /// To change personas too.
    Write,
    /// Everything.
    Admin,
}

/// Whether a secret is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenState {
    /// The secret is valid.
    Live,
    /// The token, or the previous secret, has expired.
    Expired,
    /// The token was revoked.
    Revoked,
    /// The secret belongs to another token.
    Foreign,
}

/// The result of a look for the token of a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenLook {
    /// There is no token at all, not even an ended one.
    NoneKept,
    /// No token has this secret.
    Unknown,
    /// The token, which may have ended.
    Known(Arc<Token>),
}

impl Token {
    /// A new token without an owner and without an end, with a random identity.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn new(
        name: String,
        hash: TokenHash,
        scope: TokenScope,
        created_at: Timestamp,
    ) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self {
            id: uuid::Builder::from_random_bytes(bytes).into_uuid(),
            name,
            hash,
            previous: None,
            scope,
            act_as: false,
            owner: None,
            shared: false,
            created_at,
            expires_at: None,
            revoked_at: None,
            used_at: None,
        })
    }

    /// The state of a secret with this hash at this time.
    pub fn state_of(&self, hash: &TokenHash, now: Timestamp) -> TokenState {
        let is_over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        let previous_end =
            self.previous.as_ref().filter(|(previous, _)| previous.is(hash)).map(|(_, end)| *end);
        if !self.hash.is(hash) && previous_end.is_none() {
            TokenState::Foreign
        } else if self.revoked_at.is_some() {
            TokenState::Revoked
        } else if is_over(self.expires_at) || (!self.hash.is(hash) && is_over(previous_end)) {
            TokenState::Expired
        } else {
            TokenState::Live
        }
    }

    /// Whether the newest secret is valid at this time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.state_of(&self.hash, now) == TokenState::Live
    }

    /// The CRC-32 of the stored token: it detects damage, and is no protection against forgery.
    pub(crate) fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        let time = |time: Option<Timestamp>| time.map_or(i64::MIN, Timestamp::as_micros);
        hasher.update(self.id.as_bytes());
        hasher.update(self.hash.as_bytes());
        if let Some((hash, _)) = &self.previous {
            hasher.update(hash.as_bytes());
        }
        for text in [&*self.name, self.scope.as_str(), self.owner.as_deref().unwrap_or_default()] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        let flags = [self.act_as, self.shared, self.owner.is_some(), self.previous.is_some()];
        hasher.update(&flags.map(u8::from));
        let times = [
            self.previous.as_ref().map(|(_, until)| *until),
            Some(self.created_at),
            self.expires_at,
            self.revoked_at,
            self.used_at,
        ];
        for at in times {
            hasher.update(&time(at).to_le_bytes());
        }
        hasher.finalize()
    }
}

/// Whether a text can be the name of a token: letters, digits, `.`, `_` and `-`, a letter or digit
/// first. The identity of a token is no name, so that either names one token.
pub fn is_token_name(text: &str) -> bool {
    (1..=TOKEN_NAME_CHARS_MAX).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && Uuid::try_parse(text).is_err()
}

impl TokenScope {
    /// Every scope, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Its word on the command line, in answers and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for TokenScope {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word).ok_or(UnknownWord)
    }
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;
    use uuid::Uuid;

    use super::{Token, TokenScope, TokenState, is_token_name};
    use crate::token::TokenHash;

    const NOW: Timestamp = Timestamp::from_micros(1_000);

    fn token() -> Token {
        Token {
            id: Uuid::from_u128(1),
            name: "ci".into(),
            hash: TokenHash::from_bytes([1; 32]),
            previous: None,
            scope: TokenScope::Write,
            act_as: false,
            owner: None,
            shared: false,
            created_at: Timestamp::from_micros(0),
            expires_at: None,
            revoked_at: None,
            used_at: None,
        }
    }

    #[test]
    fn a_secret_counts_until_its_end_and_no_longer() {
        use TokenState::{Expired, Foreign, Live, Revoked};

        let [own, previous, foreign] = [1, 2, 3].map(|byte| TokenHash::from_bytes([byte; 32]));
        let later = Timestamp::from_micros(1_001);
        let state = |token: &Token| [own, previous, foreign].map(|hash| token.state_of(&hash, NOW));
        assert_eq!(state(&token()), [Live, Foreign, Foreign]);
        let rotated = Token { previous: Some((previous, later)), ..token() };
        assert_eq!(state(&rotated), [Live, Live, Foreign]);
        let over = Token { previous: Some((previous, NOW)), ..token() };
        assert_eq!(state(&over), [Live, Expired, Foreign]);
        let expired = Token { expires_at: Some(NOW), ..rotated.clone() };
        assert_eq!(state(&expired), [Expired, Expired, Foreign]);
        let revoked = Token { revoked_at: Some(later), ..rotated };
        assert_eq!(state(&revoked), [Revoked, Revoked, Foreign]);
        assert!(token().is_live(NOW) && !expired.is_live(NOW));
    }

    #[test]
    fn everything_that_is_kept_of_a_token_is_in_its_checksum() {
        let time = Some(NOW);
        let hash = TokenHash::from_bytes([9; 32]);
        let others = [
            Token { id: Uuid::from_u128(2), ..token() },
            Token { name: "cj".into(), ..token() },
            Token { hash, ..token() },
            Token { previous: Some((hash, NOW)), ..token() },
            Token { previous: Some((hash, Timestamp::from_micros(1))), ..token() },
            Token { scope: TokenScope::Admin, ..token() },
            Token { act_as: true, ..token() },
            Token { owner: Some(String::new()), ..token() },
            Token { owner: Some("ada".into()), ..token() },
            Token { shared: true, ..token() },
            Token { created_at: NOW, ..token() },
            Token { expires_at: time, ..token() },
            Token { revoked_at: time, ..token() },
            Token { used_at: time, ..token() },
        ];
        let mut sums: Vec<u32> = others.iter().map(Token::checksum).collect();
        sums.push(token().checksum());
        let count = sums.len();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), count);
    }

    #[test]
    fn a_name_is_a_plain_word_and_no_identity() {
        for name in ["ci", "CI-2", "ada.lovelace", "0"] {
            assert!(is_token_name(name), "{name}");
        }
        let long = "a".repeat(65);
        let id = Uuid::from_u128(1).to_string();
        for other in ["", "-ci", "a b", "ä", "a/b", "a\n", &long, &id, &id.replace('-', "")] {
            assert!(!is_token_name(other), "{other}");
        }
    }
}
