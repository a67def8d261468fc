//! Sixteen writers and one poller. The control: a poller that goes on from the newest time that it
//! saw misses changes on PostgreSQL, because a write takes its time before the order is known in
//! which transactions become visible.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Clock, Position, Since, Timestamp};
use persona_storage::conformance::polling::{Poller, Writers};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{self, SqliteStore};
use persona_storage::{NoObserver, Store};
use persona_test_support::Cluster;

/// Personas that each of the writers creates.
const CREATED_BY_EACH: u16 = 2_000;
const CREATED: usize = CREATED_BY_EACH as usize * 16;
/// Longest wait for the end of the feed.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug)]
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the order of real times is what the control is about"
        )]
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after the epoch");
        Timestamp::from_micros(i64::try_from(since.as_micros()).expect("it fits"))
    }

    fn elapsed(&self) -> Duration {
        let now = self.now().as_micros();
        Duration::from_micros(u64::try_from(now).expect("after the epoch"))
    }
}

fn postgres() -> Arc<dyn Store> {
    let cluster = Cluster::shared();
    let settings = postgres::Settings::parse(&cluster.url(&cluster.database())).expect("a URL");
    postgres::initialise(&settings).expect("an empty database");
    Arc::new(
        PostgresStore::open(settings, Arc::new(WallClock), Arc::new(NoObserver)).expect("it opens"),
    )
}

fn sqlite(folder: &tempfile::TempDir) -> Arc<dyn Store> {
    let settings = sqlite::Settings::new(folder.path().join("persona.db"));
    sqlite::initialise(&settings).expect("a new file");
    Arc::new(
        SqliteStore::open(settings, Arc::new(WallClock), Arc::new(NoObserver)).expect("it opens"),
    )
}

/// Polls beside the writers, and tells how many personas were seen when the feed had ended.
async fn seen_beside_writers(store: Arc<dyn Store>) -> usize {
    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { Writers { created_by_each: CREATED_BY_EACH }.write(&store).await }
    });
    let (mut poller, mut ended) = (Poller::default(), None);
    loop {
        poller.poll(&store, 1000).await.expect("listed");
        if writing.is_finished() {
            let ended = ended.get_or_insert_with(Instant::now);
            let newest = store
                .changes_after(0, usize::MAX)
                .await
                .expect("readable")
                .last()
                .map(Position::of);
            if newest.map(Since::Position) == Some(poller.since) {
                break;
            }
            assert!(ended.elapsed() < SETTLED_WITHIN, "{:?} is not {newest:?}", poller.since);
        }
    }
    writing.await.expect("no panic");
    store.close().await;
    poller.seen.len()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: run by ./test --long"]
async fn a_poller_misses_nothing_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(seen_beside_writers(sqlite(&folder)).await, CREATED);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: run by ./test --long"]
async fn a_poller_misses_nothing_on_postgresql() {
    assert_eq!(seen_beside_writers(postgres()).await, CREATED);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: run by ./test --long"]
async fn the_control_a_poller_by_time_misses_changes_on_postgresql() {
    let store = postgres();
    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { Writers { created_by_each: CREATED_BY_EACH }.write(&store).await }
    });
    let (mut seen, mut last) = (HashSet::new(), Timestamp::from_micros(0));
    let mut is_last = false;
    loop {
        let page =
            Poller::changed(&store, Since::Time(last), 1_000_000, None).await.expect("listed");
        for item in &page.items {
            let value: serde_json::Value =
                serde_json::from_slice(&item.body).expect("an answer is JSON");
            last =
                last.max(value["updated_at"].as_str().and_then(Timestamp::parse).expect("a time"));
            seen.insert(item.id);
        }
        if is_last {
            break;
        }
        is_last = writing.is_finished();
    }
    writing.await.expect("no panic");
    store.close().await;
    println!("a poller by time saw {} of {CREATED}", seen.len());
    assert!(seen.len() < CREATED, "this control shows nothing any more");
}
