//! A light write waits for at most one heavy write, however many heavy writes there are, and in
//! whichever process.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use persona_model::{Patch, PersonaId, Precondition};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{Settings, SqliteStore, WriteLock, initialise};
use persona_storage::{Observer, Operation, Party, Store, Write};
use persona_test_support::wait_until;
use serde_json::json;
use tokio::task::JoinSet;

/// How many writes of large documents there are, and how many of small ones.
const HEAVY: u8 = 6;
const LIGHT: u8 = 8;
/// Longest wait for something to be seen.
const DEADLINE: Duration = Duration::from_mins(1);

/// Counts the writes that wait.
#[derive(Default)]
struct Counts {
    queued: AtomicUsize,
    at_the_write_lock: AtomicUsize,
}

impl Observer for Counts {
    fn enqueued(&self) {
        self.queued.fetch_add(1, SeqCst);
    }

    fn write_lock_waiting(&self) {
        self.at_the_write_lock.fetch_add(1, SeqCst);
    }
}

async fn reaches(count: &AtomicUsize, wanted: usize) {
    wait_until("as many as wanted", DEADLINE, || count.load(SeqCst) >= wanted).await;
}

fn create(number: u8, bytes: usize, client: u8) -> Write {
    let members = json!({ "name": "Ada", "alternate_greetings": vec!["x".repeat(bytes / 4); 4] });
    let client = Some(Party::Address([192, 0, 2, client].into()));
    Write {
        client,
        bytes,
        ..write(Operation::Create { id: id(number), document: document(members) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_light_write_is_committed_after_at_most_one_heavy_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let counts = Arc::new(Counts::default());
    let store = Arc::new(
        SqliteStore::open(settings.clone(), Arc::new(TestClock::default()), counts.clone())
            .expect("it opens"),
    );
    let mut writers = JoinSet::new();
    let mut send = |write: Write| {
        let store = Arc::clone(&store);
        writers.spawn(async move { store.write(write).await.expect("created").representation.id });
    };
    {
        let write_lock = WriteLock::open(&settings.path).expect("a write lock");
        let guard = write_lock.lock().expect("locks work");
        // The first heavy write has its turn, and waits at the write lock; all others wait behind
        // it.
        send(create(0, 1 << 20, 0));
        reaches(&counts.at_the_write_lock, 1).await;
        (1..HEAVY).for_each(|number| send(create(number, 1 << 20, number)));
        reaches(&counts.queued, usize::from(HEAVY)).await;
        (0..LIGHT).for_each(|number| send(create(100 + number, 100, number)));
        reaches(&counts.queued, usize::from(HEAVY + LIGHT)).await;
        drop(guard);
    }
    while let Some(written) = writers.join_next().await {
        written.expect("no panic");
    }
    let feed = store.changes_after(0, 100).await.expect("readable");
    let order: Vec<u8> =
        feed.iter().map(|change| PersonaId::as_bytes(&change.persona)[15]).collect();
    assert_eq!(order.len(), usize::from(HEAVY + LIGHT));
    let last_light = order.iter().rposition(|number| *number >= 100).expect("light ones");
    // A light write that is slow on its way to the queue is in a later light transaction. So only
    // this holds on a busy machine: between two heavy writes there is a light transaction, as long
    // as there are light writes.
    let neighbours =
        order[..last_light].windows(2).filter(|pair| pair.iter().all(|number| *number < 100));
    assert_eq!(neighbours.count(), 0, "{order:?}");
    let first_light = order.iter().position(|number| *number >= 100).expect("light ones");
    // The first heavy write was at the write lock with only the first part of its words.
    assert_eq!(first_light, 0, "{order:?}");
    store.close().await;
}

/// How many threads of any process wait for a lock of this file.
fn waiting_for(file: &Path) -> usize {
    let inode = std::fs::metadata(file).map_or(0, |metadata| metadata.ino());
    let locks = std::fs::read_to_string("/proc/locks").expect("the system's table of locks");
    let end_of_place = format!(":{inode} ");
    locks.lines().filter(|line| line.contains("->") && line.contains(&end_of_place)).count()
}

async fn until_a_lock_is_waited_for(file: &Path) {
    let what = format!("a process that waits for {}", file.display());
    wait_until(&what, DEADLINE, || waiting_for(file) > 0).await;
}

/// A store as one process has it, and the writes that wait in it.
type Opened = (Arc<SqliteStore>, Arc<Counts>);

/// Two stores on one file, as two processes have it, and where the lock of heavy writes lies.
fn two_processes(folder: &Path) -> (Settings, [Opened; 2], PathBuf) {
    let settings = Settings::new(folder.join("persona.db"));
    initialise(&settings).expect("a new file");
    let open = |settings: &Settings| {
        let counts = Arc::new(Counts::default());
        let store =
            SqliteStore::open(settings.clone(), Arc::new(TestClock::default()), counts.clone())
                .expect("it opens");
        (Arc::new(store), counts)
    };
    let stores = [open(&settings), open(&settings)];
    (settings, stores, folder.join("persona.db-heavy"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_heavy_write_of_another_process_comes_to_the_write_lock_when_the_one_before_it_is_committed()
 {
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, [(one, at_one), (other, at_other)], lock) = two_processes(folder.path());
    let mut writers = JoinSet::new();
    let mut send = |store: &Arc<SqliteStore>, write: Write| {
        let store = Arc::clone(store);
        writers.spawn(async move { store.write(write).await.expect("created").representation.id });
    };
    let write_lock = WriteLock::open(&settings.path).expect("a write lock");
    let guard = write_lock.lock().expect("locks work");
    send(&one, create(1, 1 << 20, 1));
    reaches(&at_one.at_the_write_lock, 1).await;
    send(&other, create(2, 1 << 20, 2));
    until_a_lock_is_waited_for(&lock).await;
    // So the other process goes to the write lock for a light write, although that write came
    // later.
    send(&other, create(100, 100, 3));
    reaches(&at_other.at_the_write_lock, 1).await;
    drop(guard);
    while let Some(written) = writers.join_next().await {
        written.expect("no panic");
    }
    let feed = one.changes_after(0, 100).await.expect("readable");
    let order: Vec<u8> =
        feed.iter().map(|change| PersonaId::as_bytes(&change.persona)[15]).collect();
    assert_eq!((order.len(), order.last()), (3, Some(&2)), "{order:?}");
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_patch_of_a_large_persona_that_a_process_does_not_know_is_worked_out_outside_of_the_lock()
 {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, [(one, _), (other, _)], lock) = two_processes(folder.path());
    one.write(create(1, 1 << 20, 1)).await.expect("created");
    one.write(create(2, 100, 1)).await.expect("created");
    let patch = |number: u8| {
        let patch = Patch::merge(json!({ "nickname": "A" })).expect("a patch");
        write(Operation::Patch {
            id: id(number),
            precondition: Precondition::Any,
            patch,
            base: None,
        })
    };
    let held = File::open(&lock).expect("the first heavy write made it");
    held.lock().expect("locks work");
    let heavy = tokio::spawn({
        let other = Arc::clone(&other);
        async move { other.write(patch(1)).await }
    });
    until_a_lock_is_waited_for(&lock).await;
    // Light writes go on, also those of the same process.
    assert_eq!(other.write(patch(2)).await.expect("patched").representation.revision.number(), 2);
    assert!(!heavy.is_finished());
    drop(held);
    assert_eq!(
        heavy.await.expect("no panic").expect("patched").representation.revision.number(),
        2
    );
    one.close().await;
    other.close().await;
}
