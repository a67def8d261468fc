//! Access tokens over the API: what `persona token` does with the right to the database, an admin
//! does with a token.
//!
//! Which tokens a client manages is decided by the store, in the transaction of the change
//! (`persona-storage/src/token/authority.rs`). A secret is in the answer that makes it and nowhere
//! else: no log, no other answer, no cache.
//!
//! One file a verb; `answers.rs` has what they share.

mod answers;
mod create_token;
mod list_tokens;
mod revoke_token;
mod rotate_token;

pub(crate) use create_token::create_token;
pub(crate) use list_tokens::list_tokens;
pub(crate) use revoke_token::revoke_token;
pub(crate) use rotate_token::rotate_token;
