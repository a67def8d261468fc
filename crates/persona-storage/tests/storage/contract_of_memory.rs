//! The oracle, which is a store in memory, keeps the contract.

use std::sync::Arc;

use persona_storage::conformance::{Fixture, TestClock};
use persona_storage::memory::MemoryStore;

fn open(clock: Arc<TestClock>) -> Fixture {
    Fixture { store: Arc::new(MemoryStore::new(clock)), keep: Box::new(()) }
}

persona_storage::conformance_suite!(open);
