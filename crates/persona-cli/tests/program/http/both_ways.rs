//! Each read of one persona that a test sends goes over both ways of a worker: the short way, and
//! the way over the router, which a query takes, even an empty one. Both must answer alike.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;

use crate::http::client::{Reply, exchange};

/// Headers that differ from one answer to the next, whichever way both take. The time of an answer
/// is told as that of a change in the same second (`extract/date.rs`).
const OF_EACH_ANSWER: [&str; 4] = ["date", "last-modified", "x-persona-worker", "server-timing"];

/// The same read over the router, and its answer, which came before that of the short way.
pub struct OtherWay {
    address: SocketAddr,
    request: Request<Full<Bytes>>,
    before: Reply,
}

impl OtherWay {
    /// Sends a read over the router; `None` where the request is no plain read.
    pub async fn ask(address: SocketAddr, request: &Request<Full<Bytes>>) -> Option<Self> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let id = request.uri().path().strip_prefix("/api/v1/personas/").unwrap_or("/");
        if !is_read || id.contains('/') || request.uri().query().is_some() {
            return None;
        }
        let mut request = request.clone();
        *request.uri_mut() =
            Uri::try_from(format!("{}?", request.uri().path())).expect("a path with a query");
        let before = exchange(address, request.clone()).await;
        Some(Self { address, request, before })
    }

    /// Compares the answer with the one that came over the short way.
    pub async fn compare(self, short: &Reply) {
        let Self { address, request, before } = self;
        if comparable(&before) == comparable(short) {
            return;
        }
        // Another request of the test may have changed the persona in between.
        let after = exchange(address, request).await;
        let state = |reply: &Reply| (reply.status, reply.headers.get("etag").cloned());
        if state(&before) == state(&after) {
            assert_eq!(comparable(short), comparable(&after), "the two ways answer differently");
        }
    }
}

/// Everything in an answer that follows from the request and the persona.
fn comparable(reply: &Reply) -> (StatusCode, HeaderMap, String) {
    let mut headers = reply.headers.clone();
    for name in OF_EACH_ANSWER {
        if let Some(value) = headers.get_mut(name) {
            *value = HeaderValue::from_static("there");
        }
    }
    let id = headers.remove("x-request-id").expect("every answer has one");
    let body = String::from_utf8_lossy(&reply.body).replace(id.to_str().expect("text"), "ID");
    (reply.status, headers, body)
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, HeaderValue, Reply, StatusCode, comparable};

    fn reply(tag: &'static str, request: &'static str, body: &'static str) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert("etag", HeaderValue::from_static(tag));
        headers.insert("x-request-id", HeaderValue::from_static(request));
        Reply { status: StatusCode::OK, headers, body: body.into() }
    }

    #[test]
    fn answers_are_alike_but_for_what_names_the_request() {
        let one = reply("\"1-00000000\"", "r-1", "{\"request_id\":\"r-1\"}");
        let same = reply("\"1-00000000\"", "r-2", "{\"request_id\":\"r-2\"}");
        assert_eq!(comparable(&one), comparable(&same));
        let mut with_length = reply("\"1-00000000\"", "r-3", "{\"request_id\":\"r-3\"}");
        with_length.headers.insert("content-length", HeaderValue::from_static("0"));
        let others = [
            reply("\"2-00000000\"", "r-3", "{\"request_id\":\"r-3\"}"),
            reply("\"1-00000000\"", "r-3", "{}"),
            with_length,
        ];
        for other in others {
            assert_ne!(comparable(&one), comparable(&other));
        }
    }
}
