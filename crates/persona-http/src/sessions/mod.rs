//! Sessions: a page in a browser uses the API, and none of its scripts knows a token.
//!
//! A one-time link has a token in its fragment. Browsers do not send the fragment of an address,
//! so the token is in no log. The page exchanges the token for another one, which is in a cookie.
//! Both are ordinary tokens with names of a special form ([`persona_storage::link_name`],
//! [`persona_storage::session_name`]): they are in the list of tokens, they expire, and a
//! revocation counts on all workers at once.
//!
//! One file for each method of `/api/v1/session`.

mod create_session;
mod delete_session;
mod get_session;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use persona_storage::{Error, Token, TokenChange, TokenError, is_session_name};

pub(crate) use create_session::create_session;
pub(crate) use delete_session::delete_session;
pub(crate) use get_session::get_session;

use crate::Context;
use crate::auth::Denial;
use crate::contract::Time;
use crate::contract::session::{Session, SessionScope};
use crate::problem::{Code, Problem};

/// The answer that says what a token permits. A request that needs no token may do everything.
fn told(context: &Context, token: Option<&Token>) -> Response {
    let body = Session {
        name: token.map(|token| token.name.clone()),
        scope: token.map_or(SessionScope::Admin, |token| token.scope.into()),
        owner: token.and_then(|token| token.owner.clone()),
        shared: token.is_some_and(|token| token.shared),
        act_as: token.is_none_or(|token| token.act_as),
        expires_at: token.and_then(|token| token.expires_at).map(Time),
        is_session: token.is_some_and(|token| is_session_name(&token.name)),
        protected_labels: context.protected_labels.words(),
    };
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Changes a token. A link that was used already is answered like a token that is not known.
async fn change(context: &Context, change: TokenChange) -> Result<Token, Problem> {
    context.store.change_token(change).await.map_err(|error| match error {
        Error::Token(TokenError::Unknown) => Denial::Unknown.into(),
        Error::Token(TokenError::Ended) => Denial::Revoked.into(),
        error => {
            tracing::warn!(%error, "a session could not be kept");
            Problem::new(Code::Busy, "sessions cannot be changed at the moment")
        }
    })
}
