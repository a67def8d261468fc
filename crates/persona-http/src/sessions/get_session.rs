//! `GET /api/v1/session`: which token lets requests in.

use axum::extract::Request;
use axum::response::Response;

use super::told;
use crate::auth::Identity;

/// Answers with what the token of the request permits.
pub async fn get_session(request: Request) -> Response {
    told(request.extensions().get::<Identity>().map(|identity| &*identity.0))
}
