//! Commits that wait for a synchronous standby that is not there: only the server can end such a
//! wait, and waiting commits must not fill the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{NoObserver, Operation, Store};
use persona_test_support::Cluster;
use serde_json::json;
use tokio::task::JoinSet;

const POOL_MAX: usize = 4;
/// Most sessions that may wait: those that a closed pool abandoned, and those of the present
/// pool.
const WAITING_MAX: usize = 2 * POOL_MAX + POOL_MAX;
/// More writes than fit into the pool; each is tried again and again.
const WRITES: u8 = 24;
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the test waits for one more waiting commit. Where no more may wait, none comes.
const NEXT_MAX: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_for_an_absent_standby_do_not_pile_up_however_long_it_is_away() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let url = format!("{}?statement_timeout=1&pool_max={POOL_MAX}", cluster.url(&database));
    let settings = Settings::parse(&url)
        .expect("a URL")
        .named("standby")
        .abandoned_for(Duration::from_millis(100));
    initialise(&settings).expect("an empty database");
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens");
    let store: Arc<dyn Store> = Arc::new(store);
    cluster.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    let waiting = || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        cluster.sql("postgres", sql).parse::<usize>().expect("a number")
    };
    let (mut writes, mut most) = (JoinSet::new(), 0);
    for number in 0..WRITES {
        let store = Arc::clone(&store);
        let mut create = write(Operation::Create {
            id: id(number),
            document: document(json!({ "name": "Ada" })),
        });
        create.deadline = Instant::now() + PATIENCE;
        writes.spawn(async move { store.write(create).await });
        // The writes are sent one after the other, because writes that wait at the same time share
        // a commit.
        let (began, before) = (Instant::now(), most);
        while most == before && began.elapsed() < NEXT_MAX {
            most = most.max(waiting());
            tokio::task::yield_now().await;
        }
    }
    while let Some(told) = writes.join_next().await {
        assert!(told.expect("no panic").is_err(), "acknowledged without the standby");
        most = most.max(waiting());
    }
    assert!((POOL_MAX..=WAITING_MAX).contains(&most), "{most} commits wait");
    // When the server has no standby to wait for, everything goes on.
    cluster.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    let create = Operation::Create { id: id(WRITES), document: document(json!({ "name": "Bea" })) };
    store.write(write(create)).await.expect("created");
}
