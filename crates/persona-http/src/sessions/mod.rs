//! Sessions: how a page acts without a script that knows a token.
//!
//! A one-time link has a token in its fragment, which no browser sends and no log has. The page
//! exchanges that token for another one in a cookie. Both are tokens like others, with names of
//! their own (`persona_storage::SESSION_NAMES`): they are listed, run out, and are revoked for all
//! workers at once.
//!
//! One file a verb.

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

/// Tells what a token permits; without one everything is.
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

/// Changes a token. That a link is used up is told as of every token that is not known.
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
