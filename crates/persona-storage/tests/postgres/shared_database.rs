//! A database of a test's own, with several stores on it, and an observer of the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{NoObserver, Observer, Operation, Store, Write};
use persona_test_support::Cluster;

/// Longest wait for something that happens by itself.
pub const LONG: Duration = Duration::from_secs(30);

/// A database of a test's own.
pub struct Database {
    pub cluster: &'static Cluster,
    pub name: String,
}

impl Database {
    pub fn new() -> Self {
        Self::on(Cluster::shared())
    }

    /// A database on a server of its own, where no transactions of other tests are seen.
    pub fn alone() -> Self {
        Self::on(Box::leak(Box::new(Cluster::start(&[]))))
    }

    pub fn on(cluster: &'static Cluster) -> Self {
        let name = cluster.database();
        initialise(&settings(&cluster.url(&name))).expect("an empty database");
        Self { cluster, name }
    }

    pub fn store(&self) -> Arc<dyn Store> {
        open(&self.cluster.url(&self.name))
    }

    pub fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.name, sql)
    }
}

pub fn settings(url: &str) -> Settings {
    Settings::parse(url).expect("a URL")
}

pub fn open(url: &str) -> Arc<dyn Store> {
    open_observed(url, Arc::new(NoObserver))
}

pub fn open_observed(url: &str, observer: Arc<dyn Observer>) -> Arc<dyn Store> {
    let store = PostgresStore::open(settings(url), Arc::new(TestClock::default()), observer);
    Arc::new(store.expect("it opens"))
}

pub fn create(number: u8, members: serde_json::Value) -> Write {
    write(Operation::Create { id: id(number), document: document(members) })
}

pub fn patch(members: serde_json::Value) -> Write {
    let patch = Patch::merge(members).expect("a merge patch");
    write(Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None })
}

/// Counts the writes that ever entered the queue.
#[derive(Default)]
pub struct Queue(AtomicUsize);

impl Queue {
    pub fn enqueued(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Observer for Queue {
    fn enqueued(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}
