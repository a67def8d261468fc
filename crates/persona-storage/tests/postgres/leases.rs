//! What long reads hold: a place of their kind and a connection, until the server has ended them,
//! and never one that a write needs.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use persona_model::{Filter, ListRequest, Patch, Precondition, Sort};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{Error, Exported, NoObserver, Operation, Store, Write};
use persona_test_support::{Cluster, wait_until};
use serde_json::json;
use tokio::task::JoinSet;

/// Longest time of a write beside long reads. Alone it takes milliseconds; without connections of
/// its own it would wait until its deadline.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// Longest wait for something that happens by itself.
const LONG: Duration = Duration::from_secs(30);
/// Large enough that an export that is not read does not fit into queue and sockets.
const LARGE_PERSONAS: u8 = 160;
const LARGE_BYTES: usize = 100_000;

struct Bench<'a> {
    store: Arc<dyn Store>,
    cluster: &'a Cluster,
    database: String,
}

impl Bench<'static> {
    /// A store with one persona; its lists are cancelled after this time.
    async fn with(parameters: &str, read_time: Duration) -> Self {
        let cluster = Cluster::shared();
        let database = cluster.database();
        let url = format!("{}?{parameters}", cluster.url(&database));
        Self::on(cluster, database, &url, read_time).await
    }
}

impl<'a> Bench<'a> {
    /// The same in a database of this server, which is reached by this URL.
    async fn on(cluster: &'a Cluster, database: String, url: &str, read_time: Duration) -> Self {
        let settings =
            Settings::parse(url).expect("a URL").named("leases").reading_within(read_time);
        initialise(&settings).expect("an empty database");
        let store =
            PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
                .expect("it opens");
        store.write(create(0, "short")).await.expect("created");
        Self { store: Arc::new(store), cluster, database }
    }

    async fn fill(&self) {
        let text = "x".repeat(LARGE_BYTES);
        for number in 1..=LARGE_PERSONAS {
            self.store.write(create(number, &text)).await.expect("created");
        }
    }

    fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.database, sql)
    }

    /// Sessions of the store of which this holds.
    fn sessions(&self, condition: &str) -> usize {
        let of_store = "datname = current_database() AND application_name = 'leases'";
        self.sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE {of_store} AND {condition}"))
            .parse()
            .expect("a number")
    }

    /// Patches the first persona and tells how long that took.
    async fn patch(&self, number: usize) -> Duration {
        let began = Instant::now();
        let patch =
            Patch::merge(json!({ "description": format!("{number}") })).expect("a merge patch");
        self.store
            .write(write(Operation::Patch {
                id: id(0),
                precondition: Precondition::Any,
                patch,
                base: None,
            }))
            .await
            .expect("patched");
        began.elapsed()
    }

    /// Patches one after the other while something else goes on; none may wait for that.
    async fn patch_beside(&self, what: &str) {
        for number in 0..6 {
            let took = self.patch(number).await;
            assert!(took < WRITE_MAX, "a write beside {what} took {took:?}");
        }
    }
}

fn create(number: u8, description: &str) -> Write {
    write(Operation::Create {
        id: id(number),
        document: document(json!({ "name": "Ada", "description": description })),
    })
}

/// A list of the personas that have all of so many tags.
fn list_with_tags(count: usize) -> ListRequest {
    let tags = (0..count).map(|number| format!("tag {number}")).collect();
    ListRequest {
        filter: Filter { tags, ..Filter::default() },
        sort: Sort::DEFAULT,
        after: None,
        limit: 50,
        count: true,
    }
}

/// Holds a table, so that what asks for it waits in the server for as long as this lives.
struct Held(tokio_postgres::Client);

impl Held {
    /// A list that asks for a tag waits.
    async fn tags_of(bench: &Bench<'_>) -> Self {
        Self::with(bench, "LOCK TABLE persona_store.persona_tags IN ACCESS EXCLUSIVE MODE").await
    }

    /// Every write waits, and no read.
    async fn writes_of(bench: &Bench<'_>) -> Self {
        Self::with(bench, "LOCK TABLE persona_store.personas IN EXCLUSIVE MODE").await
    }

    /// A change of this persona waits.
    async fn changes_of(bench: &Bench<'_>, name: &str) -> Self {
        Self::with(
            bench,
            &format!("SELECT 1 FROM persona_store.personas WHERE name = '{name}' FOR UPDATE"),
        )
        .await
    }

    async fn with(bench: &Bench<'_>, lock: &str) -> Self {
        let url = bench.cluster.url(&bench.database);
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("connected");
        tokio::spawn(connection);
        client.batch_execute(&format!("BEGIN; {lock}")).await.expect("locked");
        Self(client)
    }

    async fn release(self) {
        self.0.batch_execute("ROLLBACK").await.expect("over");
    }
}

/// Begins a read, lets it get as far as the server, and drops it.
async fn begin_and_drop<T>(reading: impl Future<Output = T>, reached: impl FnMut() -> bool) {
    let mut reading = Box::pin(reading);
    let mut reached = reached;
    wait_until("the read reaches the server", LONG, || {
        let polled = reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "the read is over");
        reached()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_that_nobody_reads_hold_nothing_that_writes_lists_or_the_feed_need() {
    let bench = Bench::with("", LONG).await;
    bench.fill().await;
    let (mut slow, mut refused) = (Vec::new(), 0);
    let mut starting: JoinSet<_> = (0..24)
        .map(|_| Arc::clone(&bench.store))
        .map(|store| async move { store.export(Exported::All).await })
        .collect();
    while let Some(started) = starting.join_next().await {
        match started.expect("no panic") {
            Ok(export) => slow.push(export),
            Err(Error::Busy { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((slow.len(), refused), (2, 22));
    bench.patch_beside("exports").await;
    bench.store.list(list_with_tags(1)).await.expect("listed");
    bench.store.changes_after(0, 10).await.expect("readable");
    bench.store.status().await.expect("readable");
    assert_eq!(bench.sessions("query LIKE 'FETCH%' OR query LIKE 'COMMIT'"), 2);
    assert!(bench.sessions("true") <= 10, "{}", bench.sessions("true"));
    // One that is dropped makes room for another, which comes to its end.
    slow.clear();
    wait_until("the exports are over", LONG, || bench.sessions("query LIKE 'FETCH%'") == 0).await;
    let mut export = bench.store.export(Exported::All).await.expect("started");
    let mut count = 0;
    while let Some(answer) = export.recv().await {
        answer.expect("no error");
        count += 1;
    }
    assert_eq!(count, usize::from(LARGE_PERSONAS) + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_take_long_hold_only_the_connections_of_lists() {
    for parameters in ["", "pool_max=2", "pool_max=3", "pool_max=5", "statement_cache=off"] {
        let bench = Bench::with(parameters, LONG).await;
        let held = Held::tags_of(&bench).await;
        let lists: JoinSet<_> = (0..22)
            .map(|_| Arc::clone(&bench.store))
            .map(|store| async move { store.list(list_with_tags(3)).await.map(drop) })
            .collect();
        wait_until("a list waits", LONG, || bench.sessions("wait_event_type = 'Lock'") >= 1).await;
        bench.patch_beside(parameters).await;
        assert!(bench.store.get(id(0)).await.expect("readable").is_some());
        assert!(bench.sessions("wait_event_type = 'Lock'") <= 3, "{parameters}");
        held.release().await;
        // They are answered, or told that there was no place for them in time.
        for list in lists.join_all().await {
            assert!(matches!(list, Ok(()) | Err(Error::Busy { .. })), "{parameters}: {list:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_client_is_gone_is_cancelled_and_no_write_waits_behind_it() {
    for parameters in ["", "pool_max=2", "statement_cache=off"] {
        let bench = Bench::with(parameters, LONG).await;
        let held = Held::tags_of(&bench).await;
        let waiting = || bench.sessions("wait_event_type = 'Lock'");
        for round in 0..4 {
            // Beyond the first few there is no place until one before was cancelled.
            begin_and_drop(bench.store.list(list_with_tags(3)), || waiting() > 0).await;
            let took = bench.patch(round).await;
            assert!(took < WRITE_MAX, "{parameters}: a write behind a dropped list took {took:?}");
            // Far sooner than a lock is waited for, or a lost client is noticed.
            let began = Instant::now();
            wait_until("the list is cancelled", LONG, || waiting() == 0).await;
            assert!(
                began.elapsed() < WRITE_MAX,
                "{parameters}: cancelled after {:?}",
                began.elapsed()
            );
        }
        assert!(bench.sessions("true") <= 10);
        held.release().await;
        // Every place is free again.
        let lists: JoinSet<_> = (0..3)
            .map(|_| Arc::clone(&bench.store))
            .map(|store| async move { store.list(list_with_tags(3)).await })
            .collect();
        for list in lists.join_all().await {
            list.expect("listed");
        }
    }
}

/// The request to cancel goes over a connection of its own, which is encrypted as the others are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_client_is_gone_is_cancelled_over_tls_too() {
    let cluster = Cluster::with_tls();
    let authority = cluster.folder().join("ca.crt");
    let database = cluster.database();
    let query = format!("sslmode=verify-full&sslrootcert={}&pool_max=2", authority.display());
    let url = format!("postgres://postgres@localhost:{}/{database}?{query}", cluster.port());
    let bench = Bench::on(&cluster, database, &url, LONG).await;
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'leases'";
    assert_eq!(bench.sql(encrypted), "t");
    let held = Held::tags_of(&bench).await;
    let waiting = || bench.sessions("wait_event_type = 'Lock'");
    for _ in 0..2 {
        begin_and_drop(bench.store.list(list_with_tags(3)), || waiting() > 0).await;
        let began = Instant::now();
        wait_until("the list is cancelled", LONG, || waiting() == 0).await;
        assert!(began.elapsed() < WRITE_MAX, "cancelled after {:?}", began.elapsed());
    }
    held.release().await;
    bench.store.list(list_with_tags(3)).await.expect("listed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_writes_hold_one_connection_at_a_time_and_leave_the_others_to_small_ones() {
    let bench = Bench::with("pool_max=3", LONG).await;
    let text = "x".repeat(LARGE_BYTES);
    for number in 1..=4 {
        let document = document(json!({ "name": "heavy", "description": text }));
        bench
            .store
            .write(write(Operation::Create { id: id(number), document }))
            .await
            .expect("created");
    }
    // Another process, as it were: it has never seen how large these personas are.
    let settings = Settings::parse(&bench.cluster.url(&bench.database)).expect("a URL");
    let settings = settings.named("leases").reading_within(LONG);
    let other = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver));
    let other: Arc<dyn Store> = Arc::new(other.expect("it opens"));
    for (store, revision) in [(&bench.store, 2), (&other, 3)] {
        let held = Held::changes_of(&bench, "heavy").await;
        // As short as they are, each changes a large document.
        let nickname = |number: u8| {
            let patch = Patch::merge(json!({ "nickname": revision.to_string() }));
            let patch = patch.expect("a merge patch");
            write(Operation::Patch {
                id: id(number),
                precondition: Precondition::Any,
                patch,
                base: None,
            })
        };
        let heavy: JoinSet<_> = (1..=4)
            .map(|number| (Arc::clone(store), nickname(number)))
            .map(|(store, write)| async move { store.write(write).await })
            .collect();
        let waiting = || bench.sessions("wait_event_type = 'Lock'");
        wait_until("a heavy write reaches the server", LONG, || waiting() > 0).await;
        bench.patch_beside("heavy ones").await;
        assert_eq!(waiting(), 1);
        held.release().await;
        for written in heavy.join_all().await {
            assert_eq!(written.expect("patched").representation.revision.number(), revision);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_is_told_while_writes_hold_every_connection_that_they_may_have() {
    for pool_max in [3, 10] {
        let bench = Bench::with(&format!("pool_max={pool_max}"), LONG).await;
        let held = Held::writes_of(&bench).await;
        let writes: JoinSet<_> = (1..=20)
            .map(|number| (Arc::clone(&bench.store), create(number, "waits")))
            .map(|(store, write)| async move { store.write(write).await })
            .collect();
        // One is for short reads.
        wait_until("writes hold all connections but one", LONG, || {
            bench.sessions("wait_event_type = 'Lock'") == pool_max - 1
        })
        .await;
        bench.store.ready().await.expect("reads work");
        held.release().await;
        for written in writes.join_all().await {
            written.expect("created");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_takes_too_long_is_cancelled_and_its_client_is_told() {
    let bench = Bench::with("", Duration::from_millis(300)).await;
    let held = Held::tags_of(&bench).await;
    let began = Instant::now();
    let refused = bench.store.list(list_with_tags(3)).await.expect_err("too long");
    assert!(matches!(refused, Error::ReadTimedOut { .. }), "{refused}");
    assert!(began.elapsed() < WRITE_MAX, "{:?}", began.elapsed());
    wait_until("the list is cancelled", LONG, || bench.sessions("wait_event_type = 'Lock'") == 0)
        .await;
    held.release().await;
    bench.store.list(list_with_tags(3)).await.expect("listed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_the_server_ends_at_the_limit_of_statements_took_too_long_too() {
    let bench = Bench::with("statement_timeout=1", LONG).await;
    let held = Held::tags_of(&bench).await;
    let refused = bench.store.list(list_with_tags(3)).await.expect_err("too long");
    assert!(
        matches!(refused, Error::ReadTimedOut { limit } if limit == Duration::from_secs(1)),
        "{refused:?}"
    );
    held.release().await;
    bench.store.list(list_with_tags(3)).await.expect("listed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_ends_by_itself_is_not_cancelled_and_its_connection_is_used_again() {
    let bench = Bench::with("pool_max=2", LONG).await;
    bench.store.list(list_with_tags(1)).await.expect("listed");
    let oldest = "SELECT min(backend_start) FROM pg_stat_activity WHERE application_name = 'leases' AND datname = current_database()";
    let before = bench.sql(oldest);
    for _ in 0..20 {
        let mut list = Box::pin(bench.store.list(list_with_tags(1)));
        if let Poll::Ready(listed) = list.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            listed.expect("listed");
        }
        drop(list);
        bench.store.list(list_with_tags(1)).await.expect("listed");
    }
    assert_eq!(bench.sql(oldest), before, "the connection was closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_of_a_list_with_many_tags_takes_no_longer_than_its_limit() {
    let bench = Bench::with("", LONG).await;
    let tags: Vec<String> = (0..200).map(|number| format!("tag {number}")).collect();
    for (number, own) in [(1, &tags[..]), (2, &tags[1..])] {
        let members = json!({ "name": "Ada", "tags": own[..own.len().min(64)] });
        bench
            .store
            .write(write(Operation::Create { id: id(number), document: document(members) }))
            .await
            .expect("created");
    }
    let began = Instant::now();
    let nothing = bench.store.list(list_with_tags(200)).await.expect("listed");
    assert_eq!(nothing.items.len(), 0);
    assert!(began.elapsed() < WRITE_MAX, "{:?}", began.elapsed());
    for count in [1, 4, 5, 16, 64] {
        let mut request = list_with_tags(count);
        // One that is named twice counts once.
        request.filter.tags.push("tag 0".into());
        let page = bench.store.list(request).await.expect("listed");
        assert_eq!(
            page.items.iter().map(|answer| answer.id).collect::<Vec<_>>(),
            [id(1)],
            "{count}"
        );
        assert_eq!(page.total, Some(1));
    }
    let mut both = list_with_tags(16);
    both.filter.tags.remove(0);
    assert_eq!(bench.store.list(both).await.expect("listed").items.len(), 2);
}
