//! `GET /healthz`, `/readyz` and `/metrics`: for the monitoring of the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::Context;
use crate::contract::health::{Alive, Health, Readiness, Ready};
use crate::problem::Problem;

/// Answers while the process lives. The database is not asked, so that a slow disk does not make a
/// process manager restart the process.
pub async fn get_health() -> Response {
    fresh(Json(Health { status: Alive::Ok }))
}

/// Answers 200 when reads work, the schema is the one that this build knows, and there is disk
/// space for writes.
pub async fn get_readiness(State(context): State<Arc<Context>>) -> Result<Response, Problem> {
    context.store.ready().await.map_err(Problem::not_ready)?;
    Ok(fresh(Json(Readiness { status: Ready::Ready })))
}

/// Answers with every metric of all processes, in the Prometheus text format 0.0.4.
pub async fn get_metrics(State(context): State<Arc<Context>>) -> Response {
    fresh(([(CONTENT_TYPE, "text/plain; version=0.0.4")], context.server.metrics_text()))
}

fn fresh(answer: impl IntoResponse) -> Response {
    ([(CACHE_CONTROL, "no-store")], answer).into_response()
}
