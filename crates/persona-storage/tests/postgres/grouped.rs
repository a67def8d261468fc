//! Writes that wait at the same time share transactions: the feed has a line for each write, a
//! write that cannot go on holds up no other, and each write has an outcome of its own, also when
//! the connection breaks under all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, idempotent, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{Error, Observer, Operation, Store, Write, Written};
use persona_test_support::Cluster;
use persona_test_support::wire::{Fault, Sender, Trap, Wire};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Longest wait for something that happens by itself.
const LONG: Duration = Duration::from_mins(1);
/// Personas of each test, without the persona that keeps the only connection of a process busy.
const MANY: u8 = 40;
const BUSY: u8 = 201;

/// Writes that wait for their transaction.
#[derive(Default)]
struct Waiting(AtomicI64);

impl Observer for Waiting {
    fn enqueued(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn dequeued(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A database with personas, and a process on it.
struct Setting {
    cluster: &'static Cluster,
    database: String,
    store: Arc<PostgresStore>,
    waiting: Arc<Waiting>,
}

impl Setting {
    /// A database on the shared server, and a process with this many connections.
    async fn with(pool_max: usize) -> Self {
        Self::on(Cluster::shared(), pool_max, Cluster::url).await
    }

    /// The same on this server, which the process reaches by the way that a URL names.
    async fn on(
        cluster: &'static Cluster,
        pool_max: usize,
        url: impl FnOnce(&Cluster, &str) -> String,
    ) -> Self {
        let database = cluster.database();
        let url = format!("{}?pool_max={pool_max}", url(cluster, &database));
        let settings = Settings::parse(&url).expect("a URL");
        initialise(&settings).expect("ready");
        let waiting = Arc::new(Waiting::default());
        let observer = Arc::clone(&waiting);
        let store = PostgresStore::open(settings, Arc::new(TestClock::default()), observer)
            .expect("it opens");
        let setting = Self { cluster, database, store: Arc::new(store), waiting };
        for number in (1..=MANY).chain([BUSY]) {
            let members = json!({ "name": "Ada", "tags": ["old", "kept"] });
            let created = Operation::Create { id: id(number), document: document(members) };
            setting.store.write(write(created)).await.expect("created");
        }
        setting
    }

    fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.database, sql)
    }

    /// Runs these writes together: the only connection waits for a row that another session holds,
    /// until all of them wait for the connection.
    async fn together(&self, writes: Vec<Write>) -> Vec<Result<Written, Error>> {
        let mut holder = self.cluster.session(&self.database);
        holder.run(&format!(
            "BEGIN; SELECT 1 FROM persona_store.personas WHERE id = '{}' FOR UPDATE",
            id(BUSY)
        ));
        // Each call sets another value: a write that changes nothing waits for no row.
        let busy = format!("busy {}", self.revision(BUSY).await);
        let busy = tokio::spawn(self.write(nickname(BUSY, &busy)));
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("the first write waits for the row", || self.sql(waits) == "1").await;
        let count = i64::try_from(writes.len()).expect("few");
        let tasks: Vec<_> =
            writes.into_iter().map(|write| tokio::spawn(self.write(write))).collect();
        until("all others wait", || self.waiting.0.load(Ordering::SeqCst) == count).await;
        holder.run("COMMIT");
        busy.await.expect("no panic").expect("written");
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.expect("no panic"));
        }
        results
    }

    fn write(&self, write: Write) -> impl Future<Output = Result<Written, Error>> + Send + 'static {
        let store = Arc::clone(&self.store);
        async move { store.write(write).await }
    }

    /// The number of transactions that made a second revision of the personas of the test, and the
    /// number of lines of the feed for such revisions.
    fn transactions(&self) -> (u32, u32) {
        let found = self.sql(&format!(
            "SELECT count(DISTINCT sequence / 1024), count(DISTINCT sequence)
             FROM persona_store.changes WHERE revision = 2 AND persona <> '{}'",
            id(BUSY)
        ));
        let (transactions, lines) = found.split_once('|').expect("two numbers");
        (transactions.parse().expect("a number"), lines.parse().expect("a number"))
    }

    async fn revision(&self, number: u8) -> u64 {
        self.store.get(id(number)).await.expect("readable").expect("there").revision.number()
    }
}

/// Waits until something holds, with a deadline.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}

/// A write with a deadline that also a busy machine does not reach.
fn patient(operation: Operation) -> Write {
    Write::new(operation, Instant::now() + LONG)
}

fn patch(number: u8, precondition: Precondition, members: Value) -> Write {
    let patch = Patch::merge(members).expect("a merge patch");
    patient(Operation::Patch { id: id(number), precondition, patch, base: None })
}

fn nickname(number: u8, text: &str) -> Write {
    patch(number, Precondition::Any, json!({ "nickname": text }))
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_wait_at_the_same_time_share_a_transaction_and_the_feed_has_each() {
    // The feed waits for the transactions of all databases of a server.
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(&[])));
    let setting = Setting::on(cluster, 1, Cluster::url).await;
    let last = setting.store.changes_after(0, 1000).await.expect("readable").last().cloned();
    let before = last.expect("a line").sequence;
    let change = |number: u8| match number % 3 {
        0 => nickname(number, "new"),
        1 => patch(number, Precondition::Any, json!({ "tags": ["kept", "new"] })),
        _ => idempotent(
            patch(number, Precondition::Any, json!({ "description": "new words" })),
            &format!("key {number}"),
            number,
        ),
    };
    let results = setting.together((1..=MANY).map(change).collect()).await;
    assert!(results.iter().all(|result| result.as_ref().is_ok_and(|written| !written.replayed)));
    let (transactions, lines) = setting.transactions();
    // A write that was about to join the queue is in the next transaction.
    assert!(transactions <= 3, "{transactions} transactions for {MANY} writes");
    assert_eq!(lines, u32::from(MANY));
    let followed = setting.store.changes_after(before, 1000).await.expect("readable");
    let personas: BTreeSet<_> = followed.iter().map(|line| line.persona).collect();
    assert_eq!((followed.len(), personas.len()), (usize::from(MANY) + 1, usize::from(MANY) + 1));
    assert!(followed.windows(2).all(|lines| lines[0].sequence < lines[1].sequence));
    // The rows that the writes made beside the persona are stored, and a repetition is recognised.
    let found = |sql: &str| setting.sql(sql);
    assert_eq!(found("SELECT count(*) FROM persona_store.persona_tags WHERE tag = 'new'"), "14");
    assert_eq!(found("SELECT count(*) FROM persona_store.persona_tags WHERE tag = 'old'"), "27");
    assert_eq!(
        found("SELECT count(*) FROM persona_store.persona_texts WHERE text LIKE '% words %'"),
        "13"
    );
    let again = setting.write(change(2)).await.expect("answered");
    assert!(again.replayed && again.representation.revision.number() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_another_transaction_holds_delays_its_own_write_and_no_other() {
    // The feeds of all databases of a server wait for the transaction that is held.
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(&[])));
    let setting = Setting::on(cluster, 10, Cluster::url).await;
    let mut holder = setting.cluster.session(&setting.database);
    holder.run(&format!(
        "BEGIN; SELECT 1 FROM persona_store.personas WHERE id = '{}' FOR UPDATE",
        id(7)
    ));
    let mut tasks = JoinSet::new();
    for number in 1..=MANY {
        let done = setting.write(nickname(number, "new"));
        tasks.spawn(async move { (number, done.await) });
    }
    let mut done = BTreeSet::new();
    while done.len() < usize::from(MANY) - 1 {
        let next = tokio::time::timeout(LONG, tasks.join_next()).await.expect("not held up");
        let (number, result) = next.expect("more").expect("no panic");
        result.expect("written");
        done.insert(number);
    }
    assert!(!done.contains(&7), "the row is held");
    holder.run("ROLLBACK");
    tasks.join_next().await.expect("the last").expect("no panic").1.expect("written");
    assert_eq!(setting.revision(7).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_write_of_a_shared_transaction_has_an_outcome_of_its_own() {
    let setting = Setting::with(1).await;
    let taken = patch(1, Precondition::Any, json!({ "handle": "taken" }));
    setting.write(taken).await.expect("written");
    let seen = setting.store.get(id(4)).await.expect("readable").expect("there");
    let writes = vec![
        patch(2, Precondition::Any, json!({ "handle": "taken" })),
        patch(3, Precondition::OneOf(Vec::new()), json!({ "nickname": "stale" })),
        patch(4, Precondition::at(seen.tag()), json!({ "nickname": "current" })),
        patch(5, Precondition::Any, json!({ "name": "" })),
        patch(6, Precondition::Any, json!({ "name": "Ada" })),
        patient(Operation::Create { id: id(7), document: document(json!({ "name": "again" })) }),
        patient(Operation::Create { id: id(100), document: document(json!({ "name": "new" })) }),
        patch(101, Precondition::Any, json!({ "nickname": "not there" })),
        nickname(8, "new"),
    ];
    let results = setting.together(writes).await;
    let revision = |index: usize| {
        results[index].as_ref().map(|written| written.representation.revision.number()).ok()
    };
    assert!(matches!(&results[0], Err(Error::HandleTaken { holder, .. }) if *holder == id(1)));
    assert!(matches!(&results[1], Err(Error::Stale { .. })), "{:?}", results[1]);
    assert!(matches!(&results[3], Err(Error::Invalid(_))), "{:?}", results[3]);
    assert!(matches!(&results[5], Err(Error::AlreadyExists { .. })), "{:?}", results[5]);
    assert!(matches!(&results[7], Err(Error::NotFound)), "{:?}", results[7]);
    assert_eq!([2, 4, 6, 8].map(revision), [Some(2), Some(1), Some(1), Some(2)]);
    for (number, wanted) in [(2, 1), (3, 1), (4, 2), (5, 1), (6, 1), (7, 1), (8, 2), (100, 1)] {
        assert_eq!(setting.revision(number).await, wanted, "persona {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_under_a_shared_transaction_loses_and_doubles_nothing() {
    // Three faults: the statement never reaches the server; the server runs the statement and its
    // answer is lost; the answer to the commit is lost.
    let lost = Trap::at(Sender::Client, b'B', Fault::Before);
    let unheard = Trap::at(Sender::Client, b'S', Fault::After);
    let unanswered = Trap::at(Sender::Server, b'2', Fault::Before);
    let wire = Wire::to(Cluster::shared().port());
    let setting = Setting::on(Cluster::shared(), 1, |_, database| wire.url(database)).await;
    for (cut, revision) in [&lost, &unheard, &unanswered].into_iter().zip(2..) {
        let marker = format!("cut {revision}");
        wire.arm(cut.clone().of(&marker));
        let writes = (1..=MANY).map(|number| nickname(number, &marker)).collect();
        let results = setting.together(writes).await;
        assert_eq!(wire.disarm(), 1, "{cut:?}: the marker never came by");
        for (result, number) in results.into_iter().zip(1..) {
            let written = result.expect("its outcome is found out");
            assert_eq!(written.representation.id, id(number), "{cut:?}");
            assert_eq!(written.representation.revision.number(), revision, "{cut:?}: once");
            assert!(!written.replayed, "{cut:?}");
            assert_eq!(setting.revision(number).await, revision, "{cut:?}");
        }
    }
    let lines = "SELECT count(*), count(DISTINCT (persona, revision)) FROM persona_store.changes";
    let all = 4 * (u32::from(MANY) + 1);
    assert_eq!(setting.sql(lines), format!("{all}|{all}"));
}
