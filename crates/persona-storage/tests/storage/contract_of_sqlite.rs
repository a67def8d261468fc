//! The SQLite backend keeps the contract.

use std::sync::Arc;

use persona_storage::NoObserver;
use persona_storage::conformance::{Fixture, TestClock};
use persona_storage::sqlite::{Settings, SqliteStore, initialise};

fn open(clock: Arc<TestClock>) -> Fixture {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let store = SqliteStore::open(settings, clock, Arc::new(NoObserver)).expect("it opens");
    Fixture { store: Arc::new(store), keep: Box::new(folder) }
}

persona_storage::conformance_suite!(open);
