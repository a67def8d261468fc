//! What the benchmarks of requests share: an API over a store in memory, and a persona in it.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, header};
use persona_http::{
    AccessRules, AnswerMemoryLimit, BatchTurns, Body, BodyMemoryLimit, Context, EventFeed,
    EventLimits, HeavyTurns, KnownSecrets, RateLimits, ReadTurns, TokenUses,
};
use persona_server::clock::SystemClock;
use persona_server::scoreboard::Scoreboard;
use persona_storage::GuardedStore;
use persona_storage::memory::MemoryStore;

/// The persona that is read and changed.
pub const PATH: &str = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";

/// What handlers share, over an empty store.
pub fn context() -> Context {
    let clock = Arc::new(SystemClock);
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let entry = Scoreboard::create().expect("a scoreboard").entry(1, 1);
    Context {
        turns: ReadTurns::of(&*store),
        events: EventFeed::new(store.clone(), EventLimits::ALONE),
        store: GuardedStore::new(store),
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
        protected_labels: persona_http::ProtectedLabels::default(),
        token_uses: TokenUses::default(),
        known_secrets: KnownSecrets::default(),
        rates: RateLimits::default(),
    }
}

/// Creates the persona.
pub fn put() -> Request<Body> {
    let text = "You are patient. ".repeat(100);
    let body = serde_json::json!({ "name": "Ada", "system_prompt": text });
    Request::put(PATH)
        .header(header::IF_NONE_MATCH, "*")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request")
}
