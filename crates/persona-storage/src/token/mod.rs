//! Access tokens: the text of a secret, the stored record, and its changes.
//!
//! What lives here: pure rules, the same for all backends. What must not: SQL, which is in
//! `sqlite/tables/tokens.rs` and `postgres/tokens.rs`, and what a token permits, which is in
//! `persona-http`.
//!
//! - `secret.rs`: the text that a client sends, and its hash.
//! - `record.rs`: a token as it is kept.
//! - `names.rs`: the names of tokens that no person chose.
//! - `change.rs`: what can be done to a token, and what that comes to.
//! - `authority.rs`: which of it a client may do.
//! - `list.rs`: which tokens a list has.

mod authority;
mod change;
mod list;
mod names;
mod record;
mod secret;

pub use authority::TokenAuthority;
pub(crate) use change::{Decision, Kept, decide, decide_damaged};
pub use change::{TOKEN_USE_EVERY, TOKENS_MAX, TOKENS_OF_OWNER_MAX, TokenChange, TokenError};
pub use list::TokenPage;
pub(crate) use names::name_of_owner;
pub use names::{is_link_name, is_session_name, link_name, session_name};
pub use record::{TOKEN_NAME_CHARS_MAX, Token, TokenLook, TokenScope, TokenState, is_token_name};
pub use secret::{BadSecret, TokenHash, TokenSecret, hide_token_secrets};
