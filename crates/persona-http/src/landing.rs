//! `GET /`: where to go from here.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, VARY};

use crate::contract::OperationId;
use crate::contract::health::{Landing, Links};
use crate::studio;

/// Gives browsers the studio, and tells programs what there is.
pub async fn landing(headers: HeaderMap) -> Response {
    let wants_html = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_html {
        return studio::page(&headers);
    }
    let links = Links {
        personas: OperationId::ListPersonas.path().into(),
        documentation: OperationId::GetDocs.path().into(),
        openapi: OperationId::GetOpenapi.path().into(),
        problems: OperationId::ListProblems.path().into(),
        status: OperationId::GetStatus.path().into(),
        health: OperationId::GetHealth.path().into(),
        readiness: OperationId::GetReadiness.path().into(),
        metrics: OperationId::GetMetrics.path().into(),
    };
    let (name, version) = ("Persona Store".into(), env!("CARGO_PKG_VERSION").into());
    ([(VARY, "Accept")], Json(Landing { name, version, links })).into_response()
}
