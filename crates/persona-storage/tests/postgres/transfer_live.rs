//! The end of a live move: a write that is acknowledged during the move is in the target. The rows
//! of a file are in order of creation, whenever they came.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::files::{self, Folder, check};
use crate::transfers::{
    PERSONAS, PURGED, assert_counted_to, assert_same, content_of_file, content_of_server, fill, go,
    name_of, plan, purge,
};
use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{Progress, Step, WriteLock, initialise};
use persona_storage::transfer::{Plan, TransferError, TransferReport, transfer};
use persona_storage::{Exported, NoObserver, Operation, Store};
use persona_test_support::Cluster;
use rusqlite::Connection;
use serde_json::json;
use tokio::runtime::Handle;

/// How long a step of a move waits for the write that is made at this step: several such waits fit
/// into the time of a fence.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a write may wait for its turn.
const WRITE_WAIT_MAX: Duration = Duration::from_secs(5);

fn server(url: &str) -> PostgresStore {
    server_at(url, Arc::new(TestClock::default()))
}

fn server_at(url: &str, clock: Arc<TestClock>) -> PostgresStore {
    let settings = postgres::Settings::parse(url).expect("a URL");
    PostgresStore::open(settings, clock, Arc::new(NoObserver)).expect("it opens")
}

/// Writes the counts up to `to` into persona 1.
async fn count(store: Arc<dyn Store>, to: u32) -> bool {
    let patch = Patch::merge(json!({ "extensions": { "count": to } })).expect("a patch");
    let mut one_more =
        write(Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None });
    one_more.deadline = Instant::now() + WRITE_WAIT_MAX;
    store.write(one_more).await.is_ok()
}

/// Moves, with a write at every step of the move as long as no write is waiting. Returns what came
/// of the move, and how many writes were acknowledged.
async fn transfer_with_a_write_at_each_step(
    plan: Plan,
    store: Arc<dyn Store>,
) -> (Result<TransferReport, TransferError>, u32) {
    let runtime = Handle::current();
    let transferred = tokio::task::spawn_blocking(move || {
        let (mut acknowledged, mut waiting) = (0, None);
        let transferred = transfer(&plan, &mut |_: Progress| {
            let mut one = waiting
                .take()
                .unwrap_or_else(|| runtime.spawn(count(Arc::clone(&store), acknowledged + 1)));
            match runtime.block_on(async { tokio::time::timeout(PATIENCE, &mut one).await }) {
                Ok(done) => acknowledged += u32::from(done.expect("no panic")),
                Err(_) => waiting = Some(one),
            }
            ControlFlow::Continue(())
        });
        if let Some(one) = waiting {
            acknowledged += u32::from(runtime.block_on(one).expect("no panic"));
        }
        (transferred, acknowledged)
    });
    transferred.await.expect("no panic")
}

/// Two writers: one has another write lock than the move, because the lock's file was removed; one
/// has the same lock.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_during_a_live_move_is_in_the_target_with_the_write_lock_and_without_it()
 {
    for is_write_lock_removed in [true, false] {
        let (folder, cluster) = (Folder::new(), Cluster::shared());
        fill(&folder.database()).await;
        let store: Arc<dyn Store> = Arc::new(files::open(&folder.database()));
        if is_write_lock_removed {
            fs::remove_file(WriteLock::path(&folder.database())).expect("the write lock was there");
        }
        let url = cluster.url(&cluster.database());
        let live = Plan { live: true, ..plan(&name_of(&folder.database()), &url) };
        let (transferred, acknowledged) =
            transfer_with_a_write_at_each_step(live, Arc::clone(&store)).await;
        let report = transferred
            .unwrap_or_else(|error| panic!("write lock removed: {is_write_lock_removed}: {error}"));
        let target = server(&url);
        assert_counted_to(&target, acknowledged).await;
        assert_eq!(
            target.changes_after(0, 10_000).await.expect("readable").len() as u64,
            report.transferred.changes
        );
        assert!(
            initialise(&files::settings(&folder.database())).is_err(),
            "the old file is retired"
        );
        target.close().await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_during_a_live_move_back_is_in_the_target() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let url = cluster.url(&cluster.database());
    go(&plan(&name_of(&folder.database()), &url)).expect("moved");
    let store: Arc<dyn Store> = Arc::new(server(&url));
    let back = folder.path("back.db");
    let live = Plan { live: true, ..plan(&url, &name_of(&back)) };
    let (transferred, acknowledged) =
        transfer_with_a_write_at_each_step(live, Arc::clone(&store)).await;
    transferred.expect("moved");
    store.close().await;
    let target = files::open(&back);
    assert_counted_to(&target, acknowledged).await;
    target.close().await;
    drop(target);
    assert!(check(&back).expect("a file").is_sound());
}

/// Moves, and purges a persona before anything is copied, and one when all of it was copied.
async fn transfer_with_purges(plan: Plan, store: Arc<dyn Store>) -> TransferReport {
    let runtime = Handle::current();
    let moved = tokio::task::spawn_blocking(move || {
        let mut purges = vec![(Step::Comparing, 12), (Step::Transferring, 11)];
        let moved = transfer(&plan, &mut |progress: Progress| {
            if let Some((_, number)) = purges.pop_if(|(step, _)| *step == progress.step) {
                runtime.block_on(purge(&*store, number));
            }
            ControlFlow::Continue(())
        });
        assert_eq!(purges, []);
        moved
    });
    moved.await.expect("no panic").expect("moved")
}

/// Of persona 11 no line is copied before its purge, and persona 12 was copied with its labels when
/// it is purged.
async fn assert_purged(store: &dyn Store) {
    for number in [PURGED, 11, 12] {
        assert_eq!(store.get(id(number)).await.expect("readable"), None, "{number}");
        let tombstone = store.tombstone(id(number)).await.expect("readable").expect("left");
        assert_eq!(tombstone.author.as_deref(), Some("Zoë"), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_purged_during_a_live_move_is_purged_in_the_target() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let source: Arc<dyn Store> = Arc::new(files::open(&folder.database()));
    let name = cluster.database();
    let url = cluster.url(&name);
    let live = Plan { live: true, ..plan(&name_of(&folder.database()), &url) };
    let report = transfer_with_purges(live, Arc::clone(&source)).await;
    assert_eq!(report.transferred.personas, u64::from(PERSONAS) - 2);
    source.close().await;
    let target = server(&url);
    assert_purged(&target).await;
    target.close().await;
    let ids = format!("('{}', '{}')", id(11), id(12));
    for (table, left) in [("revisions", "2"), ("label_moves", "0"), ("persona_texts", "0")] {
        let sql = format!("SELECT count(*) FROM persona_store.{table} WHERE persona IN {ids}");
        assert_eq!(cluster.sql(&name, &sql), left, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_purged_during_a_live_move_back_is_purged_in_the_target() {
    move_back_with_purges(Cluster::shared()).await;
}

/// Followers are told of nothing behind a transaction that is open, in whatever database of the
/// server, and neither does a move copy it before the writers wait: the line of a purge is missing
/// while the lines of its persona are there.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_purged_during_a_live_move_back_may_be_behind_an_open_transaction() {
    // A server of its own: the transaction would hold up what followers are told in other tests.
    let cluster = Cluster::start(&[]);
    let (client, connection) =
        tokio_postgres::connect(&cluster.url("postgres"), tokio_postgres::NoTls)
            .await
            .expect("connected");
    tokio::spawn(connection);
    client.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.expect("a transaction");
    move_back_with_purges(&cluster).await;
    client.batch_execute("ROLLBACK").await.expect("it was open all the time");
}

async fn move_back_with_purges(cluster: &Cluster) {
    let folder = Folder::new();
    fill(&folder.database()).await;
    let url = cluster.url(&cluster.database());
    go(&plan(&name_of(&folder.database()), &url)).expect("moved");
    let source: Arc<dyn Store> = Arc::new(server(&url));
    let back = folder.path("back.db");
    let live = Plan { live: true, ..plan(&url, &name_of(&back)) };
    let report = transfer_with_purges(live, Arc::clone(&source)).await;
    assert_eq!(report.transferred.personas, u64::from(PERSONAS) - 2);
    source.close().await;
    let target = files::open(&back);
    assert_purged(&target).await;
    target.close().await;
    drop(target);
    assert!(check(&back).expect("a file").is_sound(), "{:?}", check(&back));
}

/// Adds records of keys with the present time, each of a request for persona 1.
fn add_keys(path: &Path, count: u32) {
    let connection = Connection::open(path).expect("it opens");
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
               INSERT INTO idempotency (key, fingerprint, outcome, persona, revision, deleted, body, at)
               SELECT 'recent ' || i, zeroblob(32), 'updated', (SELECT id FROM personas WHERE row_id = 1), 1, 0, x'',
                      (SELECT max(at) FROM changes) + i
               FROM n";
    connection.execute(sql, [count]).expect("inserted");
}

/// At the end of a move writers wait for the copy of what came meanwhile, and not of every request
/// of the last minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_move_copies_each_record_of_a_key_once_however_many_are_new() {
    const KEYS: u32 = 20_000;
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    add_keys(&folder.database(), KEYS);
    let kept = |path: &Path| -> u32 {
        Connection::open(path)
            .and_then(|file| {
                file.query_row("SELECT count(*) FROM idempotency", [], |row| row.get(0))
            })
            .expect("a count")
    };
    let url = cluster.url(&cluster.database());
    let report =
        go(&Plan { live: true, ..plan(&name_of(&folder.database()), &url) }).expect("moved");
    assert_eq!(
        (report.keys, kept(&folder.database())),
        (u64::from(KEYS) + 8, KEYS + 8),
        "copied, and there"
    );
    let fence = report.fence.expect("it was live");
    assert!(fence < Duration::from_secs(2), "{fence:?}");
    let back = folder.path("back.db");
    let report = go(&Plan { live: true, ..plan(&url, &name_of(&back)) }).expect("moved back");
    assert_eq!((report.keys, kept(&back)), (u64::from(KEYS) + 8, KEYS + 8));
    println!("{KEYS} keys, fence {fence:?} and {:?}", report.fence);
}

async fn create(store: &PostgresStore, number: u8) {
    let members = json!({ "name": format!("name {number}"), "tags": ["all", format!("t{number}")], "description": "name".repeat(3) });
    store
        .write(write(Operation::Create { id: id(number), document: document(members) }))
        .await
        .expect("created");
}

/// The clocks of two machines that write to one database differ, so the order of the feed is not
/// that of creation: among the personas from before a move, among those that came while the move
/// was interrupted, and among both together.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_file_are_in_order_of_creation_whenever_they_came() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    let url = cluster.url(&cluster.database());
    postgres::initialise(&postgres::Settings::parse(&url).expect("a URL")).expect("ready");
    let (early, late) = (Arc::new(TestClock::default()), Arc::new(TestClock::default()));
    late.advance_micros(5_000_000);
    let (behind, ahead) = (server_at(&url, early.clone()), server_at(&url, late.clone()));
    let add = async |numbers: std::ops::Range<u8>| {
        for number in numbers {
            create(if number % 3 == 0 { &behind } else { &ahead }, number).await;
            early.advance_micros(70_000);
            late.advance_micros(70_000);
        }
    };
    add(1..20).await;
    let back = folder.path("back.db");
    let there = plan(&url, &name_of(&back));
    let interrupted = tokio::task::spawn_blocking({
        let there = there.clone();
        move || transfer(&there, &mut |_| ControlFlow::Break(()))
    });
    let interrupted = interrupted.await.expect("no panic").expect_err("it had begun");
    assert!(matches!(interrupted, TransferError::Interrupted { .. }), "{interrupted}");
    add(20..40).await;
    go(&there).expect("moved");
    for order in ["relevance", "-created_at", "name"] {
        assert_same(&content_of_server(&url, order).await, &content_of_file(&back, order).await);
    }
    let exported = async |store: &dyn Store| {
        let mut export = store.export(Exported::All).await.expect("started");
        let mut found = Vec::new();
        while let Some(answer) = export.recv().await {
            found.push(answer.expect("no error").id);
        }
        found
    };
    let file = files::open(&back);
    assert_eq!(exported(&file).await, exported(&ahead).await);
    file.close().await;
    drop(file);
    assert!(check(&back).expect("a file").is_sound(), "{:?}", check(&back));
    behind.close().await;
    ahead.close().await;
}
