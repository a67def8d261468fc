//! A file with several stores on it, and an observer that counts what they do.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{Maintenance, Settings, SqliteStore, initialise};
use persona_storage::{Checkpoint, Error, NoObserver, Observer, Operation, Store, Written};
use persona_test_support::wait_until;
use rusqlite::Connection;
use serde_json::json;

/// Longest wait for something that happens by itself, and longest time of a write that waits.
pub const LONG: Duration = Duration::from_secs(30);

pub struct File {
    pub _folder: tempfile::TempDir,
    pub settings: Settings,
}

impl File {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        Self { _folder: folder, settings }
    }

    pub fn store(&self) -> Arc<dyn Store> {
        self.store_with(Arc::new(NoObserver))
    }

    pub fn store_with(&self, observer: Arc<dyn Observer>) -> Arc<dyn Store> {
        Arc::new(
            SqliteStore::open(self.settings.clone(), Arc::new(TestClock::default()), observer)
                .expect("it opens"),
        )
    }

    pub fn maintenance(&self, observer: Arc<dyn Observer>) -> Maintenance {
        Maintenance::open(&self.settings, Arc::new(TestClock::default()), observer)
            .expect("it opens")
    }

    /// A connection of a program that knows nothing of the write lock.
    pub fn foreign(&self) -> Connection {
        Connection::open(&self.settings.path).expect("it opens")
    }

    pub fn wal(&self) -> PathBuf {
        PathBuf::from(format!("{}-wal", self.settings.path.display()))
    }
}

pub async fn create(store: &Arc<dyn Store>, number: u8) -> Written {
    store
        .write(write(Operation::Create {
            id: id(number),
            document: document(json!({ "name": "Ada" })),
        }))
        .await
        .expect("created")
}

pub async fn add_key(store: &Arc<dyn Store>, key: &str, wait: Duration) -> Result<Written, Error> {
    let patch = Patch::merge(json!({ "extensions": { key: 1 } })).expect("a merge patch");
    let mut write =
        write(Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None });
    write.deadline = Instant::now() + wait;
    store.write(write).await
}

/// Counts what stores and the maintenance process report.
#[derive(Default)]
pub struct Counts {
    pub transactions: AtomicUsize,
    pub writes: AtomicUsize,
    pub retries: AtomicUsize,
    pub waiting: AtomicUsize,
    pub gave_up: AtomicUsize,
    pub blocked: AtomicUsize,
    pub largest_wal: AtomicU64,
}

impl Counts {
    /// Returns when this many requests wait for their transaction. It says nothing of their order:
    /// a request counts from before it is worked out and given to the queue.
    pub async fn until_wait(&self, requests: usize) {
        wait_until("requests that wait", LONG, || self.waiting.load(Ordering::Relaxed) >= requests)
            .await;
    }
}

impl Observer for Counts {
    fn enqueued(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }
    fn dequeued(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
    fn committed(&self, _took: Duration, writes: usize) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes, Ordering::Relaxed);
    }
    fn lock_retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }
    fn gave_up(&self) {
        self.gave_up.fetch_add(1, Ordering::Relaxed);
    }
    fn checkpointed(&self, _took: Duration, result: Checkpoint) {
        self.blocked.fetch_add(
            usize::from(matches!(result, Checkpoint::Blocked { .. })),
            Ordering::Relaxed,
        );
    }
    fn wal_bytes(&self, bytes: u64) {
        self.largest_wal.fetch_max(bytes, Ordering::Relaxed);
    }
}
