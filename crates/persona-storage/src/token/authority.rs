//! The token that asks for a change of tokens, and which changes it permits.
//!
//! A client manages the tokens that reach no further than its own: those of its owner if it is
//! bound to one, and none that permits what its own does not. Everything is decided with the rows
//! as they are in the transaction of the change. So a token that has ended makes no other, however
//! early its request was let in, and neither does one with a secret that a rotation has replaced.

use uuid::Uuid;

use super::change::{TokenChange, TokenError};
use super::names::{is_link_name, is_session_name};
use super::record::Token;
use super::secret::TokenHash;

/// The token that asks for the change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenAuthority {
    /// On behalf of a client without a token, which can make the first token of a database.
    NoToken,
    /// On behalf of a client with a token.
    Token {
        /// The identity of the token.
        id: Uuid,
        /// The hash of the secret that the client has: the newest one, or the one before.
        secret: TokenHash,
    },
}

impl TokenAuthority {
    /// The identity of the token, and the hash of the secret.
    pub(crate) const fn token(self) -> Option<(Uuid, TokenHash)> {
        match self {
            Self::NoToken => None,
            Self::Token { id, secret } => Some((id, secret)),
        }
    }

    /// Whether a change is permitted. `own` is the token of the client as it is now, `found` the
    /// token that the change is about, and `count` the number of tokens in the database.
    pub(super) fn permit(
        self,
        own: Option<&Token>,
        change: &TokenChange,
        found: Option<&Token>,
        count: u64,
    ) -> Result<(), TokenError> {
        match (self, own) {
            (Self::NoToken, _) if count == 0 || is_repeated(change, found, count) => Ok(()),
            (Self::NoToken, _) => Err(TokenError::NotFirst),
            (Self::Token { .. }, None) => Err(TokenError::AuthorityEnded),
            (Self::Token { secret, .. }, Some(own)) if !own.hash.is(&secret) => {
                permit_replaced(own, change, found)
            }
            (Self::Token { .. }, Some(own)) => permit_with(own, change, found),
        }
    }
}

/// Whether the change is the creation of the only token once more.
fn is_repeated(change: &TokenChange, found: Option<&Token>, count: u64) -> bool {
    match (change, found) {
        (TokenChange::Create(token), Some(found)) => count == 1 && found.hash.is(&token.hash),
        _ => false,
    }
}

/// With a secret that a rotation has replaced a client changes no token. In its grace time such a
/// secret still reads and writes personas; but a thief with it would end the time by a rotation of
/// its own, or make a token that outlives it.
fn permit_replaced(
    own: &Token,
    change: &TokenChange,
    found: Option<&Token>,
) -> Result<(), TokenError> {
    // A repetition of the own rotation finds that its new secret is kept already.
    let is_own_rotation = matches!(change, TokenChange::Rotate { hash, .. } if own.hash.is(hash))
        && found.is_some_and(|found| found.id == own.id);
    if is_own_rotation { Ok(()) } else { Err(TokenError::AuthorityReplaced) }
}

fn permit_with(own: &Token, change: &TokenChange, found: Option<&Token>) -> Result<(), TokenError> {
    // A repetition of the own revocation finds the own token revoked.
    let ends_itself = matches!(change, TokenChange::Revoke { .. })
        && found.is_some_and(|found| found.id == own.id);
    if ends_itself {
        return Ok(());
    }
    if change.at().is_some_and(|at| !own.is_live(at)) {
        return Err(TokenError::AuthorityEnded);
    }
    if let TokenChange::Create(token) = change {
        return if reaches(own, token) { within(own, token) } else { Err(TokenError::OtherOwner) };
    }
    // A token of another owner is answered like one that never was.
    let found = found.filter(|found| reaches(own, found)).ok_or(TokenError::Unknown)?;
    match change {
        TokenChange::Rotate { .. } if is_of_page(found) => Err(TokenError::OfPage),
        TokenChange::Rotate { .. } => within(own, found),
        _ => Ok(()),
    }
}

/// Whether a client with this token may know of the other one.
fn reaches(own: &Token, other: &Token) -> bool {
    own.owner.is_none() || own.owner == other.owner
}

/// Refuses a token that permits what the own one does not. A client with its secret would have
/// these rights.
fn within(own: &Token, other: &Token) -> Result<(), TokenError> {
    let reads_more = own.owner.is_some() && other.shared && !own.shared;
    if other.scope > own.scope || reads_more || (other.act_as && !own.act_as) {
        return Err(TokenError::Exceeds);
    }
    Ok(())
}

/// Whether no person and no script ever sees the secret of the token.
fn is_of_page(token: &Token) -> bool {
    is_link_name(&token.name) || is_session_name(&token.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use persona_model::Timestamp;

    use super::TokenAuthority;
    use crate::token::{Decision, Kept, TOKENS_OF_OWNER_MAX, decide};
    use crate::{Token, TokenChange, TokenError, TokenHash, TokenScope, Viewer};

    const NOW: Timestamp = Timestamp::from_micros(7);

    /// Every token that differs in its rights.
    fn tokens() -> Vec<Token> {
        let mut tokens = Vec::new();
        for scope in TokenScope::ALL {
            for owner in [None, Some("ada"), Some("bea")] {
                for (shared, act_as) in [(false, false), (false, true), (true, false), (true, true)]
                {
                    let number = u8::try_from(tokens.len() + 1).expect("few");
                    let hash = TokenHash::from_bytes([number; 32]);
                    let token = Token::new(format!("t{number}"), hash, scope, NOW);
                    let owner = owner.map(str::to_owned);
                    let token = token.expect("random numbers");
                    tokens.push(Token { act_as, owner, shared, ..token });
                }
            }
        }
        tokens
    }

    /// What a request with a token can do: each act on personas of each owner, what concerns the
    /// whole server, and naming an author.
    fn powers(token: &Token) -> BTreeSet<(&'static str, &'static str)> {
        let viewer = Viewer::of(token, &token.hash).expect("an owner");
        let mut powers = BTreeSet::new();
        for owner in ["", "ada", "bea", "cleo"] {
            let acts = [("read", TokenScope::Read), ("write", TokenScope::Write)];
            for (act, needed) in acts.into_iter().chain([("administer", TokenScope::Admin)]) {
                let reaches = if act == "read" {
                    viewer.reach().sees(owner)
                } else {
                    viewer.reach().changes(owner)
                };
                if reaches && token.scope >= needed {
                    powers.insert((act, owner));
                }
            }
        }
        powers.extend((!viewer.is_bound()).then_some(("read", "the server")));
        powers.extend(token.act_as.then_some(("name", "an author")));
        powers
    }

    #[test]
    fn a_token_makes_and_rotates_exactly_those_that_can_do_no_more_than_itself() {
        let (mut permitted, mut refused) = (0, 0);
        for own in tokens() {
            for other in tokens() {
                let authority = TokenAuthority::Token { id: own.id, secret: own.hash };
                let decided = |change, found: Option<Token>| {
                    let change = TokenChange::OnBehalf { authority, change: Box::new(change) };
                    decide(&change, found, Some(&own), &kept(2))
                };
                let hash = TokenHash::from_bytes([0; 32]);
                let (which, at) = (other.name.clone(), NOW);
                let rotation =
                    TokenChange::Rotate { which: which.clone(), hash, previous_until: at, at };
                let made = decided(TokenChange::Create(other.clone()), None);
                let rotated = decided(rotation, Some(other.clone()));
                let ended = decided(TokenChange::Revoke { which, at }, Some(other.clone()));
                let is_within = powers(&other).is_subset(&powers(&own));
                assert_eq!(made.is_ok(), is_within, "{own:?} {other:?}");
                assert_eq!(rotated.is_ok(), is_within, "{own:?} {other:?}");
                let is_hidden = own.owner.is_some() && own.owner != other.owner;
                assert_eq!(ended == Err(TokenError::Unknown), is_hidden, "{own:?} {other:?}");
                assert_eq!(rotated == Err(TokenError::Unknown), is_hidden, "{own:?} {other:?}");
                if is_within { permitted += 1 } else { refused += 1 }
            }
        }
        assert!(permitted > 100 && refused > 100, "{permitted} {refused}");
    }

    fn kept(all: u64) -> Kept {
        Kept { all, ..Kept::default() }
    }

    #[test]
    fn a_bound_token_makes_no_more_than_the_share_of_its_owner_and_others_do() {
        let token = |name: &str, number: u8, owner: Option<&str>| {
            let hash = TokenHash::from_bytes([number; 32]);
            let token = Token::new(name.into(), hash, TokenScope::Admin, NOW);
            Token { owner: owner.map(str::to_owned), ..token.expect("random numbers") }
        };
        let new = token("new", 1, Some("ada"));
        let ended = Token { revoked_at: Some(NOW), ..token("ended", 2, Some("ada")) };
        let made = |own: &Token, of_owner: u64, ended: Option<&Token>| {
            let authority = TokenAuthority::Token { id: own.id, secret: own.hash };
            let change = Box::new(TokenChange::Create(new.clone()));
            let change = TokenChange::OnBehalf { authority, change };
            let kept = Kept { all: of_owner + 1, of_owner, ended: ended.cloned() };
            decide(&change, None, Some(own), &kept)
        };
        let (bound, other) = (token("ada", 3, Some("ada")), token("operator", 4, None));
        let insert = Ok(Decision::Insert(new.clone()));
        assert_eq!(made(&bound, TOKENS_OF_OWNER_MAX - 1, Some(&ended)), insert);
        let replace = Decision::Replace { token: new.clone(), ended: ended.id };
        assert_eq!(made(&bound, TOKENS_OF_OWNER_MAX, Some(&ended)), Ok(replace));
        let refused = Err(TokenError::TooManyOfOwner);
        assert_eq!(made(&bound, TOKENS_OF_OWNER_MAX, None), refused);
        assert_eq!(made(&other, TOKENS_OF_OWNER_MAX, Some(&ended)), insert);
    }

    #[test]
    fn without_a_token_a_client_makes_the_first_one() {
        let token = Token::new("a".into(), TokenHash::from_bytes([1; 32]), TokenScope::Admin, NOW);
        let token = token.expect("random numbers");
        let change = Box::new(TokenChange::Create(token.clone()));
        let change = TokenChange::OnBehalf { authority: TokenAuthority::NoToken, change };
        assert_eq!(decide(&change, None, None, &kept(0)), Ok(Decision::Insert(token.clone())));
        assert_eq!(decide(&change, None, None, &kept(1)), Err(TokenError::NotFirst));
        let again = decide(&change, Some(token.clone()), None, &kept(1));
        assert_eq!(again, Ok(Decision::Unchanged(token)));
    }
}
