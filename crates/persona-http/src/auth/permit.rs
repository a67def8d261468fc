//! The one check that every request passes: the table of operations says what the operation needs,
//! and the store says what the token permits.
//!
//! The check has two forms, because plain reads are answered without waiting (`plain_reads.rs`).
//! Both forms ask the store the same question and judge its answer by the same code.

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap};
use persona_storage::{
    Error, TokenHash, TokenLook, TokenScope, TokenState, Viewer, is_link_name, is_session_name,
};

use super::Denial;
use super::credential::hash_in;
use super::identity::{Identity, Permit};
use crate::Context;
use crate::contract::{OperationId, Scope, Tag};
use crate::problem::Problem;

/// Which requests need a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessRules {
    /// No request: the router belongs to a command, and the user of the command can open the
    /// database anyway.
    Trusted,
    /// Requests of clients, with two exceptions.
    Clients {
        /// Whether requests need no token as long as the store has none, not even an ended one.
        open_without_tokens: bool,
        /// Whether the state of the server and its metrics never need a token.
        open_monitoring: bool,
    },
}

/// What the check has to find out about the token of a request.
struct Question {
    operation: OperationId,
    needed: TokenScope,
    /// Whether the secret is in the cookie, where only sessions count.
    is_in_cookie: bool,
    /// The hash of the token, or the reason why the request has no token to look up.
    hash: Result<TokenHash, Denial>,
}

impl Question {
    /// `None` where the request needs no token.
    fn of(rules: AccessRules, headers: &HeaderMap, operation: OperationId) -> Option<Self> {
        let AccessRules::Clients { open_monitoring, .. } = rules else { return None };
        let row = operation.row();
        let needed = match row.scope {
            Scope::Open => return None,
            Scope::Read if open_monitoring && is_monitoring(operation) => return None,
            Scope::Read => TokenScope::Read,
            Scope::Write => TokenScope::Write,
            Scope::Admin => TokenScope::Admin,
        };
        let is_in_cookie = !headers.contains_key(AUTHORIZATION);
        Some(Self { operation, needed, is_in_cookie, hash: hash_in(headers) })
    }

    fn judge(self, context: &Context, look: Result<TokenLook, Error>) -> Result<Permit, Problem> {
        let row = self.operation.row();
        let look = match look {
            // A damaged row is that of a token, so there is one: the server is not open.
            Err(Error::Damaged(damage)) => return Err(Error::Damaged(damage).into()),
            // The metrics are needed most while the database cannot be reached, and contain no
            // persona. So they are shown then, if this server can be open without tokens.
            Err(_) if self.operation == OperationId::GetMetrics && is_open(context.access) => {
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
        let state = token.state_of(&hash, now);
        if state != TokenState::Live {
            context.known_secrets.forget(&hash);
        }
        match state {
            TokenState::Live => context.known_secrets.note(&hash),
            TokenState::Expired => return Err(Denial::Expired.into()),
            TokenState::Revoked => return Err(Denial::Revoked.into()),
            TokenState::Foreign => return Err(Denial::Unknown.into()),
        }
        if self.is_in_cookie && !is_session_name(&token.name) {
            return Err(Denial::Unknown.into());
        }
        if is_link_name(&token.name) && self.operation != OperationId::CreateSession {
            return Err(Denial::Link.into());
        }
        // A token that is bound to a text that is no valid owner permits nothing.
        let viewer = Viewer::of(&token, &hash).ok_or(Denial::Unknown)?;
        if token.scope < self.needed {
            return Err(Denial::Scope { needed: self.needed, has: token.scope }.into());
        }
        // A token that is bound to an owner must not see the whole server.
        if viewer.is_bound() && row.tag == Tag::Server {
            return Err(Denial::Bound.into());
        }
        context.token_uses.note(&context.store, &token, now);
        Ok(Permit { identity: Some(Identity(token)), viewer })
    }
}

/// Whether a setting can open this operation to monitors.
fn is_monitoring(operation: OperationId) -> bool {
    matches!(operation, OperationId::GetStatus | OperationId::GetMetrics)
}

/// Whether requests need no token at the moment, as far as that is known without waiting.
pub(super) fn needs_none_now(context: &Context) -> bool {
    is_open(context.access)
        && matches!(context.store.token_at_once(None), Some(Ok(TokenLook::NoneKept)))
}

fn is_open(rules: AccessRules) -> bool {
    matches!(rules, AccessRules::Trusted | AccessRules::Clients { open_without_tokens: true, .. })
}

/// Checks whether a request may use this operation.
///
/// # Errors
///
/// The problem with which the request is refused.
pub(crate) async fn permit(
    context: &Context,
    headers: &HeaderMap,
    operation: Option<OperationId>,
) -> Result<Permit, Problem> {
    // A request for an unknown path or method reveals nothing but the API itself.
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

/// Checks once more whether a request is let in, after a wait for its client: its token may have
/// ended meanwhile. What a token permits besides does not change.
///
/// # Errors
///
/// The problem with which the request is refused.
pub(crate) async fn permit_still(context: &Context, headers: &HeaderMap) -> Result<(), Problem> {
    // Every token that counts may ask about itself.
    permit(context, headers, Some(OperationId::GetSession)).await.map(drop)
}

/// Checks whether a request may do the part of its operation for which only a token of the scope
/// admin counts. A request that needs no token may: it may do everything else too.
///
/// # Errors
///
/// The scope of its token is too small.
pub(crate) fn permit_admin(identity: Option<&Identity>) -> Result<(), Denial> {
    match identity {
        Some(Identity(token)) if token.scope < TokenScope::Admin => {
            Err(Denial::Scope { needed: TokenScope::Admin, has: token.scope })
        }
        _ => Ok(()),
    }
}

/// Whether a permitted request may learn where the database is. Hosts are of use to an attacker,
/// and to no client but one with the scope admin. A request without a token may where it may do
/// everything; it may not where a setting opens the operation to monitors.
pub(crate) fn sees_place(
    access: AccessRules,
    extensions: &Extensions,
    operation: OperationId,
) -> bool {
    match (extensions.get(), access) {
        (Some(Identity(token)), _) => token.scope >= TokenScope::Admin,
        (None, AccessRules::Trusted) => true,
        (None, AccessRules::Clients { open_monitoring, .. }) => {
            !(open_monitoring && is_monitoring(operation))
        }
    }
}

/// The permit of a request, where the check needs no waiting. `None` where it would have to wait,
/// and for every refusal; the caller then asks [`permit`].
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
    // A secret that may be a guess is looked for once, by [`permit`], behind the limit of guesses;
    // where there is none, at once.
    let is_known = !context.rates.is_limited()
        || hash.as_ref().is_none_or(|hash| context.known_secrets.has(hash));
    if !is_known && !needs_none_now(context) {
        return None;
    }
    let look = context.store.token_at_once(hash.as_ref())?;
    question.judge(context, look).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderMap;
    use persona_storage::Error;

    use super::{AccessRules, permit};
    use crate::Context;
    use crate::contract::{OperationId, Scope};
    use crate::openapi::failing::Failing;
    use crate::testing::context;

    #[tokio::test]
    async fn beside_a_damaged_token_not_even_metrics_are_shown() {
        let store = Arc::new(Failing(|| Error::Damaged("the row of a token".into())));
        let access = AccessRules::Clients { open_without_tokens: true, open_monitoring: false };
        let context = Context { access, ..context(store) };
        for operation in OperationId::ALL.iter().filter(|id| id.row().scope != Scope::Open) {
            let permitted = permit(&context, &HeaderMap::new(), Some(*operation)).await;
            permitted.expect_err("the server has a token");
        }
    }

    #[tokio::test]
    async fn while_the_tokens_cannot_be_read_only_metrics_are_shown_without_one() {
        let store = Arc::new(Failing(|| Error::Closed("the database is gone")));
        let access = AccessRules::Clients { open_without_tokens: true, open_monitoring: false };
        let context = Context { access, ..context(store) };
        let mut shown = Vec::new();
        for operation in OperationId::ALL.iter().filter(|id| id.row().scope != Scope::Open) {
            if permit(&context, &HeaderMap::new(), Some(*operation)).await.is_ok() {
                shown.push(*operation);
            }
        }
        assert_eq!(shown, [OperationId::GetMetrics]);
        let access = AccessRules::Clients { open_without_tokens: false, open_monitoring: false };
        let context = Context { access, ..context };
        permit(&context, &HeaderMap::new(), Some(OperationId::GetMetrics))
            .await
            .expect_err("this server always asks for a token");
    }
}
