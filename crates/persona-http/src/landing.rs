//! `GET /`: where to go from here.

use axum::Json;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http::header::{ACCEPT, VARY};
use serde_json::json;

use crate::contract::OperationId;

/// Sends browsers to the documentation, and tells programs what there is.
pub async fn landing(headers: HeaderMap) -> Response {
    let wants_html = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_html {
        return ([(VARY, "Accept")], Redirect::to(OperationId::GetDocs.path())).into_response();
    }
    let links = json!({
        "personas": OperationId::ListPersonas.path(),
        "documentation": OperationId::GetDocs.path(),
        "openapi": OperationId::GetOpenapi.path(),
        "problems": OperationId::ListProblems.path(),
        "status": OperationId::GetStatus.path(),
        "health": OperationId::GetHealth.path(),
        "readiness": OperationId::GetReadiness.path(),
        "metrics": OperationId::GetMetrics.path(),
    });
    ([(VARY, "Accept")], Json(json!({ "name": "Persona Store", "version": env!("CARGO_PKG_VERSION"), "links": links }))).into_response()
}
