//! What the tests of this folder share: a clock that stands still, and the context of a router
//! that no server runs.

use std::sync::Arc;
use std::time::Duration;

use persona_model::{Clock, DOCUMENT_BYTES_MAX, Timestamp};
use persona_storage::memory::MemoryStore;
use persona_storage::{GuardedStore, Store};

use crate::{
    AccessRules, Alone, AnswerMemoryLimit, BatchTurns, BodyMemoryLimit, Context, EventFeed,
    EventLimits, HeavyTurns, KnownSecrets, RateLimits, ReadTurns, TokenUses,
};

/// A clock that stands still.
pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_795_543_841_000_120)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// An empty store in memory.
pub fn memory_store() -> MemoryStore {
    MemoryStore::new(Arc::new(FixedClock))
}

/// The context of a router over this store.
pub fn context(store: Arc<dyn Store>) -> Context {
    Context {
        turns: ReadTurns::of(&*store),
        events: EventFeed::new(Arc::clone(&store), EventLimits::ALONE),
        store: GuardedStore::new(store),
        clock: Arc::new(FixedClock),
        metrics: Arc::new(Alone),
        server: Arc::new(Alone),
        origins: crate::Origins::default(),
        root_path: "".into(),
        expose_worker: false,
        access_log: true,
        write_wait_max: Duration::from_secs(10),
        read_time_max: Duration::from_secs(5),
        bodies: BodyMemoryLimit::default(),
        heavy: HeavyTurns::default(),
        batch: BatchTurns::default(),
        document_bytes_max: DOCUMENT_BYTES_MAX,
        answers: AnswerMemoryLimit::new(1 << 20),
        access: AccessRules::Trusted,
        protected_labels: crate::ProtectedLabels::default(),
        token_uses: TokenUses::default(),
        known_secrets: KnownSecrets::default(),
        rates: RateLimits::default(),
    }
}
