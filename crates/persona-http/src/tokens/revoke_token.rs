//! `POST /api/v1/tokens/{token}/revoke`: the end of a token.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use persona_storage::TokenChange;

use super::answers::{change, not_kept, own_id, plain, told};
use crate::Context;
use crate::contract::OperationId;
use crate::extract::request::WriteRequest;
use crate::extract::token;
use crate::problem::Problem;

/// What is told of a token that has ended itself.
const OWN: &str = "this was the token of the request: the next one needs another token";

/// Ends a token, also that of the request. When the answer goes out, no worker lets it in any more.
pub async fn revoke_token(
    State(context): State<Arc<Context>>,
    request: WriteRequest,
) -> Result<Response, Problem> {
    plain(&request, OperationId::RevokeToken)?;
    let which = token::token_in(request.parts.uri.path());
    let revoke = TokenChange::Revoke { which: which.clone(), at: context.clock.now() };
    let extensions = &request.parts.extensions;
    let token = change(&context, extensions, "revoked", revoke).await;
    let token = token.map_err(|problem| problem.of_token(&which))?;
    let note = (own_id(extensions) == Some(token.id)).then_some(OWN);
    Ok(not_kept(StatusCode::OK, told(&context, extensions, &token, None, note)))
}
