//! Reads through the whole router, without a socket and without a file: what HTTP adds to a point
//! read.
//!
//! `./bench --micro` runs these and compares them with `benches/baseline.json`.

use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{Method, Request, StatusCode, header};
use persona_http::Body;
use persona_http::{
    AccessRules, AnswerMemoryLimit, BatchTurns, BodyMemoryLimit, Context, EventFeed, EventLimits,
    HeavyTurns, ReadTurns, TokenUses, router,
};
use persona_server::clock::SystemClock;
use persona_server::scoreboard::Scoreboard;
use persona_storage::memory::MemoryStore;

const PATH: &str = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";

fn app() -> persona_http::Router {
    let clock = Arc::new(SystemClock);
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let entry = Scoreboard::create().expect("a scoreboard").entry(1, 1);
    router(Context {
        turns: ReadTurns::of(&*store),
        events: EventFeed::new(store.clone(), EventLimits::ALONE),
        store,
        clock,
        metrics: Arc::new(entry.clone()),
        server: Arc::new(entry),
        origins: persona_http::Origins::default(),
        root_path: "".into(),
        expose_worker: false,
        access_log: false,
        write_wait_max: Duration::from_secs(1),
        read_time_max: Duration::from_secs(5),
        bodies: BodyMemoryLimit::default(),
        heavy: HeavyTurns::default(),
        batch: BatchTurns::default(),
        document_bytes_max: persona_model::DOCUMENT_BYTES_MAX,
        answers: AnswerMemoryLimit::new(256 << 20),
        access: AccessRules::Trusted,
        token_uses: TokenUses::default(),
    })
}

fn get(known: &str) -> Request<Body> {
    Request::get(PATH).header(header::IF_NONE_MATCH, known).body(Body::empty()).expect("a request")
}

fn put() -> Request<Body> {
    let body =
        serde_json::json!({ "name": "Ada", "system_prompt": "You are patient. ".repeat(100) })
            .to_string();
    let request =
        Request::builder().method(Method::PUT).uri(PATH).header(header::IF_NONE_MATCH, "*");
    request
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .expect("a request")
}

fn reads(criterion: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let app = app();
    let created = runtime.block_on(app.answer(put()));
    assert_eq!(created.status(), StatusCode::CREATED);
    let tag = created.headers()[header::ETAG].to_str().expect("text").to_owned();
    let many =
        (2..40).map(|revision| format!("\"{revision}-9f3c21aa\"")).collect::<Vec<_>>().join(", ");
    for (name, known, status) in [
        ("get_through_the_router", "\"2-9f3c21aa\"", StatusCode::OK),
        ("not_modified_through_the_router", tag.as_str(), StatusCode::NOT_MODIFIED),
        ("entity_tags_parsed_38", many.as_str(), StatusCode::OK),
    ] {
        criterion.bench_function(name, |bencher| {
            let ask = |request: Request<Body>| {
                let answer: http::Response<Body> = runtime.block_on(app.answer(request));
                assert_eq!(answer.status(), status);
            };
            bencher.iter_batched(|| get(known), ask, BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, reads);
criterion_main!(benches);
