//! The names of tokens that no person chose: those of one-time links and of the sessions that
//! pages begin with them.

use uuid::Uuid;

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

    use super::{is_link_name, is_session_name, link_name, session_name};
    use crate::token::is_token_name;

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
