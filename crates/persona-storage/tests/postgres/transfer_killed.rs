//! Moves that are killed: at random times, at each of their steps, and at their last moment. They
//! go on, and nothing is lost or there twice.

use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::files::{self, Folder, check, go_on};
use crate::transfers::{
    PERSONAS, assert_counted_to, assert_same, content_of_file, content_of_server, count_to, fill,
    go, name_of, plan,
};
use persona_storage::conformance::{TestClock, id};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::initialise;
use persona_storage::transfer::{Plan, TransferError, transfer};
use persona_storage::{NoObserver, Store};
use persona_test_support::{Cluster, wait_at_most, wait_until};
use serde_json::json;

/// How often a move is killed at random times.
const KILLS: u32 = 20;
/// The environment variable that tells a process of this test program what to move.
const CHILD: &str = "PERSONA_TEST_MOVE";
/// Longest wait for something that happens by itself.
const LONG: Duration = Duration::from_mins(1);

/// The work of a child process of the tests below: it moves, and kills itself at a step if the
/// variable names one.
#[test]
#[ignore = "the other process of the tests below, and nothing without them"]
#[expect(
    clippy::disallowed_methods,
    reason = "a test program has no other way to be told something"
)]
fn a_process_that_is_told_to_moves_something() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let words: Vec<&str> = order.split('\n').collect();
    let [from, to, live, killed_at] = words[..] else { panic!("{order}") };
    let mut left: u32 = killed_at.parse().expect("a number");
    let plan = Plan { live: live == "live", ..plan(from, to) };
    let moved = transfer(&plan, &mut |_| {
        left -= 1;
        if left == 0 {
            std::process::abort();
        }
        ControlFlow::Continue(())
    });
    moved.expect("moved");
}

fn child(from: &str, to: &str, live: bool, killed_at: u32) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let live = if live { "live" } else { "" };
    command
        .args(["--ignored", "--exact"])
        .arg("transfer_killed::a_process_that_is_told_to_moves_something")
        .env(CHILD, format!("{from}\n{to}\n{live}\n{killed_at}"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

/// Moves with a process that is killed after random times, until one process comes to its end.
/// Returns how often a process was killed.
fn move_killed(from: &str, to: &str, kills: u32) {
    let mut seed = 7_u64;
    let mut killed = 0;
    while killed < kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = child(from, to, false, u32::MAX);
        std::thread::sleep(Duration::from_millis(20 + (seed >> 33) % 150));
        if child.try_wait().expect("a child").is_some() {
            break;
        }
        child.kill().expect("a child");
        child.wait().expect("a child");
        killed += 1;
    }
    // The server may not have noticed yet that the last process is gone.
    let mut refused = None;
    wait_at_most(LONG, || match transfer(&plan(from, to), &mut go_on) {
        Ok(_) | Err(TransferError::FileExists { .. } | TransferError::NotEmpty { .. }) => Some(()),
        Err(error) => {
            refused = Some(error);
            None
        }
    })
    .unwrap_or_else(|| panic!("{refused:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_killed_again_and_again_arrives_complete() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    // Enough personas that a kill can meet the move.
    let store = files::open(&folder.database());
    for round in 0..3000_usize {
        files::patch(&store, [1, 2, 3, 4][round % 4], &json!({ "extensions": { "round": round } }))
            .await;
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

/// Moves, and kills the process at its first step, the next process at its second, and so on, until
/// one comes to its end. Returns how many were killed. The server may not have noticed yet that the
/// last process is gone, so a process that is refused is not counted.
fn move_killed_at_each_step(from: &str, to: &str) -> u32 {
    // For each step: a busy machine takes a while for all of them.
    let mut deadline = Instant::now() + LONG;
    let mut step = 1;
    loop {
        let ended = child(from, to, true, step).wait().expect("a child");
        if ended.success() {
            return step - 1;
        }
        assert!(Instant::now() < deadline, "still not moved at step {step}: {ended}");
        if ended.code().is_none() {
            step += 1;
            deadline = Instant::now() + LONG;
        }
    }
}

/// Writes rising counts into a persona, with a short pause between two writes, until a write is
/// refused.
fn count_slowly(store: &Arc<dyn Store>) -> tokio::task::JoinHandle<u32> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        let mut acknowledged = 0;
        loop {
            pace.tick().await;
            match count_to(&*store, acknowledged + 1).await {
                Ok(_) => acknowledged += 1,
                Err(_) => return acknowledged,
            }
        }
    })
}

/// Checks that every revision from the first to the newest exists once, so nothing was lost and
/// nothing was done twice.
async fn assert_whole(store: &dyn Store, acknowledged: u32) {
    assert_counted_to(store, acknowledged).await;
    let newest = store.get(id(1)).await.expect("readable").expect("there").revision.number();
    let changes = store.changes_after(0, 1_000_000).await.expect("readable");
    let revisions: Vec<u64> = changes
        .iter()
        .filter(|line| line.persona == id(1))
        .map(|line| line.revision.number())
        .collect();
    assert_eq!(revisions, (1..=newest).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_move_that_is_killed_at_each_of_its_steps_loses_nothing_and_does_nothing_twice() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    // More personas than one batch of the move takes.
    let store = files::open(&folder.database());
    for round in 0..100 {
        files::patch(&store, 2, &json!({ "description": format!("{round} ").repeat(30_000) }))
            .await;
    }
    let file: Arc<dyn Store> = Arc::new(store);
    let url = cluster.url(&cluster.database());
    let counting = count_slowly(&file);
    let (from, to) = (name_of(&folder.database()), url.clone());
    let steps = tokio::task::spawn_blocking(move || move_killed_at_each_step(&from, &to))
        .await
        .expect("no panic");
    let acknowledged = counting.await.expect("no panic");
    let settings = postgres::Settings::parse(&url).expect("a URL");
    let server =
        PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
            .expect("it opens");
    assert_whole(&server, acknowledged).await;
    file.close().await;
    // The move back, out of a database that is written to.
    let server: Arc<dyn Store> = Arc::new(server);
    let counting = count_slowly(&server);
    let back = folder.path("back.db");
    let (from, to) = (url, name_of(&back));
    let steps_back = tokio::task::spawn_blocking(move || move_killed_at_each_step(&from, &to))
        .await
        .expect("no panic");
    let acknowledged = counting.await.expect("no panic");
    assert!(
        steps >= 6 && steps_back >= 6,
        "copying, comparing and the fence have more steps than {steps} and {steps_back}"
    );
    println!("killed {steps} times there and {steps_back} times back");
    server.close().await;
    assert!(check(&back).expect("a file").is_sound(), "{:?}", check(&back));
    let store = files::open(&back);
    assert_whole(&store, acknowledged).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_move_that_is_killed_between_the_end_of_the_source_and_the_start_of_the_target_goes_on()
 {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    fill(&folder.database()).await;
    let before = content_of_file(&folder.database(), "created_at").await;
    let database = cluster.database();
    let (from, to) = (name_of(&folder.database()), cluster.url(&database));
    // The move has begun, and ends before anything was copied.
    let began = tokio::task::spawn_blocking({
        let (from, to) = (from.clone(), to.clone());
        move || child(&from, &to, true, 1).wait().expect("a child")
    });
    assert_eq!(began.await.expect("no panic").code(), None, "killed");
    // The target cannot be opened for use, so the move stops right behind the moment in which the
    // source was retired.
    let (blocker, connection) =
        tokio_postgres::connect(&to, tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    blocker
        .batch_execute("BEGIN; LOCK TABLE persona_store.about IN EXCLUSIVE MODE")
        .await
        .expect("locked");
    let mut moving = child(&from, &to, true, u32::MAX);
    let waiting = "SELECT count(*) FROM pg_locks
                   WHERE NOT granted AND relation = 'persona_store.about'::regclass
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_until("the move waits for the lock", LONG, || {
        assert!(moving.try_wait().expect("a child").is_none(), "it does not wait");
        cluster.sql(&database, waiting) != "0"
    })
    .await;
    moving.kill().expect("a child");
    moving.wait().expect("a child");
    assert!(initialise(&files::settings(&folder.database())).is_err(), "the file is retired");
    let settings = postgres::Settings::parse(&to).expect("a URL");
    assert!(
        matches!(postgres::initialise(&settings), Err(postgres::DatabaseError::BeingFilled { .. })),
        "and nobody may use the target"
    );
    blocker.batch_execute("ROLLBACK").await.expect("over");
    go(&Plan { live: true, ..plan(&from, &to) }).expect("moved");
    assert_same(&before, &content_of_server(&to, "created_at").await);
    assert_eq!(
        cluster.sql(&database, "SELECT count(*) FROM persona_store.personas"),
        PERSONAS.to_string()
    );
}
