//! Whether a request may do what its operation does: the tokens of clients.
//!
//! What lives here: reading the token of a request, and deciding by the table of operations and the
//! store what it permits. What must not: status codes (`problem/`), and how tokens are kept
//! (`persona-storage`).
//!
//! - `permit.rs`: start here; the one check that every request passes, on both ways.
//! - `credential.rs`: the token that a request carries; `cookie.rs`: the one that a browser keeps.
//! - `guess.rs`: secrets that may be guesses, and have a limit before the store is asked;
//!   `known_secrets.rs`: the secrets that are none.
//! - `denial.rs`: why a request is refused.
//! - `identity.rs`: on behalf of which token a request is, which personas there are for it, and the
//!   author of its changes.
//! - `labels.rs`: labels that only some tokens move.
//! - `token_uses.rs`: when tokens were used last.

mod cookie;
mod credential;
mod denial;
mod guess;
mod identity;
mod known_secrets;
mod labels;
mod permit;
mod token_uses;

pub use known_secrets::KnownSecrets;
pub use labels::ProtectedLabels;
pub use permit::AccessRules;
pub use token_uses::TokenUses;

pub(crate) use cookie::set_cookie;
pub(crate) use credential::credentials;
pub(crate) use denial::Denial;
pub(crate) use guess::guess_beyond_budget;
pub(crate) use identity::{Identity, viewer_of};
pub(crate) use permit::{permit, permit_admin, permit_at_once, permit_still, sees_place};
