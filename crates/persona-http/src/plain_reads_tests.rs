//! Requests of every shape, over the fast path and over the router: both give the same answer and
//! count it alike, and the fast path answers every plain read, so that no read asks the store
//! twice.

use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{
    CONTENT_LENGTH, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::runtime::Builder;

use super::PlainReads;
use crate::contract::OperationId;
use crate::middleware::REQUEST_ID;
use crate::testing::{Counts, context, memory_store};
use crate::{ClientAddress, Context, Router, router};

const CLIENT: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
/// Characters of an identity that the server makes.
const ID_CHARS: usize = 36;
const ABSENT: &str = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";

/// The handle of the persona that is there, as two clients write it.
const HANDLE: &str = "@support%2Ftier-1";
const ENCODED_HANDLE: &str = "%40support%2ftier-1";

/// The fast path and the router over the same store, with an existing and a deleted persona.
struct Ways {
    plain: PlainReads,
    router: Router,
    /// What both have counted.
    counts: Arc<Counts>,
    path: String,
    deleted: String,
    tag: String,
    /// That of the persona by its label.
    label_tag: String,
    changed: String,
}

impl Ways {
    async fn new() -> Self {
        let counts = Arc::new(Counts::default());
        let context =
            Context { metrics: Arc::clone(&counts) as _, ..context(Arc::new(memory_store())) };
        let (plain, router) = (PlainReads::new(context.clone()), router(context));
        let (path, deleted) = (create(&router).await, create(&router).await);
        for path in [&path, &deleted] {
            let target = format!("{path}/labels/production");
            let set = Request::put(&target).header("content-type", "application/json");
            let set = set.body(Body::from(r#"{"revision":1}"#)).expect("a request");
            assert_eq!(router.answer(set).await.status(), StatusCode::CREATED);
        }
        for handle in ["former", "support/tier-1"] {
            let name = Request::patch(&path).header("content-type", "application/json");
            let name = name.body(Body::from(format!(r#"{{"handle":"{handle}"}}"#)));
            let named = router.answer(name.expect("a request")).await;
            assert_eq!(named.status(), StatusCode::OK);
        }
        let delete = request(Method::DELETE, &deleted, &[(IF_MATCH, "*".into())], false);
        assert_eq!(router.answer(delete).await.status(), StatusCode::NO_CONTENT);
        let first = router.answer(request(Method::GET, &path, &[], false)).await;
        let text = |name: HeaderName| first.headers()[&name].to_str().expect("text").to_owned();
        let (tag, changed) = (text(ETAG), text(LAST_MODIFIED));
        let by_label = format!("{path}?label=production");
        let by_label = router.answer(request(Method::GET, &by_label, &[], false)).await;
        let label_tag = by_label.headers()[ETAG].to_str().expect("text").to_owned();
        counts.take();
        Self { plain, router, counts, path, deleted, tag, label_tag, changed }
    }

    /// The answers of both to the same request; the fast path may leave it to the router.
    async fn ask(&self, shape: &Shape) -> (Option<Answer>, Answer) {
        let path = shape.path.of(self);
        let made = || request(shape.method.clone(), &path, &shape.headers(self), shape.has_body);
        let plain = match self.plain.answer(&mut made(), CLIENT, None) {
            Some(response) => Some(Answer::of(response, &shape.method, self.counts.take()).await),
            None => None,
        };
        assert_eq!(self.counts.take(), [], "a request is counted where it is answered: {shape:?}");
        let routed = self.router.answer(made()).await;
        (plain, Answer::of(routed, &shape.method, self.counts.take()).await)
    }
}

/// A new persona, as its path.
async fn create(router: &Router) -> String {
    let request = Request::post("/api/v1/personas")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"name":"Ada"}"#))
        .expect("a request");
    let response = router.answer(request).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    response.headers()["location"].to_str().expect("a path").to_owned()
}

fn request(
    method: Method,
    path: &str,
    headers: &[(HeaderName, String)],
    has_body: bool,
) -> Request<Body> {
    let body = if has_body { Body::from("x") } else { Body::empty() };
    let mut request = Request::builder().method(method).uri(path).body(body).expect("a request");
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a header value");
        request.headers_mut().append(name, value);
    }
    request.extensions_mut().insert(CLIENT);
    request
}

/// All of an answer that a client sees, and how it was counted.
#[derive(PartialEq, Debug)]
struct Answer {
    counted: Vec<(Option<OperationId>, u16)>,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    async fn of(
        response: Response,
        method: &Method,
        counted: Vec<(Option<OperationId>, u16)>,
    ) -> Self {
        let (mut parts, body) = response.into_parts();
        let mut body = body.collect().await.expect("a body").to_bytes();
        if method == Method::HEAD {
            // The HTTP library sends no body for HEAD, and adds the length if the answer has none.
            if !parts.headers.contains_key(CONTENT_LENGTH) {
                parts.headers.insert(CONTENT_LENGTH, body.len().into());
            }
            body.clear();
        }
        let id = parts.headers.get_mut(REQUEST_ID).expect("every answer has one");
        if id.len() == ID_CHARS {
            // A problem has the id of the request in its body too.
            let made = mem::replace(id, HeaderValue::from_static("of the server"));
            let text = String::from_utf8_lossy(&body);
            body = text.replace(made.to_str().expect("text"), "of the server").into();
        }
        Self { counted, status: parts.status, headers: parts.headers, body }
    }
}

/// The kind of a path, before the identities of the personas are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    There,
    InUpperCase,
    Deleted,
    Absent,
    Handle(&'static str),
    Malformed,
    Encoded,
    WithEmptyQuery,
    OfRevision(u8),
    ByLabel,
    OfDeletedByLabel,
    OfAbsentByLabel,
    ByLabelThatIsNotSet,
    With(&'static str),
    Below(&'static str),
    All,
}

impl Place {
    fn of(self, ways: &Ways) -> String {
        let path = &ways.path;
        match self {
            Self::There => path.clone(),
            Self::InUpperCase => {
                let (folder, id) = path.rsplit_once('/').expect("a path");
                format!("{folder}/{}", id.to_uppercase())
            }
            Self::Deleted => ways.deleted.clone(),
            Self::Absent => ABSENT.into(),
            Self::ByLabel => format!("{path}?label=production"),
            Self::OfDeletedByLabel => format!("{}?label=production", ways.deleted),
            Self::OfAbsentByLabel => format!("{ABSENT}?label=production"),
            Self::ByLabelThatIsNotSet => format!("{path}?label=none"),
            Self::With(query) => format!("{path}?{query}"),
            Self::Handle(segment) => format!("/api/v1/personas/{segment}"),
            Self::Malformed => "/api/v1/personas/no-id".into(),
            Self::Encoded => path.replacen('-', "%2D", 1),
            Self::WithEmptyQuery => format!("{path}?"),
            Self::OfRevision(number) => format!("{path}?revision={number}"),
            Self::Below(rest) => format!("{path}/{rest}"),
            Self::All => "/api/v1/personas".into(),
        }
    }

    /// Whether it is the path of a persona as nearly every client writes it.
    fn is_plain(self) -> bool {
        matches!(
            self,
            Self::There
                | Self::InUpperCase
                | Self::Deleted
                | Self::Absent
                | Self::ByLabel
                | Self::OfDeletedByLabel
                | Self::OfAbsentByLabel
                | Self::ByLabelThatIsNotSet
                | Self::Handle(HANDLE | ENCODED_HANDLE)
        )
    }
}

/// The kind of a header value, before the entity tags of the personas are known.
#[derive(Clone, Copy, Debug)]
enum Said {
    Tag,
    TagByLabel,
    WeakTag,
    AmongOthers,
    Changed,
    Text(&'static str),
}

/// A request, before identities and entity tags are known.
#[derive(Clone, Debug)]
struct Shape {
    method: Method,
    path: Place,
    headers: Vec<(HeaderName, Said)>,
    has_body: bool,
}

impl Shape {
    fn headers(&self, ways: &Ways) -> Vec<(HeaderName, String)> {
        let of = |said: Said| match said {
            Said::Tag => ways.tag.clone(),
            Said::TagByLabel => ways.label_tag.clone(),
            Said::WeakTag => format!("W/{}", ways.tag),
            Said::AmongOthers => format!("\"9-00000000\", {}", ways.tag),
            Said::Changed => ways.changed.clone(),
            Said::Text(text) => text.into(),
        };
        self.headers.iter().map(|(name, said)| (name.clone(), of(*said))).collect()
    }

    fn is_plain_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD) && self.path.is_plain() && !self.has_body
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let method = select(vec![Method::GET, Method::GET, Method::GET, Method::HEAD, Method::DELETE]);
    let path = prop_oneof![
        8 => Just(Place::There),
        4 => Just(Place::ByLabel),
        2 => select(vec![
            Place::OfDeletedByLabel,
            Place::OfAbsentByLabel,
            Place::ByLabelThatIsNotSet,
            Place::With("label=latest"),
            Place::With("label=7"),
            Place::With("label="),
            Place::With("label=production&revision=1"),
            Place::With("label=production&include=labels"),
            Place::With("label=%70roduction"),
            Place::With("lable=production"),
            Place::InUpperCase,
            Place::Deleted,
            Place::Absent,
            Place::Handle(HANDLE),
            Place::Handle(ENCODED_HANDLE),
            Place::Handle("@former"),
            Place::Handle("@none"),
            Place::Handle("@No"),
            Place::Malformed,
            Place::Encoded,
            Place::WithEmptyQuery,
            Place::OfRevision(1),
            Place::OfRevision(9),
            Place::Below("undelete"),
            Place::Below("revisions/1"),
            Place::Below(""),
            Place::All,
        ]),
    ];
    let names = vec![IF_NONE_MATCH, IF_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, REQUEST_ID];
    let said = select(vec![
        Said::Tag,
        Said::TagByLabel,
        Said::WeakTag,
        Said::AmongOthers,
        Said::Changed,
        Said::Text("*"),
        Said::Text("\"9-00000000\""),
        Said::Text("Sun, 06 Nov 1994 08:49:37 GMT"),
        Said::Text("Fri, 01 Jan 2100 00:00:00 GMT"),
        Said::Text("nonsense of a client"),
        Said::Text("trace/7"),
    ]);
    let headers = prop::collection::vec((select(names), said), 0..4);
    let has_body = prop::bool::weighted(0.05);
    (method, path, headers, has_body)
        .prop_map(|(method, path, headers, has_body)| Shape { method, path, headers, has_body })
        // A DELETE goes only to the path of the list, because a deleted persona would leave nothing
        // to compare.
        .prop_filter("a change", |shape| shape.method != Method::DELETE || shape.path == Place::All)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_read_is_answered_alike_over_the_short_way_and_over_the_router(
        shapes in prop::collection::vec(shape(), 1..8),
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let ways = Ways::new().await;
            for shape in &shapes {
                let (plain, routed) = ways.ask(shape).await;
                prop_assert_eq!(
                    plain.is_some(),
                    shape.is_plain_read(),
                    "whether it takes the short way: {:?}",
                    shape
                );
                if let Some(plain) = plain {
                    prop_assert_eq!(plain, routed, "{:?}", shape);
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn the_shapes_of_requests_meet_every_answer_of_the_short_way() {
    let ways = Ways::new().await;
    let read = |method: Method, headers: &[(HeaderName, Said)]| Shape {
        method,
        path: Place::There,
        headers: headers.to_vec(),
        has_body: false,
    };
    let known = [(IF_NONE_MATCH, Said::AmongOthers)];
    let expected = [
        (read(Method::GET, &[]), Some(StatusCode::OK)),
        (read(Method::HEAD, &[(IF_MATCH, Said::Tag)]), Some(StatusCode::OK)),
        (read(Method::GET, &known), Some(StatusCode::NOT_MODIFIED)),
        (read(Method::HEAD, &known), Some(StatusCode::NOT_MODIFIED)),
        (
            read(Method::GET, &[(IF_MODIFIED_SINCE, Said::Text("Fri, 01 Jan 2100 00:00:00 GMT"))]),
            Some(StatusCode::NOT_MODIFIED),
        ),
        (read(Method::GET, &[(IF_MATCH, Said::WeakTag)]), Some(StatusCode::PRECONDITION_FAILED)),
        (
            read(Method::GET, &[(IF_NONE_MATCH, Said::Text("nonsense of a client"))]),
            Some(StatusCode::BAD_REQUEST),
        ),
        (Shape { path: Place::Deleted, ..read(Method::GET, &[]) }, Some(StatusCode::GONE)),
        (Shape { path: Place::Deleted, ..read(Method::HEAD, &[]) }, Some(StatusCode::GONE)),
        (Shape { path: Place::Absent, ..read(Method::GET, &[]) }, Some(StatusCode::NOT_FOUND)),
        (Shape { path: Place::Handle(HANDLE), ..read(Method::GET, &[]) }, Some(StatusCode::OK)),
        (
            Shape { path: Place::Handle(HANDLE), ..read(Method::GET, &known) },
            Some(StatusCode::NOT_MODIFIED),
        ),
        (Shape { path: Place::Handle("@former"), ..read(Method::GET, &[]) }, None),
        (Shape { path: Place::Absent, ..read(Method::HEAD, &known) }, Some(StatusCode::NOT_FOUND)),
        (Shape { path: Place::WithEmptyQuery, ..read(Method::GET, &[]) }, None),
        (Shape { has_body: true, ..read(Method::GET, &[]) }, None),
    ];
    for (shape, status) in expected {
        let (plain, routed) = ways.ask(&shape).await;
        assert_eq!(plain.as_ref().map(|answer| answer.status), status, "{shape:?}");
        if let Some(plain) = plain {
            let counted = (Some(OperationId::GetPersona), plain.status.as_u16());
            assert_eq!((&plain.counted, &plain), (&vec![counted], &routed), "{shape:?}");
        }
    }
}
