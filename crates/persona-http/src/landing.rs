//! `GET /`: where to go from here.

use axum::Json;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http::header::{ACCEPT, VARY};
use serde_json::json;

use super::router::PREFIX;

/// Sends browsers to the documentation, and tells programs what there is.
pub async fn landing(headers: HeaderMap) -> Response {
    let wants_html = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_html {
        return ([(VARY, "Accept")], Redirect::to(&format!("{PREFIX}/docs"))).into_response();
    }
    let links = json!({
        "personas": format!("{PREFIX}/personas"),
        "documentation": format!("{PREFIX}/docs"),
        "openapi": format!("{PREFIX}/openapi.json"),
        "problems": format!("{PREFIX}/problems"),
        "status": format!("{PREFIX}/status"),
        "health": "/healthz",
        "readiness": "/readyz",
        "metrics": "/metrics",
    });
    ([(VARY, "Accept")], Json(json!({ "name": "Persona Store", "version": env!("CARGO_PKG_VERSION"), "links": links }))).into_response()
}
