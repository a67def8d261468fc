//! `POST /api/v1/tokens/{token}/rotate`: a new secret for a token.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use persona_storage::TokenChange;

use super::answers::{after, change, not_kept, plain, random, told};
use crate::Context;
use crate::contract::OperationId;
use crate::extract::request::{MediaType, WriteRequest};
use crate::extract::token;
use crate::problem::Problem;

/// Gives a token a new secret. The former one counts as long as the request says, and the one
/// before that ends.
pub async fn rotate_token(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    plain(&request, OperationId::RotateToken)?;
    let which = token::token_in(request.parts.uri.path());
    let keep = request.read_if_there(&context, MediaType::PERSONA, token::kept_for).await?;
    let (secret, at) = (random()?, context.clock.now());
    let (hash, previous_until) = (secret.hash(), after(at, keep));
    let rotate = TokenChange::Rotate { which: which.clone(), hash, previous_until, at };
    let extensions = &request.parts.extensions;
    let token = change(&context, extensions, "rotated", rotate).await;
    let token = token.map_err(|problem| problem.of_token(&which))?;
    Ok(not_kept(StatusCode::OK, told(&context, extensions, &token, Some(&secret), None)))
}
