//! `GET /api/v1/server/findings`: what the server finds of itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;

use crate::Context;
use crate::auth::sees_place;
use crate::contract::OperationId;
use crate::contract::findings::FindingPage;
use crate::extract::parameters::Parameters;
use crate::problem::Problem;
use crate::status::status_now;

/// Answers with the finding of each check.
pub async fn list_findings(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    Parameters::none(request.uri(), OperationId::ListFindings)?;
    let sees_place = sees_place(context.access, request.extensions(), OperationId::ListFindings);
    let (status, now) = status_now(&context, sees_place).await?;
    let items = context.server.findings(&status, now);
    let page = FindingPage { items, next_cursor: () };
    Ok(([(CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
