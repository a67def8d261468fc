//! A build without the studio: browsers are redirected to the documentation, and there are no
//! files.

use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http::header::VARY;

use crate::contract::OperationId;

/// Redirects a browser to the documentation.
pub(crate) fn page(_: &HeaderMap) -> Response {
    ([(VARY, "Accept")], Redirect::to(OperationId::GetDocs.path())).into_response()
}

/// There is no file.
pub(super) fn file(_: &str, _: &HeaderMap) -> Option<Response> {
    None
}
