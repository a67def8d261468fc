//! The short way of plain reads: a GET or HEAD of one persona, without query and body, of a persona
//! that is there.
//!
//! Nothing is decided here that the handler (`personas/get.rs`) and the middleware do not decide
//! for the same request: what they have in common is called by both. Everything that is no plain
//! read, and every read that does not end with 200 or 304, takes the way over the router.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::response::Response;
use http::{Method, Request};
use http_body::Body;
use persona_model::PersonaId;

use crate::contract::OperationId;
use crate::middleware::Begun;
use crate::personas::get::found_answer;
use crate::{ClientAddress, Context, personas};

/// Answers plain reads on the thread that asks, where the store can.
#[derive(Clone)]
pub struct PlainReads(Arc<Context>);

impl PlainReads {
    /// Of the same store and limits as the router of this context.
    pub fn new(context: Context) -> Self {
        Self(Arc::new(context))
    }

    /// The answer to a plain read; `None` for every request that has to take the way over the
    /// router.
    pub fn answer<B: Body>(&self, request: &Request<B>, client: ClientAddress) -> Option<Response> {
        let id = persona_of(request)?;
        let (context, client) = (&*self.0, Some(client));
        let operation = OperationId::GetPersona;
        let begun = Begun::new(context, request, operation.path(), client);
        let read = || {
            let answer = context.store.glance_at_once(id)?.ok()??;
            if answer.deleted {
                return None;
            }
            found_answer(context, request.method(), request.headers(), client, answer).ok()
        };
        // A panic is met again on the way over the router, which answers it.
        let mut response = catch_unwind(AssertUnwindSafe(read)).ok().flatten()?;
        begun.finish(context, Some(operation), &mut response);
        Some(response)
    }
}

/// The persona that a plain read is for.
fn persona_of<B: Body>(request: &Request<B>) -> Option<PersonaId> {
    let is_plain = matches!(*request.method(), Method::GET | Method::HEAD)
        && request.uri().query().is_none()
        && request.body().is_end_stream();
    let path = request.uri().path();
    // A path that a router would have to look at: with another segment, or with percent-encoding.
    if !is_plain || path.contains('%') {
        return None;
    }
    let behind = path.strip_prefix(OperationId::ListPersonas.path())?.strip_prefix('/')?;
    if behind.contains('/') { None } else { personas::id_in(path).ok() }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use axum::body::{Body, Bytes};
    use axum::response::Response;
    use http::header::{
        CONTENT_LENGTH, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    };
    use http::{HeaderMap, HeaderName, Request, StatusCode};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::PlainReads;
    use crate::testing::{context, memory_store};
    use crate::{ClientAddress, Router, router};

    const CLIENT: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// Both ways to the same store.
    struct Ways {
        plain: PlainReads,
        router: Router,
    }

    impl Ways {
        fn new() -> Self {
            let context = context(Arc::new(memory_store()));
            Self { plain: PlainReads::new(context.clone()), router: router(context) }
        }

        async fn by_router(&self, request: Request<Body>) -> Response {
            self.router.clone().oneshot(request).await.expect("an answer")
        }

        /// A new persona, as its path.
        async fn create(&self) -> String {
            let request = Request::post("/api/v1/personas")
                .header("content-type", "application/json")
                .body(Body::from(r#"{"name":"Ada"}"#))
                .expect("a request");
            let response = self.by_router(request).await;
            assert_eq!(response.status(), StatusCode::CREATED);
            response.headers()["location"].to_str().expect("a path").to_owned()
        }
    }

    fn request(method: &str, path: &str, headers: &[(HeaderName, &str)]) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path).header("x-request-id", "r-1");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        request.body(Body::empty()).expect("a request")
    }

    async fn parts(response: Response) -> (StatusCode, HeaderMap, Bytes) {
        let (mut parts, body) = response.into_parts();
        // The router adds to some answers what the library adds to all of them as they are sent.
        parts.headers.remove(CONTENT_LENGTH);
        (parts.status, parts.headers, body.collect().await.expect("a body").to_bytes())
    }

    #[tokio::test]
    async fn a_plain_read_is_answered_as_the_router_answers_it() {
        let ways = Ways::new();
        let path = ways.create().await;
        let first = ways.by_router(request("GET", &path, &[])).await;
        let text = |name: HeaderName| first.headers()[&name].to_str().expect("text").to_owned();
        let (tag, time) = (text(ETAG), text(LAST_MODIFIED));
        let conditions: [&[(HeaderName, &str)]; 6] = [
            &[],
            &[(IF_NONE_MATCH, tag.as_str())],
            &[(IF_NONE_MATCH, "\"9-00000000\"")],
            &[(IF_MATCH, tag.as_str())],
            &[(IF_MODIFIED_SINCE, time.as_str())],
            &[(IF_NONE_MATCH, "\"9-00000000\""), (IF_MODIFIED_SINCE, time.as_str())],
        ];
        for headers in conditions {
            for method in ["GET", "HEAD"] {
                let plain = ways
                    .plain
                    .answer(&request(method, &path, headers), CLIENT)
                    .unwrap_or_else(|| panic!("{method} {headers:?} took the way over the router"));
                let (status, plain_headers, body) = parts(plain).await;
                let routed = parts(ways.by_router(request(method, &path, headers)).await).await;
                assert_eq!((status, &plain_headers), (routed.0, &routed.1), "{method} {headers:?}");
                // Of an answer to HEAD the library sends no body.
                if method == "GET" {
                    assert_eq!(body, routed.2, "{headers:?}");
                }
            }
        }
    }

    #[tokio::test]
    async fn everything_else_takes_the_way_over_the_router() {
        let ways = Ways::new();
        let path = ways.create().await;
        let deleted = ways.create().await;
        let delete = request("DELETE", &deleted, &[(IF_MATCH, "*")]);
        assert_eq!(ways.by_router(delete).await.status(), StatusCode::NO_CONTENT);
        let others = [
            ("GET", format!("{path}?revision=1")),
            ("GET", format!("{path}?")),
            ("GET", format!("{path}/undelete")),
            ("GET", path.replacen('-', "%2D", 1)),
            ("GET", deleted),
            ("GET", "/api/v1/personas".into()),
            ("GET", "/api/v1/personas/".into()),
            ("GET", "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001".into()),
            ("GET", "/api/v1/personas/no-id".into()),
            ("DELETE", path.clone()),
        ];
        for (method, other) in others {
            let answer = ways.plain.answer(&request(method, &other, &[]), CLIENT);
            assert!(answer.is_none(), "{method} {other}: {answer:?}");
        }
        let stale = request("GET", &path, &[(IF_MATCH, "\"9-00000000\"")]);
        assert!(ways.plain.answer(&stale, CLIENT).is_none(), "a refusal");
        let body = Request::get(&path).body(Body::from("x")).expect("a request");
        assert!(ways.plain.answer(&body, CLIENT).is_none(), "a request with a body");
        assert!(ways.plain.answer(&request("GET", &path, &[]), CLIENT).is_some());
    }
}
