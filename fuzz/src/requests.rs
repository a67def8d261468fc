//! Whole requests to the API, one after the other: paths, queries, every header, every body.
//!
//! The input has lines: method and target, then headers, an empty line, and the body. A line of
//! `====` begins the next request. They go to an empty server with one persona, which has a handle
//! and a label.

use http::Request;
use persona_http::Body;

use super::api::{Api, answer, answer_at_once, pieces, request_of, wait};

/// Most requests of one input.
const REQUESTS_MAX: usize = 8;

/// Sends the requests. No answer is a failure of the server; JSON is JSON; the short way of plain
/// reads answers what the router answers; a server that wants tokens and has none refuses all.
pub fn run(bytes: &[u8]) {
    wait(async {
        let api = Api::new().await;
        for bytes in pieces(bytes).into_iter().take(REQUESTS_MAX) {
            ask(&api, bytes).await;
        }
    });
}

async fn ask(api: &Api, bytes: &[u8]) {
    let made = || request_of(bytes);
    let Some(request) = made() else { return };
    let (is_restart, is_api) = {
        let path = request.uri().path();
        (path.ends_with("/restart"), path.starts_with("/api/v1/personas"))
    };
    let (is_read, is_options) =
        (request.method().is_safe(), request.method() == http::Method::OPTIONS);
    let asks_head = request.method() == http::Method::HEAD;
    let Some((status, body)) = answer(&api.open, request).await else { return };
    // There is no supervisor here, which is what this operation tells.
    assert!(is_restart || status < 500, "{status}: {}", String::from_utf8_lossy(&body));
    if is_read && let Some((at_once, short)) = at_once(api, made()).await {
        assert_eq!(at_once, status);
        // The HTTP library sends no body to a HEAD, and the router makes none. A problem has the id
        // of its request.
        let agrees = asks_head || status >= 400 || short == body;
        assert!(agrees, "{}", String::from_utf8_lossy(&short));
    }
    let Some((refused, _)) = answer(&api.closed, made().expect("as above")).await else { return };
    assert!(!is_api || is_options || refused >= 400, "{refused} without a token");
}

async fn at_once(api: &Api, request: Option<Request<Body>>) -> Option<(u16, bytes::Bytes)> {
    answer_at_once(&api.plain, request?).await
}
