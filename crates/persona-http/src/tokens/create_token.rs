//! `POST /api/v1/tokens`: a new token, with its secret in the answer.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use persona_storage::{Token, TokenChange};

use super::answers::{after, change, no_random_numbers, not_kept, own_id, plain, random, told};
use crate::Context;
use crate::contract::OperationId;
use crate::extract::request::{MediaType, WriteRequest};
use crate::extract::token;
use crate::problem::Problem;

/// What is told with the first token of a server.
const FIRST: &str = "this is the first token: from now on every request needs one";

/// Makes a token that permits no more than that of the request. A client of a server without any
/// token makes the first one, and with the answer the server is closed.
pub async fn create_token(
    State(context): State<Arc<Context>>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    plain(&request, OperationId::CreateToken)?;
    let viewer = request.viewer()?.clone();
    let read = move |_, body| token::wanted(body, &viewer);
    let wanted = request.read(&context, MediaType::PERSONA, read).await?;
    let (secret, made_at) = (random()?, context.clock.now());
    let token = Token::new(wanted.name, secret.hash(), wanted.scope, made_at);
    let token = Token {
        owner: wanted.owner,
        shared: wanted.shared,
        act_as: wanted.act_as,
        expires_at: wanted.expires.map(|length| after(made_at, length)),
        ..token.map_err(no_random_numbers)?
    };
    let extensions = &request.parts.extensions;
    let token = change(&context, extensions, "made", TokenChange::Create(token)).await?;
    let note = own_id(extensions).is_none().then_some(FIRST);
    let answer = told(&context, extensions, &token, Some(&secret), note);
    Ok(not_kept(StatusCode::CREATED, answer))
}
