//! `GET /`: the studio for browsers, a list of links for programs.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, VARY};

use crate::Context;
use crate::contract::OperationId;
use crate::contract::health::{Landing, Links};
use crate::studio;

/// Answers browsers with the studio, and programs with links to the parts of the API.
pub async fn landing(State(context): State<Arc<Context>>, headers: HeaderMap) -> Response {
    let wants_html = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_html {
        return studio::page(&headers);
    }
    let link = |id: OperationId| Cow::from(format!("{}{}", context.root_path, id.path()));
    let links = Links {
        personas: link(OperationId::ListPersonas),
        documentation: link(OperationId::GetDocs),
        openapi: link(OperationId::GetOpenapi),
        problems: link(OperationId::ListProblems),
        status: link(OperationId::GetStatus),
        health: link(OperationId::GetHealth),
        readiness: link(OperationId::GetReadiness),
        metrics: link(OperationId::GetMetrics),
    };
    let (name, version) = ("Persona Store".into(), env!("CARGO_PKG_VERSION").into());
    ([(VARY, "Accept")], Json(Landing { name, version, links })).into_response()
}
