//! Moves between SQLite and PostgreSQL: everything arrives, however often it is interrupted, and what does not is noticed.

mod cluster;
mod files;

use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::Cluster;
use files::{Folder, check, go_on, settings};
use persona_model::{Cursor, Expect, Filter, ListRequest, Patch, Revision, Search, Sort};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{SqliteStore, initialise};
use persona_storage::transfer::{Place, Plan, TransferError, TransferReport, transfer};
use persona_storage::{Error, Idempotency, NoObserver, Operation, Store};
use serde_json::json;

/// Personas of the usual store of these tests.
const PERSONAS: u8 = 60;
/// How often a move is killed.
const KILLS: u32 = 20;
/// What tells a process of this program that it is to move something.
const CHILD: &str = "PERSONA_TEST_MOVE";

fn plan(from: &str, to: &str) -> Plan {
    let place = |name| Place::parse(name).expect("a place");
    Plan { from: place(from), to: place(to), dry_run: false, live: false, into_existing: false, start_over: false }
}

fn name_of(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn go(plan: &Plan) -> Result<TransferReport, TransferError> {
    let plan = plan.clone();
    // Not from within a task of the test.
    std::thread::spawn(move || transfer(&plan, &mut go_on)).join().expect("no panic")
}

/// Everything that a store has: history, deleted and restored ones, merges, handles that went from one to another, records
/// of repeated requests, CJK texts and large documents.
async fn fill(path: &Path) {
    files::fill(path, PERSONAS).await;
    let store = files::open(path);
    let merge = |members| Patch::merge(members).expect("a patch");
    let change = |number, members, base| write(Operation::Patch { id: id(number), expect: Expect::Any, patch: merge(members), base });
    store.write(change(7, json!({ "handle": null }), None)).await.expect("patched");
    store.write(change(8, json!({ "handle": "handle-7" }), None)).await.expect("the handle is free");
    store.write(write(Operation::Restore { id: id(10), expect: Expect::Any })).await.expect("restored");
    store.write(change(11, json!({ "description": "東京の夜、猫が歩く。서울 北京" }), Revision::new(1))).await.expect("merged");
    store.write(change(12, json!({ "description": "x\u{1F600}\\u0000 \"q\"\n|".repeat(6000) }), None)).await.expect("patched");
    for number in [13, 14, 16, 17, 18, 19, 21, 22] {
        let mut repeated = change(number, json!({ "extensions": { "again": number } }), None);
        repeated.idempotency = Some(Idempotency { key: format!("key-{number}"), fingerprint: [number; 32] });
        store.write(repeated).await.expect("patched");
    }
    store.close().await;
}

/// All that can be read of a store, as text.
async fn content(store: &dyn Store, order: &str) -> Vec<String> {
    let mut found = Vec::new();
    for number in 1..=PERSONAS {
        let Some(answer) = store.get(id(number)).await.expect("readable") else { continue };
        found.push(format!("{answer:?}"));
        for revision in 1..=answer.revision.number() {
            let revision = Revision::new(revision).expect("not 0");
            found.push(format!("{:?}", store.revision(id(number), revision).await.expect("readable")));
        }
    }
    found.push(format!("{:?}", store.changes_after(0, 10_000).await.expect("readable")));
    for query in ["name", "name 1", "\"東京\"", "猫", "t7", "-name", "12*"] {
        let filter = Filter { search: Some(Search::parse(query).expect("a search")), ..Filter::default() };
        let sort = Sort::from_word(order).expect("an order");
        let mut request = ListRequest { filter, sort, after: None, limit: 7, count: true };
        loop {
            let page = store.list(request.clone()).await.expect("readable");
            found.push(format!("{query}: {:?}", (page.items.iter().map(|it| it.id).collect::<Vec<_>>(), page.total)));
            let Some(cursor) = page.next_cursor else { break };
            request.after = Some(Cursor::decode(&cursor, &request.filter, request.sort).expect("its own"));
        }
    }
    found
}

async fn content_of_file(path: &Path, order: &str) -> Vec<String> {
    let store = files::open(path);
    let content = content(&store, order).await;
    store.close().await;
    content
}

async fn content_of_server(url: &str, order: &str) -> Vec<String> {
    let settings = postgres::Settings::parse(url).expect("a URL");
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver)).expect("it opens");
    let content = content(&store, order).await;
    store.close().await;
    content
}

fn assert_same(one: &[String], other: &[String]) {
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one, other);
    }
}

/// Repeats a request of [`fill`].
async fn repeat(store: &dyn Store, number: u8) -> bool {
    let patch = Patch::merge(json!({ "extensions": { "again": number } })).expect("a patch");
    let mut again = write(Operation::Patch { id: id(number), expect: Expect::Any, patch, base: None });
    again.idempotency = Some(Idempotency { key: format!("key-{number}"), fingerprint: [number; 32] });
    store.write(again).await.expect("answered").replayed
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_and_comes_back_the_same() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let before = content_of_file(&folder.database(), "created_at").await;
    let by_relevance = content_of_file(&folder.database(), "relevance").await;
    let url = cluster.url(&cluster.database());
    let there = plan(&name_of(&folder.database()), &url);
    let rehearsed = go(&Plan { dry_run: true, ..there.clone() }).expect("it can be moved");
    let report = go(&there).expect("moved");
    assert_eq!((report.moved, report.keys), (rehearsed.moved, 8));
    assert_same(&before, &content_of_server(&url, "created_at").await);
    let back = folder.path("back.db");
    let returned = go(&plan(&url, &name_of(&back))).expect("moved back");
    assert_eq!(returned.moved, report.moved);
    assert!(check(&back).expect("a file").is_sound(), "{:?}", check(&back));
    assert_same(&by_relevance, &content_of_file(&back, "relevance").await);
    assert_eq!(initialise(&settings(&back)).expect("ready").journal_mode, "wal");
    let store = files::open(&back);
    assert!(repeat(&store, 13).await, "the request is known");
    files::patch(&store, 9, &json!({ "description": "goes on" })).await;
    store.close().await;
    drop(store);
    assert!(check(&back).expect("a file").is_sound());
    assert_eq!(check(&folder.database()).expect("a file").changes, report.moved.changes, "the source is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_database_goes_on_with_its_feed_its_keys_and_its_handles() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let url = cluster.url(&cluster.database());
    let report = go(&plan(&name_of(&folder.database()), &url)).expect("moved");
    let settings = postgres::Settings::parse(&url).expect("a URL");
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver)).expect("it opens");
    assert!(repeat(&store, 14).await, "the request is known");
    let patch = Patch::merge(json!({ "handle": "handle-7" })).expect("a patch");
    let taken = store.write(write(Operation::Patch { id: id(9), expect: Expect::Any, patch, base: None })).await;
    assert!(taken.is_err(), "{taken:?}");
    store.write(write(Operation::Create { id: id(200), document: document(json!({ "name": "new" })) })).await.expect("created");
    let changes = store.changes_after(0, 10_000).await.expect("readable");
    assert_eq!(changes.len() as u64, report.moved.changes + 1);
    assert_eq!(changes.last().expect("some").persona, id(200));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_on_the_way_is_found_and_named() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let faults = [
        (format!("UPDATE persona_store.revisions SET document = document || ' ' WHERE persona = '{}' AND revision = 1", id(5)), true),
        (format!("UPDATE persona_store.personas SET head = head || ' ' WHERE id = '{}'", id(5)), true),
        (format!("DELETE FROM persona_store.persona_tags WHERE persona = '{}'", id(5)), true),
        (format!("UPDATE persona_store.persona_search SET text = ' ' WHERE persona = '{}'", id(5)), true),
        (format!("DELETE FROM persona_store.changes WHERE persona = '{}' AND revision = 1", id(5)), true),
        ("INSERT INTO persona_store.changes SELECT 10000000, persona, 999, kind, at FROM persona_store.changes LIMIT 1".into(), false),
    ];
    for (fault, is_named) in faults {
        let database = cluster.database();
        let plan = plan(&name_of(&folder.database()), &cluster.url(&database));
        let moved = std::thread::spawn({
            let (plan, database) = (plan.clone(), database.clone());
            move || {
                let mut done = false;
                transfer(&plan, &mut |progress| {
                    // All is copied, and nothing was compared.
                    if progress.step == persona_storage::sqlite::Step::Comparing && !done {
                        done = true;
                        Cluster::shared().sql(&database, &fault);
                    }
                    ControlFlow::Continue(())
                })
            }
        });
        let refused = moved.join().expect("no panic").expect_err("it differs");
        let TransferError::Differs { persona, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*persona, is_named.then_some(id(5)), "{refused}");
        let settings = postgres::Settings::parse(&cluster.url(&database)).expect("a URL");
        assert!(matches!(postgres::initialise(&settings), Err(postgres::StartError::BeingFilled { .. })), "nobody may use it");
        go(&Plan { start_over: true, ..plan }).expect("moved");
        postgres::initialise(&settings).expect("now it can be used");
    }
}

/// What a process of [`a_move_that_is_killed_again_and_again_arrives_complete`] does.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test program has no other way to be told something")]
fn a_process_that_is_told_to_moves_something() {
    let Ok(places) = std::env::var(CHILD) else { return };
    let (from, to) = places.split_once('\n').expect("two places");
    transfer(&plan(from, to), &mut go_on).expect("moved");
}

fn child(from: &str, to: &str) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "a_process_that_is_told_to_moves_something"]).env(CHILD, format!("{from}\n{to}"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

/// Moves with a process that is killed after random times, until one comes through; tells how often it was killed.
fn move_killed(from: &str, to: &str, kills: u32) {
    let mut seed = 7_u64;
    let mut killed = 0;
    while killed < kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = child(from, to);
        std::thread::sleep(Duration::from_millis(20 + (seed >> 33) % 150));
        if child.try_wait().expect("a child").is_some() {
            break;
        }
        child.kill().expect("a child");
        child.wait().expect("a child");
        killed += 1;
    }
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Err(error) = transfer(&plan(from, to), &mut go_on) {
        // The server may not have noticed yet that the last one is gone.
        if matches!(error, TransferError::FileExists { .. } | TransferError::NotEmpty { .. }) {
            return;
        }
        assert!(Instant::now() < deadline, "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_killed_again_and_again_arrives_complete() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    // Enough that there is something to kill it at.
    let store = files::open(&folder.database());
    for round in 0..3000_usize {
        files::patch(&store, [1, 2, 3, 4][round % 4], &json!({ "extensions": { "round": round } })).await;
    }
    store.close().await;
    drop(store);
    let before = content_of_file(&folder.database(), "created_at").await;
    let by_relevance = content_of_file(&folder.database(), "relevance").await;
    let url = cluster.url(&cluster.database());
    let (from, back) = (name_of(&folder.database()), folder.path("back.db"));
    let (there, to) = (url.clone(), name_of(&back));
    std::thread::spawn(move || {
        move_killed(&from, &there, KILLS);
        move_killed(&there, &to, KILLS);
    })
    .join()
    .expect("no panic");
    assert_same(&before, &content_of_server(&url, "created_at").await);
    assert_same(&by_relevance, &content_of_file(&back, "relevance").await);
    assert!(check(&back).expect("a file").is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_are_not_empty_and_sources_in_use_are_refused() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let (source, url) = (name_of(&folder.database()), cluster.url(&cluster.database()));
    let there = plan(&source, &url);
    go(&there).expect("moved");
    assert!(matches!(go(&there), Err(TransferError::NotEmpty { .. })));
    assert!(matches!(go(&Plan { into_existing: true, ..there.clone() }), Err(TransferError::Taken { .. })), "they are there already");
    assert!(matches!(go(&plan(&url, &source)), Err(TransferError::FileExists { .. })));
    assert!(matches!(go(&plan(&source, &source)), Err(TransferError::SamePlace { .. })));
    let missing = name_of(&folder.path("missing.db"));
    assert!(matches!(go(&plan(&missing, &url)), Err(TransferError::File(_))));
    let other = Folder::new();
    let store = {
        initialise(&settings(&other.database())).expect("a file");
        files::open(&other.database())
    };
    store.write(write(Operation::Create { id: id(250), document: document(json!({ "name": "one more" })) })).await.expect("created");
    let one_more = plan(&name_of(&other.database()), &cluster.url(&cluster.database()));
    store.close().await;
    drop::<SqliteStore>(store);
    go(&one_more).expect("moved");
    let mut added = plan(&source, "sqlite:x");
    added.to = one_more.to.clone();
    added.into_existing = true;
    let report = go(&added).expect("added");
    assert_eq!(report.moved.personas, u64::from(PERSONAS));
}

/// Counts up in a persona until that is refused; how often it was acknowledged, and the refusal.
fn count_until_refused(store: &Arc<dyn Store>) -> tokio::task::JoinHandle<(u32, Error)> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let mut acknowledged = 0;
        loop {
            let patch = Patch::merge(json!({ "extensions": { "count": acknowledged + 1 } })).expect("a patch");
            match store.write(write(Operation::Patch { id: id(1), expect: Expect::Any, patch, base: None })).await {
                Ok(_) => acknowledged += 1,
                Err(refusal) => return (acknowledged, refusal),
            }
        }
    })
}

async fn assert_counted_to(store: &dyn Store, acknowledged: u32) {
    let answer = store.get(id(1)).await.expect("readable").expect("there");
    let body = String::from_utf8(answer.body.to_vec()).expect("text");
    assert!(acknowledged > 0 && body.contains(&format!("\"count\":{acknowledged}")), "{acknowledged}: {body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_move_takes_every_acknowledged_write_along_and_then_nobody_writes() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let store: Arc<dyn Store> = Arc::new(files::open(&folder.database()));
    let url = cluster.url(&cluster.database());
    let live = Plan { live: true, ..plan(&name_of(&folder.database()), &url) };
    let counting = count_until_refused(&store);
    let report = tokio::task::spawn_blocking(move || go(&live)).await.expect("no panic").expect("moved");
    let (acknowledged, _) = counting.await.expect("no panic");
    let fence = report.fence.expect("it was live");
    assert!(fence < Duration::from_secs(2), "{fence:?}");
    println!("{acknowledged} writes meanwhile, fence {fence:?}");
    let settings = postgres::Settings::parse(&url).expect("a URL");
    let moved = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver)).expect("it opens");
    assert_counted_to(&moved, acknowledged).await;
    assert!(initialise(&files::settings(&folder.database())).is_err(), "the old file is retired");
    moved.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_move_back_takes_every_acknowledged_write_along_and_then_nobody_writes() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let url = cluster.url(&cluster.database());
    go(&plan(&name_of(&folder.database()), &url)).expect("moved");
    let settings = postgres::Settings::parse(&url).expect("a URL");
    let opened = PostgresStore::open(settings.clone(), Arc::new(TestClock::default()), Arc::new(NoObserver)).expect("it opens");
    let store: Arc<dyn Store> = Arc::new(opened);
    let back = folder.path("back.db");
    let live = Plan { live: true, ..plan(&url, &name_of(&back)) };
    let counting = count_until_refused(&store);
    let report = tokio::task::spawn_blocking(move || go(&live)).await.expect("no panic").expect("moved");
    let (acknowledged, refusal) = counting.await.expect("no panic");
    assert!(report.fence.is_some_and(|fence| fence < Duration::from_secs(2)), "{report:?}");
    assert!(matches!(refusal, Error::Closed(_)), "{refusal:?}");
    store.close().await;
    assert!(persona_storage::sqlite::check(&back, &mut |_| std::ops::ControlFlow::Continue(())).expect("readable").is_sound());
    assert_counted_to(&files::open(&back), acknowledged).await;
    assert!(postgres::initialise(&settings).is_err(), "the old database is retired");
}
