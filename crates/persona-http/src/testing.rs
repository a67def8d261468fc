//! What the tests of this folder share: a clock that stands still, metrics that can be asked, and
//! the context of a router that no server runs.

use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use persona_model::{Clock, DOCUMENT_BYTES_MAX, Timestamp};
use persona_storage::memory::MemoryStore;
use persona_storage::{GuardedStore, Store};

use crate::contract::OperationId;
use crate::{
    AccessRules, Alone, AnswerMemoryLimit, BatchTurns, BodyMemoryLimit, Context, EventFeed,
    EventLimits, HeavyTurns, KnownSecrets, Metrics, RateLimits, ReadTurns, TokenUses,
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

/// Metrics that keep the operation and the status of each answer.
#[derive(Default)]
pub struct Counts(Mutex<Vec<(Option<OperationId>, u16)>>);

impl Counts {
    /// What was counted since the last call.
    pub fn take(&self) -> Vec<(Option<OperationId>, u16)> {
        mem::take(&mut *self.0.lock().expect("a test that panicked"))
    }
}

impl Metrics for Counts {
    fn request_answered(&self, operation: Option<OperationId>, status: u16, _took: Duration) {
        self.0.lock().expect("a test that panicked").push((operation, status));
    }

    fn head_refused(&self) {}

    fn event_stream_opened(&self) {}

    fn event_stream_ended(&self) {}
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
