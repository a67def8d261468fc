//! The PostgreSQL backend keeps the contract: directly, and with the settings for a pooler without
//! sessions.

use std::sync::Arc;

use persona_storage::NoObserver;
use persona_storage::conformance::{Fixture, TestClock};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_test_support::Cluster;

fn open_with(clock: Arc<TestClock>, parameters: &str) -> Fixture {
    let cluster = Cluster::shared();
    let settings = Settings::parse(&format!("{}?{parameters}", cluster.url(&cluster.database())))
        .expect("a URL");
    initialise(&settings).expect("an empty database");
    let store = PostgresStore::open(settings, clock, Arc::new(NoObserver)).expect("it opens");
    Fixture { store: Arc::new(store), keep: Box::new(()) }
}

mod with_sessions {
    use super::{Arc, Fixture, TestClock, open_with};

    fn open(clock: Arc<TestClock>) -> Fixture {
        open_with(clock, "pool_max=8")
    }

    persona_storage::conformance_suite!(open);
}

mod without_sessions {
    use super::{Arc, Fixture, TestClock, open_with};

    fn open(clock: Arc<TestClock>) -> Fixture {
        open_with(clock, "pool_max=8&statement_cache=off")
    }

    persona_storage::conformance_suite!(open);
}
