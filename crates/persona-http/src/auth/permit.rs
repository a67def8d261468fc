//! The one check that every request passes: what its operation needs, by the table of operations,
//! and what its token permits, by the store.
//!
//! The check has two forms, because plain reads are answered without waiting (`plain_reads.rs`):
//! both ask the same question and judge the same answer.

use http::HeaderMap;
use persona_storage::{Error, TokenHash, TokenLook, TokenScope, TokenState, Viewer};

use super::Denial;
use super::credential::hash_in;
use super::identity::{Identity, Permit};
use crate::Context;
use crate::contract::{OperationId, Scope, StoreUse, Tag};
use crate::problem::Problem;

/// Which requests need a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessRules {
    /// None: the router is that of a command, run by a user that can open the database anyway.
    Trusted,
    /// Those of clients.
    Clients {
        /// Whether requests need no token as long as the store has none, not even an ended one.
        open_without_tokens: bool,
        /// Whether the state of the server and its metrics need none in any case.
        open_monitoring: bool,
    },
}

/// What has to be known of a request's token.
struct Question {
    needed: TokenScope,
    /// Whether the operation tells of the whole server, and so of the personas of all owners.
    is_of_server: bool,
    /// Whether the operation never asks the store.
    is_without_store: bool,
    /// The token, or why there is none that could be asked for.
    hash: Result<TokenHash, Denial>,
}

impl Question {
    /// `None` where the request needs no token.
    fn of(rules: AccessRules, headers: &HeaderMap, operation: OperationId) -> Option<Self> {
        let AccessRules::Clients { open_monitoring, .. } = rules else { return None };
        let row = operation.row();
        let needed = match row.scope {
            Scope::Open => return None,
            Scope::Read if open_monitoring && row.tag == Tag::Server => return None,
            Scope::Read => TokenScope::Read,
            Scope::Write => TokenScope::Write,
            Scope::Admin => TokenScope::Admin,
        };
        let is_without_store = row.store == StoreUse::None;
        let is_of_server = row.tag == Tag::Server;
        Some(Self { needed, is_of_server, is_without_store, hash: hash_in(headers) })
    }

    fn judge(self, context: &Context, look: Result<TokenLook, Error>) -> Result<Permit, Problem> {
        let look = match look {
            // The metrics are wanted most while the database is away, and have no persona in them.
            // Only of a server that would be open without a token.
            Err(_) if self.is_without_store && is_open(context.access) => {
                return Ok(Permit::without_token());
            }
            look => look?,
        };
        if look == TokenLook::NoneKept && is_open(context.access) {
            return Ok(Permit::without_token());
        }
        let hash = self.hash?;
        let TokenLook::Known(token) = look else { return Err(Denial::Unknown.into()) };
        let now = context.clock.now();
        match token.state_of(&hash, now) {
            TokenState::Live => {}
            TokenState::Expired => return Err(Denial::Expired.into()),
            TokenState::Revoked => return Err(Denial::Revoked.into()),
            TokenState::Foreign => return Err(Denial::Unknown.into()),
        }
        // A token that is bound to what no owner can be called permits nothing.
        let viewer = Viewer::of(&token).ok_or(Denial::Unknown)?;
        if token.scope < self.needed {
            return Err(Denial::Scope { needed: self.needed, has: token.scope }.into());
        }
        if viewer.is_bound() && self.is_of_server {
            return Err(Denial::Bound.into());
        }
        context.token_uses.note(&context.store, &token, now);
        Ok(Permit { identity: Some(Identity(token)), viewer })
    }
}

fn is_open(rules: AccessRules) -> bool {
    matches!(rules, AccessRules::Trusted | AccessRules::Clients { open_without_tokens: true, .. })
}

/// Whether a request may do this, and on behalf of which token.
///
/// # Errors
///
/// The problem that it is answered.
pub(crate) async fn permit(
    context: &Context,
    headers: &HeaderMap,
    operation: Option<OperationId>,
) -> Result<Permit, Problem> {
    // A path or a method that is not there tells nothing but what the API is.
    let Some(operation) = operation else { return Ok(Permit::without_token()) };
    let Some(question) = Question::of(context.access, headers, operation) else {
        return Ok(Permit::without_token());
    };
    let hash = match &question.hash {
        Ok(hash) => Some(*hash),
        Err(_) if is_open(context.access) => None,
        Err(denial) => return Err(denial.clone().into()),
    };
    let look = match context.store.token_at_once(hash.as_ref()) {
        Some(look) => look,
        None => context.store.token(hash.as_ref()).await,
    };
    question.judge(context, look)
}

/// What a request that may do this is permitted, where that is known without waiting. `None` where
/// it is not, and for every refusal: then [`permit`] tells.
pub(crate) fn permit_at_once(
    context: &Context,
    headers: &HeaderMap,
    operation: OperationId,
) -> Option<Permit> {
    let Some(question) = Question::of(context.access, headers, operation) else {
        return Some(Permit::without_token());
    };
    let hash = match &question.hash {
        Ok(hash) => Some(*hash),
        Err(_) if is_open(context.access) => None,
        Err(_) => return None,
    };
    let look = context.store.token_at_once(hash.as_ref())?;
    question.judge(context, look).ok()
}
