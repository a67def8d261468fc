//! `GET /api/v1/tokens`: the tokens that a client manages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use persona_model::PAGE_LIMIT_DEFAULT;
use persona_storage::TokenPage;

use super::answers::{not_kept, own_id};
use crate::Context;
use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::contract::parameters::{LIMIT, TOKEN_CURSOR};
use crate::contract::tokens::{TokenEntry, TokenList};
use crate::extract::parameters::Parameters;
use crate::problem::Problem;

/// Answers with one page, in the order of the names.
pub async fn list_tokens(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(request.uri(), OperationId::ListTokens);
    let (limit, after) = (query.value(&LIMIT), query.value(&TOKEN_CURSOR));
    query.done()?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_LIMIT_DEFAULT);
    let view = context.store.view(viewer_of(request.extensions())?);
    // One more tells whether there is another page.
    let mut tokens = view.tokens(TokenPage { owner: None, after, limit: limit + 1 }).await?;
    let has_more = tokens.len() > limit;
    tokens.truncate(limit);
    let last = tokens.last().filter(|_| has_more);
    let next_cursor = last.map(|token| token.name.clone());
    let (own, now) = (own_id(request.extensions()), context.clock.now());
    let items = tokens.iter().map(|token| TokenEntry::of(token, own, now)).collect();
    Ok(not_kept(StatusCode::OK, TokenList { items, next_cursor }))
}
