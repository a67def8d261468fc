//! `GET /api/v1/server/tasks`: what became of the tasks that were asked for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;

use crate::Context;
use crate::contract::tasks::TaskPage;

/// Answers with each kind of task, with the progress of the one that is under way.
pub async fn list_tasks(State(context): State<Arc<Context>>) -> Response {
    let page = TaskPage { items: context.server.tasks(), next_cursor: () };
    ([(CACHE_CONTROL, "no-store")], Json(page)).into_response()
}
