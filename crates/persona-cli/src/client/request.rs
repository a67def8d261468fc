//! Requests of the API.

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::Value;

/// A request of the API. A JSON body is declared as such; a PATCH is a merge patch (RFC 7396).
pub fn request(
    method: Method,
    path: &str,
    headers: &[(header::HeaderName, String)],
    body: Option<&Value>,
) -> Request<Bytes> {
    request_with(method, path, headers, body.map(|value| Bytes::from(value.to_string())))
}

/// A request with a body that is JSON text already.
pub fn request_with(
    method: Method,
    path: &str,
    headers: &[(header::HeaderName, String)],
    body: Option<Bytes>,
) -> Request<Bytes> {
    let is_patch = method == Method::PATCH;
    let mut builder =
        Request::builder().method(method).uri(path).header(header::USER_AGENT, "persona-cli");
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    if body.is_some() {
        let kind = if is_patch { "application/merge-patch+json" } else { "application/json" };
        builder = builder.header(header::CONTENT_TYPE, kind);
    }
    builder
        .body(body.unwrap_or_default())
        .expect("paths and header values of the command line are percent-encoded or checked")
}
