//! What the routes of tokens share: the change, the log of it, and its answer.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{Extensions, StatusCode};
use persona_model::Timestamp;
use persona_storage::{Token, TokenChange, TokenSecret};
use serde::Serialize;
use uuid::Uuid;

use crate::Context;
use crate::auth::{Identity, viewer_of};
use crate::contract::OperationId;
use crate::contract::tokens::{ShownSecret, TokenAnswer, TokenEntry};
use crate::extract::conditions;
use crate::extract::parameters::Parameters;
use crate::extract::request::WriteRequest;
use crate::problem::{Code, Problem};

/// The time so much after another one.
pub(super) fn after(time: Timestamp, length: std::time::Duration) -> Timestamp {
    let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(time.as_micros().saturating_add(micros))
}

/// Refuses a query and conditions, which no change of a token has.
pub(super) fn plain(request: &WriteRequest, operation: OperationId) -> Result<(), Problem> {
    Parameters::none(&request.parts.uri, operation)?;
    conditions::none(&request.parts.headers, "is not understood here: a token has no ETag")
}

/// A new secret.
pub(super) fn random() -> Result<TokenSecret, Problem> {
    TokenSecret::random().map_err(no_random_numbers)
}

/// The system failed.
pub(super) fn no_random_numbers(_: impl std::error::Error) -> Problem {
    Problem::new(Code::Internal, "the system gives no random numbers")
}

/// The identity of the token of a request.
pub(super) fn own_id(extensions: &Extensions) -> Option<Uuid> {
    extensions.get::<Identity>().map(|Identity(token)| token.id)
}

/// Changes a token on behalf of the client of this request, and logs that: `did` is what was done,
/// for the log.
pub(super) async fn change(
    context: &Context,
    extensions: &Extensions,
    did: &'static str,
    change: TokenChange,
) -> Result<Token, Problem> {
    let view = context.store.view(viewer_of(extensions)?);
    let token = view.change_token(change).await?;
    let by = extensions.get::<Identity>().map(|Identity(own)| own.name.clone());
    tracing::info!(
        token.id = %token.id,
        token.name = token.name,
        token.scope = token.scope.as_str(),
        by = by.as_deref().unwrap_or("a client without a token"),
        "a token was {did}"
    );
    Ok(token)
}

/// The answer to a change of a token.
pub(super) fn told(
    context: &Context,
    extensions: &Extensions,
    token: &Token,
    secret: Option<&TokenSecret>,
    note: Option<&'static str>,
) -> TokenAnswer {
    TokenAnswer {
        token: TokenEntry::of(token, own_id(extensions), context.clock.now()),
        secret: secret.map(ShownSecret::from),
        note: note.map(Cow::Borrowed),
    }
}

/// An answer that no cache keeps.
pub(super) fn not_kept(status: StatusCode, body: impl Serialize) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
