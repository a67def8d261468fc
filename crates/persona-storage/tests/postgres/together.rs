//! Several stores on one database, and a database that goes away: nothing is lost, nothing is done
//! twice, and no request waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, idempotent, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{
    Error, Exported, NoObserver, Observer, Operation, Outcome, Store, WaiterView, Write, Written,
};
use persona_test_support::wire::{Fault, Sender, Trap, Wire};
use persona_test_support::{Cluster, wait_until};
use serde_json::json;
use tokio::task::JoinSet;

/// Longest wait for something that happens by itself.
const LONG: Duration = Duration::from_secs(30);

/// A database of a test's own.
struct Database {
    cluster: &'static Cluster,
    name: String,
}

impl Database {
    fn new() -> Self {
        Self::on(Cluster::shared())
    }

    /// On a server of its own: the transactions of other tests would be seen.
    fn alone() -> Self {
        Self::on(Box::leak(Box::new(Cluster::start(&[]))))
    }

    fn on(cluster: &'static Cluster) -> Self {
        let name = cluster.database();
        initialise(&settings(&cluster.url(&name))).expect("an empty database");
        Self { cluster, name }
    }

    fn store(&self) -> Arc<dyn Store> {
        open(&self.cluster.url(&self.name))
    }

    fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.name, sql)
    }
}

fn settings(url: &str) -> Settings {
    Settings::parse(url).expect("a URL")
}

fn open(url: &str) -> Arc<dyn Store> {
    open_observed(url, Arc::new(NoObserver))
}

fn open_observed(url: &str, observer: Arc<dyn Observer>) -> Arc<dyn Store> {
    let store = PostgresStore::open(settings(url), Arc::new(TestClock::default()), observer);
    Arc::new(store.expect("it opens"))
}

/// Counts the writes that ever came into the queue.
#[derive(Default)]
struct Queue(AtomicUsize);

impl Queue {
    fn enqueued(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl WaiterView for Queue {}

impl Observer for Queue {
    fn enqueued(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn create(number: u8, members: serde_json::Value) -> Write {
    write(Operation::Create { id: id(number), document: document(members) })
}

fn patch(members: serde_json::Value) -> Write {
    let patch = Patch::merge(members).expect("a merge patch");
    write(Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_of_four_stores_lose_nothing_and_all_get_their_turn() {
    let database = Database::new();
    let stores: Vec<_> = (0..4).map(|_| database.store()).collect();
    stores[0].write(create(1, json!({ "name": "Ada" }))).await.expect("created");
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for writer in 0..64_usize {
        let store = Arc::clone(&stores[writer % 4]);
        writers.spawn(async move {
            let mut longest = Duration::ZERO;
            for round in 0..5 {
                let asked = Instant::now();
                store
                    .write(patch(json!({ "extensions": { format!("{writer}/{round}"): 1 } })))
                    .await
                    .expect("patched");
                longest = longest.max(asked.elapsed());
            }
            longest
        });
    }
    let mut longest = Duration::ZERO;
    while let Some(done) = writers.join_next().await {
        longest = longest.max(done.expect("no panic"));
    }
    println!("320 patches of one persona took {:?}, the longest {longest:?}", began.elapsed());
    let answer = stores[3].get(id(1)).await.expect("readable").expect("it exists");
    assert_eq!(answer.revision.number(), 1 + 64 * 5);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["extensions"].as_object().expect("an object").len(), 64 * 5);
    assert!(longest < began.elapsed(), "nobody waits for all the others");
    // A write that comes second notices it by the condition in the statement. Were that gone, the
    // key of the revisions would catch it, but as an error that rolls back.
    for store in stores {
        store.close().await;
    }
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    wait_until("the connections are closed", LONG, || database.sql(others) == "0").await;
    assert_eq!(
        database
            .sql("SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"),
        "0"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_same_request_to_many_stores_at_once_one_is_executed_and_all_get_its_answer() {
    let database = Database::new();
    let stores: Vec<_> = (0..4).map(|_| database.store()).collect();
    for round in 0..20_u8 {
        let mut requests = JoinSet::new();
        for store in &stores {
            let store = Arc::clone(store);
            let request =
                idempotent(create(round, json!({ "name": "Ada" })), &format!("key {round}"), 1);
            requests.spawn(async move { store.write(request).await.expect("answered") });
        }
        let answers: Vec<Written> = requests.join_all().await;
        assert_eq!(answers.iter().filter(|written| !written.replayed).count(), 1, "round {round}");
        assert!(
            answers.iter().all(|written| written.representation == answers[0].representation),
            "round {round}"
        );
    }
    assert_eq!(stores[0].changes_after(0, 100).await.expect("readable").len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_one_handle_at_once_one_gets_it() {
    let database = Database::new();
    let stores: Vec<_> = (0..4).map(|_| database.store()).collect();
    let mut writers = JoinSet::new();
    for number in 0..24_u8 {
        let store = Arc::clone(&stores[usize::from(number) % 4]);
        writers.spawn(async move {
            store.write(create(number, json!({ "name": "Ada", "handle": "ada" }))).await
        });
    }
    let results = writers.join_all().await;
    let winner = results
        .iter()
        .find_map(|result| result.as_ref().ok())
        .expect("one has it")
        .representation
        .id;
    let refused = results
        .iter()
        .filter(
            |result| matches!(result, Err(Error::HandleTaken { holder, .. }) if *holder == winner),
        )
        .count();
    assert_eq!(refused, 23, "{results:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_skips_nothing_when_transactions_end_in_another_order() {
    let database = Database::alone();
    let store = database.store();
    // A handle is taken in a transaction that is not over, so a write that wants the handle has a
    // number already and has to wait.
    let (blocker, connection) =
        tokio_postgres::connect(&database.cluster.url(&database.name), tokio_postgres::NoTls)
            .await
            .expect("connected");
    tokio::spawn(connection);
    let insert = "BEGIN; INSERT INTO persona_store.personas VALUES \
                  (gen_random_uuid(), 1, 'x', 'user', 'ada', true, 0, 0, NULL, NULL, NULL, sha256(''), '{}', '{}')";
    blocker.batch_execute(insert).await.expect("inserted");
    let first = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.write(create(1, json!({ "name": "Ada", "handle": "ada" }))).await }
    });
    wait_until("the first write waits", LONG, || {
        database.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0"
    })
    .await;
    store.write(create(2, json!({ "name": "Bea" }))).await.expect("created");
    // The second is committed and in the table, with the higher number; the first can still come
    // before it.
    assert_eq!(database.sql("SELECT count(*) FROM persona_store.changes"), "1");
    let early = store.changes_after(0, 100).await.expect("readable");
    blocker.batch_execute("ROLLBACK").await.expect("over");
    first.await.expect("no panic").expect("created");
    let last = early.last().map_or(0, |change| change.sequence);
    let late = store.changes_after(last, 100).await.expect("readable");
    let seen: Vec<_> = early.iter().chain(&late).map(|change| change.persona).collect();
    assert_eq!(seen, [id(1), id(2)], "{early:?} {late:?}");
    assert_eq!(database.sql("SELECT count(*) FROM persona_store.changes"), "2");
}

/// Lines of the feed as writes make them, by transactions that end in another order than they took
/// their numbers in.
async fn shuffled_lines(url: &str, rounds: usize) {
    let insert = "INSERT INTO persona_store.changes (sequence, persona, revision, kind, at)
                  SELECT feed_offset + pg_current_xact_id()::text::bigint * 1024, gen_random_uuid(), 1, 'created', 0 FROM persona_store.about";
    let mut clients = Vec::new();
    for _ in 0..6 {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connected");
        tokio::spawn(connection);
        clients.push(client);
    }
    let mut seed = 11_u64;
    for _ in 0..rounds {
        for client in &clients {
            client.batch_execute(&format!("BEGIN; {insert}")).await.expect("inserted");
        }
        let mut open: Vec<_> = clients.iter().collect();
        while !open.is_empty() {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let next = usize::try_from(seed >> 33).expect("small") % open.len();
            open.swap_remove(next).batch_execute("COMMIT").await.expect("committed");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_pages_through_the_feed_while_transactions_overlap_sees_every_line_once_and_in_order() {
    let database = Database::alone();
    let store = database.store();
    let url = database.cluster.url(&database.name);
    let writing = tokio::spawn(async move { shuffled_lines(&url, 60).await });
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let is_over = writing.is_finished();
        let page =
            store.changes_after(seen.last().copied().unwrap_or(0), 4).await.expect("readable");
        if page.is_empty() && is_over {
            break;
        }
        seen.extend(page.iter().map(|change| change.sequence));
    }
    writing.await.expect("no panic");
    let all = database
        .sql("SELECT string_agg(sequence::text, ' ' ORDER BY sequence) FROM persona_store.changes");
    assert_eq!(seen.iter().map(u64::to_string).collect::<Vec<_>>().join(" "), all);
    assert_eq!(seen.len(), 360);
    database.cluster.stop();
    let _ = std::fs::remove_dir_all(database.cluster.folder());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_connection_breaks_is_done_once_and_answered_as_if_nothing_had_been() {
    let database = Database::new();
    let wire = Wire::to(database.cluster.port());
    let url = wire.url(&database.name);
    // The server never hears of it; the server does it and no client hears of that; its answer is
    // lost.
    let lost = Trap::at(Sender::Client, b'B', Fault::Before);
    let unheard = Trap::at(Sender::Client, b'S', Fault::After);
    let unanswered = Trap::at(Sender::Server, b'2', Fault::Before);
    let mut expected = 0;
    for parameters in ["", "?statement_cache=off"] {
        let store = open(&format!("{url}{parameters}"));
        for (round, cut) in [&lost, &unheard, &unanswered].into_iter().enumerate() {
            let marker = format!("marker {parameters} {round}");
            let number = u8::try_from(10 * (expected / 5) + 1).expect("small");
            let members = || json!({ "name": &marker });
            wire.arm(cut.clone().of(&marker));
            let written = store.write(create(number, members())).await.expect("created");
            assert_eq!(wire.disarm(), 1, "the marker never came by");
            assert_eq!(
                (written.outcome, written.replayed, written.representation.revision.number()),
                (Outcome::Created, false, 1),
                "{cut:?}"
            );
            expected += 1;
            for (key, members) in [
                (None, json!({ "description": &marker })),
                (Some(&marker), json!({ "scenario": &marker })),
            ] {
                let patch = Patch::merge(members).expect("a merge patch");
                let mut request = write(Operation::Patch {
                    id: id(number),
                    precondition: Precondition::Any,
                    patch,
                    base: None,
                });
                if let Some(key) = key {
                    request = idempotent(request, key, 1);
                }
                wire.arm(cut.clone().of(&marker));
                let written = store.write(request.clone()).await.expect("patched");
                assert_eq!(
                    (written.outcome, written.replayed),
                    (Outcome::Updated, false),
                    "{cut:?}"
                );
                if key.is_some() {
                    let replayed = store.write(request).await.expect("replayed");
                    assert_eq!(replayed, Written { replayed: true, ..written });
                }
                expected += 1;
            }
            // Changes nothing, and leaves only a record of its key.
            let unchanged = Patch::merge(json!({ "scenario": &marker })).expect("a merge patch");
            let operation = Operation::Patch {
                id: id(number),
                precondition: Precondition::Any,
                patch: unchanged,
                base: None,
            };
            let key = format!("unchanged {marker}");
            wire.arm(cut.clone().of(&key));
            let written =
                store.write(idempotent(write(operation), &key, 1)).await.expect("unchanged");
            assert_eq!((written.outcome, written.replayed), (Outcome::Unchanged, false), "{cut:?}");
            expected += 2;
            for kind in [
                Operation::Delete { id: id(number), precondition: Precondition::Any },
                Operation::Undelete { id: id(number), precondition: Precondition::Any },
            ] {
                wire.arm(cut.clone().of(&marker));
                assert!(
                    !matches!(
                        store.write(write(kind)).await.expect("done").outcome,
                        Outcome::Unchanged
                    ),
                    "{cut:?}"
                );
            }
        }
        store.close().await;
    }
    let feed = database.store().changes_after(0, 1000).await.expect("readable");
    assert_eq!(feed.len(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_is_told_and_when_it_is_back_everything_goes_on() {
    let cluster = Box::leak(Box::new(Cluster::start(&[])));
    let name = cluster.database();
    let url = cluster.url(&name);
    initialise(&settings(&url)).expect("an empty database");
    let store = open(&url);
    store.write(create(1, json!({ "name": "Ada" }))).await.expect("created");
    cluster.stop();
    let asked = Instant::now();
    assert!(matches!(store.get(id(1)).await, Err(Error::Unreachable)));
    assert!(matches!(store.ready().await, Err(Error::Unreachable)));
    let mut late = patch(json!({ "description": "late" }));
    late.deadline = Instant::now() + Duration::from_millis(300);
    let refused = store.write(late).await.expect_err("refused");
    assert!(matches!(refused, Error::Unreachable | Error::Busy { .. }), "{refused}");
    assert!(asked.elapsed() < Duration::from_secs(5), "told soon");
    // A request with more time waits, and is served when the database is back.
    let patient = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.write(patch(json!({ "description": "patient" }))).await }
    });
    cluster.start_again();
    assert_eq!(
        patient.await.expect("no panic").expect("patched").representation.revision.number(),
        2
    );
    store.ready().await.expect("ready again");
    assert!(store.get(id(1)).await.expect("readable").is_some());
    cluster.stop();
    let _ = std::fs::remove_dir_all(cluster.folder());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_request_is_withdrawn_while_it_waits_and_done_after_its_turn_has_come() {
    let database = Database::new();
    let queue = Arc::new(Queue::default());
    let store = open_observed(&database.cluster.url(&database.name), queue.clone());
    store.write(create(1, json!({ "name": "Ada" }))).await.expect("created");
    let (blocker, connection) =
        tokio_postgres::connect(&database.cluster.url(&database.name), tokio_postgres::NoTls)
            .await
            .expect("connected");
    tokio::spawn(connection);
    blocker
        .batch_execute("BEGIN; SELECT 1 FROM persona_store.personas FOR UPDATE")
        .await
        .expect("locked");
    let spawn = |key: &'static str| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.write(patch(json!({ "extensions": { key: 1 } }))).await })
    };
    // The first has its turn and waits for the row; the second waits for its turn. Both clients go
    // away.
    let first = spawn("first");
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until("the first waits for the row", LONG, || database.sql(waiting) == "1").await;
    let second = spawn("second");
    wait_until("the second is in the queue", LONG, || queue.enqueued() == 3).await;
    for write in [first, second] {
        write.abort();
        assert!(write.await.expect_err("dropped").is_cancelled(), "it waited until then");
    }
    blocker.batch_execute("ROLLBACK").await.expect("over");
    store.write(patch(json!({ "extensions": { "third": 1 } }))).await.expect("patched");
    let body: serde_json::Value =
        serde_json::from_slice(&store.get(id(1)).await.expect("readable").expect("it exists").body)
            .expect("JSON");
    assert_eq!(body["extensions"], json!({ "first": 1, "third": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_one_snapshot_however_much_is_written_meanwhile() {
    let database = Database::new();
    let store = database.store();
    for number in 1..=255 {
        store.write(create(number, json!({ "name": "Ada" }))).await.expect("created");
    }
    let mut export = store.export(Exported::Living).await.expect("started");
    for number in 1..=255 {
        store
            .write(write(Operation::Delete { id: id(number), precondition: Precondition::Any }))
            .await
            .expect("deleted");
    }
    let mut seen = Vec::new();
    while let Some(item) = export.recv().await {
        let answer = item.expect("no error");
        assert_eq!(answer.revision.number(), 1);
        seen.push(answer.id);
    }
    assert_eq!(seen, (1..=255).map(id).collect::<Vec<_>>());
    // One that is not read to its end is not in the way of others, and closing cuts it off with a
    // word. It does not fit into the queue.
    let large = "x".repeat(200_000);
    for number in 1..=12 {
        let restore = Operation::Undelete { id: id(number), precondition: Precondition::Any };
        store.write(write(restore)).await.expect("restored");
        let patch = Patch::merge(json!({ "description": large })).expect("a merge patch");
        store
            .write(write(Operation::Patch {
                id: id(number),
                precondition: Precondition::Any,
                patch,
                base: None,
            }))
            .await
            .expect("patched");
    }
    let mut export = store.export(Exported::All).await.expect("started");
    assert!(export.recv().await.is_some());
    store.close().await;
    let mut last = None;
    while let Some(item) = export.recv().await {
        last = Some(item);
    }
    assert!(matches!(last, Some(Err(Error::Closed(_)))), "{last:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_under_which_a_newer_version_changes_the_schema_writes_nothing_more_and_says_so() {
    let database = Database::new();
    let store = database.store();
    store.write(create(1, json!({ "name": "Ada" }))).await.expect("created");
    database.sql("UPDATE persona_store.about SET schema_version = 99");
    for request in [create(2, json!({ "name": "Bea" })), patch(json!({ "name": "Eve" }))] {
        let refused = store.write(request).await.expect_err("refused");
        assert!(matches!(refused, Error::Closed(_)), "{refused}");
    }
    assert!(matches!(store.ready().await, Err(Error::Closed(_))));
    let lost = tokio::time::timeout(LONG, store.lost()).await.expect("told");
    assert_eq!(lost, persona_storage::Loss::Schema);
    assert_eq!(database.sql("SELECT count(*) FROM persona_store.revisions"), "1");
}
