//! Several stores on one file: what one commits, all see, and no request waits for ever.
//!
//! The same promises across real processes are proved in the server's tests.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{Maintenance, Settings, SqliteStore, WriteLock, initialise};
use persona_storage::{
    Checkpoint, Error, Exported, NoObserver, Observer, Operation, Store, WaiterView, Written,
};
use persona_test_support::{wait_for, wait_until};
use rusqlite::Connection;
use serde_json::json;
use tokio::task::JoinSet;

struct File {
    _folder: tempfile::TempDir,
    settings: Settings,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        Self { _folder: folder, settings }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store_with(Arc::new(NoObserver))
    }

    fn store_with(&self, observer: Arc<dyn Observer>) -> Arc<dyn Store> {
        Arc::new(
            SqliteStore::open(self.settings.clone(), Arc::new(TestClock::default()), observer)
                .expect("it opens"),
        )
    }

    fn maintenance(&self, observer: Arc<dyn Observer>) -> Maintenance {
        Maintenance::open(&self.settings, Arc::new(TestClock::default()), observer)
            .expect("it opens")
    }

    /// A program that knows nothing of the write lock.
    fn foreign(&self) -> Connection {
        Connection::open(&self.settings.path).expect("it opens")
    }

    fn wal(&self) -> PathBuf {
        PathBuf::from(format!("{}-wal", self.settings.path.display()))
    }
}

async fn create(store: &Arc<dyn Store>, number: u8) -> Written {
    store
        .write(write(Operation::Create {
            id: id(number),
            document: document(json!({ "name": "Ada" })),
        }))
        .await
        .expect("created")
}

async fn add_key(store: &Arc<dyn Store>, key: &str, wait: Duration) -> Result<Written, Error> {
    let patch = Patch::merge(json!({ "extensions": { key: 1 } })).expect("a merge patch");
    let mut write =
        write(Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None });
    write.deadline = Instant::now() + wait;
    store.write(write).await
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_one_store_is_seen_by_the_next_read_of_every_other() {
    let file = File::new();
    let stores: Vec<_> = (0..4).map(|_| file.store()).collect();
    create(&stores[0], 1).await;
    for round in 0..100 {
        let written =
            add_key(&stores[round % 4], &format!("key {round}"), LONG).await.expect("patched");
        for store in &stores {
            assert_eq!(
                store.get(id(1)).await.expect("readable"),
                Some(written.representation.clone())
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_of_four_stores_lose_nothing_and_are_never_told_locked() {
    let file = File::new();
    let stores: Vec<_> = (0..4).map(|_| file.store()).collect();
    create(&stores[0], 1).await;
    let mut writers = JoinSet::new();
    for writer in 0..64_usize {
        let store = Arc::clone(&stores[writer % 4]);
        writers.spawn(async move {
            for round in 0..5 {
                add_key(&store, &format!("{writer}/{round}"), LONG).await.expect("patched");
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.expect("no panic");
    }
    let answer = stores[3].get(id(1)).await.expect("readable").expect("it exists");
    assert_eq!(answer.revision.number(), 1 + 64 * 5);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["extensions"].as_object().expect("an object").len(), 64 * 5);
    let report: String = file
        .foreign()
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .expect("a report");
    assert_eq!(report, "ok");
}

#[derive(Default)]
struct Counts {
    transactions: AtomicUsize,
    writes: AtomicUsize,
    retries: AtomicUsize,
    waiting: AtomicUsize,
    gave_up: AtomicUsize,
    blocked: AtomicUsize,
    largest_wal: AtomicU64,
}

impl Counts {
    /// Returns when this many requests are in the queue.
    async fn until_wait(&self, requests: usize) {
        wait_until("requests in the queue", LONG, || {
            self.waiting.load(Ordering::Relaxed) >= requests
        })
        .await;
    }
}

impl WaiterView for Counts {}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_wait_together_share_one_transaction_and_fail_alone() {
    let file = File::new();
    let counts = Arc::new(Counts::default());
    let store = file.store_with(counts.clone());
    create(&store, 1).await;
    // While the write lock is held here, everything queues up behind it.
    let write_lock = WriteLock::open(&file.settings.path).expect("a write lock");
    let guard = write_lock.lock().expect("locks work");
    let mut writers = JoinSet::new();
    for writer in 0..20 {
        let store = Arc::clone(&store);
        let patch = if writer % 2 == 0 {
            json!({ "extensions": { format!("key {writer}"): 1 } })
        } else {
            json!({ "name": null })
        };
        let patch = Patch::merge(patch).expect("a merge patch");
        writers.spawn(async move {
            store
                .write(write(Operation::Patch {
                    id: id(1),
                    precondition: Precondition::Any,
                    patch,
                    base: None,
                }))
                .await
        });
    }
    counts.until_wait(20).await;
    drop(guard);
    let (mut kept, mut refused) = (0, 0);
    while let Some(done) = writers.join_next().await {
        match done.expect("no panic") {
            Ok(_) => kept += 1,
            Err(Error::Invalid(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((kept, refused), (10, 10));
    assert_eq!(store.get(id(1)).await.expect("readable").expect("it exists").revision.number(), 11);
    let transactions = counts.transactions.load(Ordering::Relaxed);
    // A transaction takes in what waits for 5 ms; on a busy machine that are few.
    assert!(transactions < 21, "{transactions} transactions for 21 writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_words_of_requests_that_share_a_transaction_become_one_segment_with_the_newest_of_each_persona()
 {
    let file = File::new();
    let counts = Arc::new(Counts::default());
    let store = file.store_with(counts.clone());
    create(&store, 1).await;
    let write_lock = WriteLock::open(&file.settings.path).expect("a write lock");
    let guard = write_lock.lock().expect("locks work");
    let mut writers = JoinSet::new();
    // One after the other, so that the last nickname is the newest; a new persona with a larger row
    // number between two.
    for number in 2..=21_u8 {
        let (store_of_patch, store_of_create) = (Arc::clone(&store), Arc::clone(&store));
        let patch =
            Patch::merge(json!({ "nickname": format!("word{number}") })).expect("a merge patch");
        let operation =
            Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None };
        writers.spawn(async move { store_of_patch.write(write(operation)).await });
        counts.until_wait(2 * usize::from(number) - 3).await;
        writers.spawn(async move { Ok(create(&store_of_create, number).await) });
        counts.until_wait(2 * usize::from(number) - 2).await;
    }
    drop(guard);
    while let Some(done) = writers.join_next().await {
        done.expect("no panic").expect("written");
    }
    let foreign = file.foreign();
    let count = |sql: &str| {
        foreign.query_row(sql, [], |row| row.get::<_, u32>(0)).expect("a number") as usize
    };
    let found = |word: &str| {
        count(&format!("SELECT count(*) FROM persona_titles WHERE persona_titles MATCH '{word}'"))
    };
    assert_eq!((found("ada"), found("word21"), found("word20"), found("word2")), (21, 1, 0, 0));
    let transactions = counts.transactions.load(Ordering::Relaxed);
    assert!(transactions < 41, "{transactions} transactions for 41 writes");
    let segments = count("SELECT count(DISTINCT segid) FROM persona_titles_idx");
    assert!(segments <= transactions, "{segments} segments of {transactions} transactions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_fails_half_way_is_undone_and_those_beside_it_are_kept() {
    let file = File::new();
    let counts = Arc::new(Counts::default());
    let store = file.store_with(counts.clone());
    create(&store, 1).await;
    // Now the last statement of a change to the first persona fails, after its row and its revision
    // are written.
    let foreign = Connection::open(&file.settings.path).expect("it opens");
    foreign.execute_batch("CREATE UNIQUE INDEX one_change ON changes (persona)").expect("an index");
    let write_lock = WriteLock::open(&file.settings.path).expect("a write lock");
    let guard = write_lock.lock().expect("locks work");
    let failing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { add_key(&store, "half", LONG).await }
    });
    counts.until_wait(1).await;
    let beside = tokio::spawn({
        let store = Arc::clone(&store);
        async move { create(&store, 2).await }
    });
    counts.until_wait(2).await;
    drop(guard);
    assert!(matches!(failing.await.expect("no panic"), Err(Error::Backend(_))));
    beside.await.expect("no panic");
    assert_eq!(store.get(id(1)).await.expect("readable").expect("it exists").revision.number(), 1);
    let rows = |sql| foreign.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("rows");
    assert_eq!(
        (rows("SELECT count(*) FROM revisions"), rows("SELECT count(*) FROM changes")),
        (2, 2)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_program_that_holds_the_lock_costs_a_clear_busy_and_nothing_else() {
    let file = File::new();
    let counts = Arc::new(Counts::default());
    let store = file.store_with(counts.clone());
    create(&store, 1).await;
    let foreign = file.foreign();
    foreign.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    let refused = add_key(&store, "late", Duration::from_millis(100)).await.expect_err("refused");
    assert!(matches!(refused, Error::Busy { .. }), "{refused}");
    assert_eq!(
        store.get(id(1)).await.expect("reads go on").expect("it exists").revision.number(),
        1
    );
    let waiting = add_key(&store, "patient", LONG);
    let retries = counts.retries.load(Ordering::Relaxed);
    let releasing = async {
        wait_until("the patient write finds the lock taken", LONG, || {
            counts.retries.load(Ordering::Relaxed) > retries
        })
        .await;
        foreign.execute_batch("ROLLBACK").expect("released");
    };
    let (written, ()) = tokio::join!(waiting, releasing);
    let body: serde_json::Value =
        serde_json::from_slice(&written.expect("patched").representation.body).expect("JSON");
    assert_eq!(body["extensions"], json!({ "patient": 1 }), "the refused write was never applied");
    assert!(
        counts.retries.load(Ordering::Relaxed) > 0 && counts.gave_up.load(Ordering::Relaxed) == 1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_holds_up_a_checkpoint_is_not_taken_for_a_foreign_holder_of_the_lock() {
    let file = File::new();
    let counts = Arc::new(Counts::default());
    let (mut maintenance, store) =
        (file.maintenance(counts.clone()), file.store_with(counts.clone()));
    create(&store, 1).await;
    let reader = rusqlite::Connection::open(&file.settings.path).expect("it opens");
    reader.execute_batch("BEGIN; SELECT count(*) FROM personas").expect("a snapshot");
    add_key(&store, "later", LONG).await.expect("patched");
    // A log that does not grow any more is copied back as far as the reader lets it, and then it
    // cannot be cut.
    wait_for("checkpoints that are held up", LONG, || {
        maintenance.tick().expect("maintenance");
        (counts.blocked.load(Ordering::Relaxed) >= 2).then_some(())
    });
    assert_eq!(counts.retries.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_request_is_withdrawn_while_it_waits() {
    let file = File::new();
    let counts = Arc::new(Counts::default());
    let store = file.store_with(counts.clone());
    create(&store, 1).await;
    let write_lock = WriteLock::open(&file.settings.path).expect("a write lock");
    let guard = write_lock.lock().expect("locks work");
    let spawn = |key: &'static str| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { add_key(&store, key, LONG).await })
    };
    // The first keeps the writer at the write lock; the second is still in the queue when its
    // client goes away.
    let first = spawn("first");
    counts.until_wait(1).await;
    let second = spawn("second");
    counts.until_wait(2).await;
    second.abort();
    assert!(second.await.expect_err("dropped").is_cancelled(), "it waited until it was dropped");
    drop(guard);
    first.await.expect("no panic").expect("patched");
    add_key(&store, "third", LONG).await.expect("patched");
    let body: serde_json::Value =
        serde_json::from_slice(&store.get(id(1)).await.expect("readable").expect("it exists").body)
            .expect("JSON");
    assert_eq!(body["extensions"], json!({ "first": 1, "third": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_maintenance_process_bounds_the_log_under_load_and_cuts_it_when_idle() {
    let file = File::new();
    let counts = Arc::new(Counts::default());
    let (stop, stopped) = mpsc::channel::<()>();
    let maintenance = std::thread::spawn({
        let mut maintenance = file.maintenance(counts.clone());
        move || {
            // As the program does: it is told to stop while it waits for its next work.
            loop {
                let pause = maintenance.tick().expect("the maintenance process works");
                if stopped.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                    return maintenance;
                }
            }
        }
    });
    let stores: Vec<_> = (0..2).map(|_| file.store()).collect();
    let text = "t".repeat(200_000);
    let mut writers = JoinSet::new();
    for writer in 0..8_u8 {
        let (store, text) = (Arc::clone(&stores[usize::from(writer) % 2]), text.clone());
        writers.spawn(async move {
            create(&store, writer).await;
            for round in 0..40 {
                let patch = Patch::merge(json!({ "description": format!("{round} {text}") }))
                    .expect("a merge patch");
                let operation = Operation::Patch {
                    id: id(writer),
                    precondition: Precondition::Any,
                    patch,
                    base: None,
                };
                store.write(write(operation)).await.expect("patched");
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.expect("no panic");
    }
    // 320 revisions of 200 KB, each kept twice: twice as much as the log may ever be.
    let largest = counts.largest_wal.load(Ordering::Relaxed);
    assert!(largest > 0 && largest <= 64 * 1024 * 1024, "the log reached {largest} bytes");
    let is_cut = || std::fs::metadata(file.wal()).expect("it exists").len() == 0;
    wait_until("the idle log is cut", LONG, is_cut).await;
    drop(stop);
    let maintenance = maintenance.join().expect("no panic");
    for store in &stores {
        store.close().await;
    }
    drop(stores);
    maintenance.close().expect("the disk syncs");
    assert!(!file.wal().exists(), "the last one out leaves a single complete file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_one_snapshot_however_much_is_written_meanwhile() {
    let file = File::new();
    let store = file.store();
    for number in 1..=255 {
        create(&store, number).await;
    }
    let mut export = store.export(Exported::Living).await.expect("started");
    let first = export.recv().await.expect("one").expect("no error");
    assert_eq!(first.id, id(1));
    // The export waits for its reader in the first half. Those are deleted that it has yet to come
    // to, and no more: after 8 MiB of writes it would give way, and how soon is a matter of load.
    for number in 200..=255 {
        let operation = Operation::Delete { id: id(number), precondition: Precondition::Any };
        store.write(write(operation)).await.expect("deleted");
    }
    let mut seen = 1;
    while let Some(item) = export.recv().await {
        assert_eq!(item.expect("no error").revision.number(), 1);
        seen += 1;
    }
    assert_eq!(seen, 255);
}
