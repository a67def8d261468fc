//! Random requests to the whole API over a SQLite file. Each begins as a valid request and is then
//! changed at random, so that every parser of clients' bytes gets nearly valid input (paths,
//! queries, conditions, cursors, tokens, search texts, bodies, files).
//!
//! No answer may be a failure of the server, every problem must be declared by its operation, and
//! afterwards the file must pass the check. `PERSONA_REQUEST_FUZZ=3600` runs for 3600 seconds with
//! a new random seed each time; the short form has a fixed seed. `shape.rs` generates the requests.

mod shape;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use persona_storage::sqlite::{Settings, SqliteStore, check, initialise};
use persona_storage::{NoObserver, Store, TokenChange};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;
use shape::{Known, Shape};
use tempfile::TempDir;

use crate::contract::OperationId;
use crate::testing::{FixedClock, context};
use crate::{AccessRules, Router, router};

/// Requests to one file, after which a new file is begun, because requests become slower as the
/// file grows. The short form has one file.
const REQUESTS: u32 = 4_000;

/// The API over a new file.
struct Api {
    open: Router,
    /// A router that demands tokens, over a store that has none.
    closed: Router,
    known: Known,
    store: Arc<dyn Store>,
    folder: TempDir,
}

impl Api {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let store = SqliteStore::open(settings, Arc::new(FixedClock), Arc::new(NoObserver));
        let store: Arc<dyn Store> = Arc::new(store.expect("it opens"));
        let mut context = context(Arc::clone(&store));
        let rules = |open_without_tokens| AccessRules::Clients {
            open_without_tokens,
            open_monitoring: false,
        };
        context.access = rules(true);
        let open = router(context.clone());
        context.access = rules(false);
        let closed = router(context);
        let (there, tag) = create(&open).await;
        let (deleted, of_deleted) = create(&open).await;
        let request = Request::delete(format!("/api/v1/personas/{deleted}"))
            .header("if-match", of_deleted)
            .body(Body::empty());
        let answer = open.answer(request.expect("a request")).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        Self { open, closed, known: Known { there, deleted, tag }, store, folder }
    }

    /// Sends a request, and judges its answer. `None` where the library would refuse the request.
    async fn ask(&mut self, shape: &Shape) -> Option<StatusCode> {
        let request = shape.request(&self.known)?;
        let is_head = request.method() == Method::HEAD;
        let router = if shape.wants_token { &self.closed } else { &self.open };
        let operation = router.operation_of(&request);
        let answer = router.answer(request).await;
        if operation == Some(OperationId::CreateToken) {
            self.forget_tokens().await;
        }
        let (status, json) = (answer.status(), json_of(answer.headers().get(CONTENT_TYPE)));
        // There is no supervisor here, which is what these operations tell.
        let is_alone = matches!(
            operation,
            Some(
                OperationId::RestartServer
                    | OperationId::BeginBackup
                    | OperationId::BeginCheckpoint
                    | OperationId::BeginCheck
            )
        );
        assert!(is_alone || !status.is_server_error(), "{status}: {shape:?}");
        if let Some(tag) = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()) {
            tag.clone_into(&mut self.known.tag);
        }
        // A stream of events has no end.
        if answer.headers().get(CONTENT_TYPE).is_some_and(|value| value == "text/event-stream") {
            return Some(status);
        }
        let body: Bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        if is_head || !json {
            return Some(status);
        }
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        if status.is_client_error() {
            let code = body["code"].as_str().expect("a problem has a code");
            if let Some(operation) = operation {
                let declared = operation.row().all_problems();
                assert!(
                    declared.iter().any(|declared| declared.facts().word == code),
                    "{} is answered {code}: {shape:?}",
                    operation.row().name
                );
            }
        }
        Some(status)
    }

    /// Forgets the tokens that a request made, with which the open router would be closed.
    async fn forget_tokens(&self) {
        for token in self.store.all_tokens().await.expect("readable") {
            let change = TokenChange::Delete { which: token.id.to_string() };
            self.store.change_token(change).await.expect("forgotten");
        }
    }

    /// Checks the whole file, and fails if anything in it is inconsistent.
    fn check(self) {
        let path = self.folder.path().join("persona.db");
        drop((self.open, self.closed, self.store));
        let report = check(&path, &mut |_| ControlFlow::Continue(())).expect("it can be checked");
        assert!(report.problems.is_empty(), "{:?}", report.problems);
    }
}

/// Whether a body is one JSON document.
fn json_of(content_type: Option<&HeaderValue>) -> bool {
    let types = ["application/json", "application/problem+json"];
    content_type.and_then(|value| value.to_str().ok()).is_some_and(|text| types.contains(&text))
}

/// A new persona: its identity and its tag.
async fn create(router: &Router) -> (String, String) {
    let body = r#"{"name":"Ada","handle":null,"tags":["a"],"description":"Straße, C++"}"#;
    let request = Request::post("/api/v1/personas").header(CONTENT_TYPE, "application/json");
    let answer = router.answer(request.body(Body::from(body)).expect("a request")).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let text = |name| answer.headers()[name].to_str().expect("text").to_owned();
    let path = text(LOCATION);
    (path.rsplit('/').next().expect("an identity").into(), text(ETAG))
}

/// Sends random requests to one file after the other until the time is over; returns how often each
/// status was answered.
fn run(mut dice: TestRunner, time: Duration) -> BTreeMap<u16, u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (began, shapes, mut seen) = (Instant::now(), shape::shape(), BTreeMap::new());
    loop {
        let mut api = runtime.block_on(Api::new());
        for _ in 0..REQUESTS {
            let shape = shapes.new_tree(&mut dice).expect("a request").current();
            if let Some(status) = runtime.block_on(api.ask(&shape)) {
                *seen.entry(status.as_u16()).or_default() += 1;
            }
        }
        api.check();
        if began.elapsed() >= time {
            return seen;
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the environment says how long it runs")]
fn random_requests_are_answered_as_declared_and_break_nothing() {
    if let Ok(seconds) = std::env::var("PERSONA_REQUEST_FUZZ") {
        let time = Duration::from_secs(seconds.parse().expect("a number of seconds"));
        let seen = run(TestRunner::new(Config::default()), time);
        eprintln!("{} requests: {seen:?}", seen.values().sum::<u64>());
        return;
    }
    let config = Config { rng_seed: RngSeed::Fixed(2), ..Config::default() };
    let seen = run(TestRunner::new(config), Duration::ZERO);
    // A broken generator would meet few statuses.
    for status in [200, 201, 204, 207, 304, 400, 401, 404, 410, 412, 415, 422, 428] {
        assert!(seen.contains_key(&status), "nothing was answered {status}: {seen:?}");
    }
}
