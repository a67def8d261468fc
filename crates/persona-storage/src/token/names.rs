//! The names of tokens that no person chose: those of one-time links and of the sessions that
//! pages begin with them.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Bytes of the hash of an owner behind the names of the tokens that its clients make: two owners
/// of 10,000 have the same with a probability of one in five million.
const OWNER_BYTES: usize = 6;
/// What the names of links begin with.
const LINK: &str = "studio-link-";
/// What the names of sessions begin with.
const SESSION: &str = "studio-session-";

/// The name of a new link.
pub fn link_name(id: Uuid) -> String {
    format!("{LINK}{:016x}", id.as_u64_pair().1)
}

/// The name of a new session.
pub fn session_name(id: Uuid) -> String {
    format!("{SESSION}{:016x}", id.as_u64_pair().1)
}

/// The name of a token that a client makes which is bound to an owner: with an ending that follows
/// from the owner. Names are unique among all tokens, so without it a name that is taken would tell
/// of the tokens of other owners.
pub(crate) fn name_of_owner(name: &str, owner: &str) -> String {
    let hash = Sha256::digest(owner.as_bytes());
    let digits = hash.iter().take(OWNER_BYTES).map(|byte| format!("{byte:02x}"));
    let ending = format!(".{}", digits.collect::<String>());
    if name.ends_with(&ending) { name.to_owned() } else { format!("{name}{ending}") }
}

/// Whether a token is that of a link, which becomes a session and is gone then.
pub fn is_link_name(name: &str) -> bool {
    name.starts_with(LINK)
}

/// Whether a token is that of a session, which its page may end.
pub fn is_session_name(name: &str) -> bool {
    name.starts_with(SESSION)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{is_link_name, is_session_name, link_name, name_of_owner, session_name};
    use crate::token::is_token_name;

    #[test]
    fn the_names_of_two_owners_never_meet() {
        let of_ada = name_of_owner("ci", "ada");
        assert_eq!(of_ada, "ci.fdee430d40bd");
        assert_eq!(name_of_owner(&of_ada, "ada"), of_ada, "the ending comes once");
        assert_ne!(name_of_owner("ci", "bea"), of_ada);
        assert!(is_token_name(&of_ada));
    }

    #[test]
    fn links_and_sessions_have_names_of_tokens_and_each_its_own() {
        let id = Uuid::from_u128(7);
        let (link, session) = (link_name(id), session_name(id));
        assert!(is_token_name(&link) && is_token_name(&session));
        assert!(is_link_name(&link) && !is_session_name(&link));
        assert!(is_session_name(&session) && !is_link_name(&session));
        assert!(!is_link_name("studio") && !is_session_name("ci"));
    }
}
