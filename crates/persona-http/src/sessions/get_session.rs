//! `GET /api/v1/session`: which token the requests of a page have.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::told;
use crate::Context;
use crate::auth::Identity;

/// Answers with what the token of the request permits.
pub async fn get_session(State(context): State<Arc<Context>>, request: Request) -> Response {
    told(&context, request.extensions().get::<Identity>().map(|identity| &*identity.0))
}
