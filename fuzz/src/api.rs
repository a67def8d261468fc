//! The API over a store in memory, for the targets that send requests.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::BodyExt;
use persona_http::{
    AccessRules, Alone, AnswerMemoryLimit, BatchTurns, Body, BodyMemoryLimit, ClientAddress,
    Context, EventFeed, EventLimits, HeavyTurns, KnownSecrets, Origins, PlainReads,
    ProtectedLabels, RateLimits, ReadTurns, Router, TokenUses, router,
};
use persona_model::{Clock, DOCUMENT_BYTES_MAX, Timestamp};
use persona_storage::memory::MemoryStore;
use persona_storage::{
    GuardedStore, Store, Token, TokenChange, TokenScope, TokenSecret, link_name,
};

/// What is between two requests.
const BETWEEN: &[u8] = b"\n====\n";
/// Most time for an answer. Those that wait for a change end so.
const ANSWER_WAIT_MAX: Duration = Duration::from_millis(100);
/// The path of the persona that is there.
pub const PERSONA: &str = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";
/// The requests that make the persona that is there.
const FIRST: &[u8] = b"PUT /api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001\nif-none-match: *\n\
    content-type: application/json\n\n{\"name\":\"Ada\",\"handle\":\"ada\",\"tags\":[\"a\"]}\n====\n\
    PUT /api/v1/personas/@ada/labels/production\ncontent-type: application/json\n\n\
    {\"revision\":1}";

/// A clock that stands still.
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_795_543_841_000_120)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// Runs a target that waits.
pub fn wait(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(work);
}

/// The API over a store with one persona, which has a handle and a label.
pub struct Api {
    pub open: Router,
    pub plain: PlainReads,
    /// A router that wants tokens, over the same store.
    pub closed: Router,
    /// The short way of reads of that router.
    pub closed_plain: PlainReads,
    store: Arc<MemoryStore>,
}

impl Api {
    pub async fn new() -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(FixedClock)));
        let open = context(Arc::clone(&store));
        let mut closed = open.clone();
        closed.access = AccessRules::Clients { open_without_tokens: false, open_monitoring: false };
        let api = Self {
            plain: PlainReads::new(open.clone()),
            open: router(open),
            closed_plain: PlainReads::new(closed.clone()),
            closed: router(closed),
            store,
        };
        for request in pieces(FIRST).into_iter().filter_map(request_of) {
            let status = api.open.answer(request).await.status();
            assert!(status.is_success(), "{status}");
        }
        api
    }

    /// The secrets of a link and of the session that a browser began with it. Only the program
    /// itself makes links, so the store is told of this one.
    pub async fn sign_in(&self) -> (String, String) {
        let link = TokenSecret::random().expect("random numbers");
        let now = FixedClock.now();
        let token = Token::new(String::new(), link.hash(), TokenScope::Read, now);
        let mut token = token.expect("random numbers");
        token.name = link_name(token.id);
        self.store.change_token(TokenChange::Create(token)).await.expect("a link");
        let head = format!("POST /api/v1/session\nauthorization: Bearer {}", link.expose());
        let request = request_of(head.as_bytes()).expect("a request");
        let answer = self.closed.answer(request).await;
        let set = answer.headers().get(SET_COOKIE).and_then(|set| set.to_str().ok());
        let secret = set.and_then(|set| set.split(['=', ';']).nth(1)).expect("a cookie");
        (link.expose().to_owned(), secret.to_owned())
    }
}

/// The status of the answer over the short way, and its body; `None` where a request goes over the
/// router.
pub async fn answer_at_once(
    plain: &PlainReads,
    mut request: Request<Body>,
) -> Option<(u16, Bytes)> {
    let client = ClientAddress(IpAddr::from([127, 0, 0, 1]));
    let short = plain.answer(&mut request, client, None)?;
    let status = short.status().as_u16();
    Some((status, short.into_body().collect().await.expect("a body").to_bytes()))
}

/// Status and body of an answer; `None` for an answer without an end. A body of JSON is read.
pub async fn answer(router: &Router, request: Request<Body>) -> Option<(u16, Bytes)> {
    let is_head = request.method() == http::Method::HEAD;
    let answering = async {
        let answer = router.answer(request).await;
        let (head, body) = answer.into_parts();
        let is_json = head.headers.get(CONTENT_TYPE).is_some_and(|kind| {
            matches!(kind.as_bytes(), b"application/json" | b"application/problem+json")
        });
        let body = body.collect().await.expect("a body").to_bytes();
        if is_json && !is_head {
            serde_json::from_slice::<serde_json::Value>(&body).expect("JSON");
        }
        (head.status.as_u16(), body)
    };
    tokio::time::timeout(ANSWER_WAIT_MAX, answering).await.ok()
}

/// Bytes in which each `name` is replaced by a value.
pub fn replaced(bytes: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let (mut rest, mut made) = (bytes, Vec::new());
    while let Some(at) = rest.windows(name.len()).position(|part| part == name) {
        made.extend_from_slice(&rest[..at]);
        made.extend_from_slice(value);
        rest = &rest[at + name.len()..];
    }
    made.extend_from_slice(rest);
    made
}

/// The requests of an input.
pub fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        pieces.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    pieces.push(rest);
    pieces
}

/// The request that is written so; `None` where the HTTP library would refuse it.
pub fn request_of(bytes: &[u8]) -> Option<Request<Body>> {
    let (head, body) = match bytes.windows(2).position(|window| window == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let (method, target) = (&first[..space], &first[space + 1..]);
    // The check of heads refuses it, and `Uri` would drop what follows.
    if target.contains(&b'#') {
        return None;
    }
    let mut request =
        Request::builder().method(method).uri(target).body(body.to_vec().into()).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

fn context(store: Arc<MemoryStore>) -> Context {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock);
    Context {
        turns: ReadTurns::of(&*store),
        events: EventFeed::new(store.clone(), EventLimits::ALONE),
        store: GuardedStore::new(store),
        clock,
        metrics: Arc::new(Alone),
        server: Arc::new(Alone),
        origins: Origins::default(),
        root_path: "".into(),
        expose_worker: false,
        access_log: false,
        write_wait_max: Duration::from_secs(10),
        read_time_max: Duration::from_secs(5),
        bodies: BodyMemoryLimit::default(),
        heavy: HeavyTurns::default(),
        batch: BatchTurns::default(),
        document_bytes_max: DOCUMENT_BYTES_MAX,
        answers: AnswerMemoryLimit::new(1 << 20),
        access: AccessRules::Clients { open_without_tokens: true, open_monitoring: true },
        protected_labels: ProtectedLabels::default(),
        token_uses: TokenUses::default(),
        known_secrets: KnownSecrets::default(),
        rates: RateLimits::default(),
    }
}
