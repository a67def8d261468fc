//! Commits that end in doubt: no client is told "not kept" of a write that was kept, and no refused
//! write is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{Settings, SqliteStore, WriteLock, initialise};
use persona_storage::{Checkpoint, Error, Loss, Observer, Operation, Store, Write};
use serde_json::json;

/// Panics on the writer's thread, just after a commit or in the middle of a transaction.
#[derive(Default)]
struct Panicking {
    after_the_commit: AtomicBool,
    inside: AtomicBool,
}

impl Observer for Panicking {
    fn committed(&self, _took: Duration, _writes: usize) {
        assert!(!self.after_the_commit.load(Ordering::Relaxed), "injected after the commit");
    }

    fn queued(&self, _wait: Duration) {
        assert!(!self.inside.load(Ordering::Relaxed), "injected inside the transaction");
    }
}

fn settings_in(folder: &tempfile::TempDir) -> Settings {
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    settings
}

fn create(number: u8) -> Write {
    let mut write =
        write(Operation::Create { id: id(number), document: document(json!({ "name": "Ada" })) });
    write.deadline = Instant::now() + Duration::from_mins(1);
    write
}

fn open(settings: &Settings, observer: Arc<dyn Observer>) -> SqliteStore {
    SqliteStore::open(settings.clone(), Arc::new(TestClock::default()), observer).expect("it opens")
}

#[tokio::test]
async fn a_writer_that_panics_after_its_commit_leaves_its_requests_in_doubt_and_those_behind_unchanged()
 {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings_in(&folder);
    for kept in [true, false] {
        let observer = Arc::new(Panicking::default());
        let store = open(&settings, observer.clone());
        if kept { &observer.after_the_commit } else { &observer.inside }
            .store(true, Ordering::Relaxed);
        let number = u8::from(kept) + 1;
        let told = store.write(create(number)).await;
        assert!(matches!(told, Err(Error::OutcomeUnknown)), "{told:?}");
        assert_eq!(store.lost().await, Loss::Writer);
        let behind = store.write(create(9)).await;
        assert!(matches!(behind, Err(Error::Closed(_))), "it had no turn: {behind:?}");
        assert_eq!(store.get(id(number)).await.expect("readable").is_some(), kept);
        assert_eq!(store.get(id(9)).await.expect("readable"), None);
    }
}

/// Notes the checkpoints, and whether writers could enter meanwhile.
#[derive(Default)]
struct Copied {
    checkpoints: std::sync::Mutex<Vec<Checkpoint>>,
}

impl Observer for Copied {
    fn checkpointed(&self, _took: Duration, result: Checkpoint) {
        self.checkpoints.lock().expect("no panic").push(result);
    }
}

#[tokio::test]
async fn a_wal_without_a_maintenance_process_is_checkpointed_after_a_commit_and_stays_below_its_bound()
 {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings_in(&folder);
    let copied = Arc::new(Copied::default());
    let store = open(&settings, copied.clone());
    let text = "t".repeat(180_000);
    for number in 0..250 {
        let members = json!({ "name": "Ada", "extensions": { "text": text, "number": number } });
        let document = document(members);
        let operation = if number == 0 {
            Operation::Create { id: id(1), document }
        } else {
            Operation::Replace {
                id: id(1),
                precondition: persona_model::Precondition::Any,
                document,
            }
        };
        let mut request = write(operation);
        request.deadline = Instant::now() + Duration::from_mins(1);
        store.write(request).await.expect("written");
        let wal = std::fs::metadata(folder.path().join("persona.db-wal")).expect("a WAL").len();
        assert!(wal <= 64 << 20, "the WAL has {wal} bytes after {number} writes");
    }
    // The answer of the last write does not wait for the copy, and the write lock does.
    drop(WriteLock::open(&settings.path).expect("a write lock").lock().expect("locks work"));
    let checkpoints = copied.checkpoints.lock().expect("no panic").clone();
    assert!(
        checkpoints.iter().any(
            |checkpoint| matches!(checkpoint, Checkpoint::Complete { copied_frames } if *copied_frames > 10_000)
        ),
        "{checkpoints:?}"
    );
}
