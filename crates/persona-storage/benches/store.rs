//! The point read, the write transaction, and the hand-over of the write lock, on a real file.
//!
//! `./bench --micro` runs these and compares them with `benches/baseline.json`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use persona_model::{Clock, Document, Patch, PersonaId, Precondition, Timestamp};
use persona_storage::sqlite::{Settings, SqliteStore, WriteLock, initialise};
use persona_storage::{NoObserver, Operation, Store, Write};
use serde_json::json;

/// Personas in the file: enough for an index of three levels.
const PERSONAS: u64 = 1_000;

/// The store never asks for the time between two writes, so one that stands still is as good as
/// any.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1)
    }

    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

fn id(number: u64) -> PersonaId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    PersonaId::from_bytes(bytes)
}

fn write(operation: Operation) -> Write {
    Write::new(operation, Instant::now() + Duration::from_mins(1))
}

fn opened(folder: &Path, runtime: &tokio::runtime::Runtime) -> SqliteStore {
    let settings = Settings::new(folder.join("persona.db"));
    initialise(&settings).expect("a new file");
    let store =
        SqliteStore::open(settings, Arc::new(Still), Arc::new(NoObserver)).expect("it opens");
    let document = Document::from_json(
        json!({ "name": "Ada", "system_prompt": "You are patient. ".repeat(100) }),
    )
    .expect("valid");
    runtime.block_on(async {
        for number in 0..PERSONAS {
            store
                .write(write(Operation::Create { id: id(number), document: document.clone() }))
                .await
                .expect("created");
        }
    });
    store
}

fn store(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = opened(folder.path(), &runtime);
    let mut number = 0;
    criterion.bench_function("point_read", |bencher| {
        bencher.iter(|| {
            number = (number + 617) % PERSONAS;
            runtime.block_on(store.get(id(number))).expect("it reads").expect("it is there")
        });
    });
    // Each round trip is a hand-over to the writer's thread, a transaction with every row of a
    // change, and a commit.
    let mut revision = 0;
    criterion.bench_function("write_transaction_of_one_patch", |bencher| {
        bencher.iter(|| {
            revision += 1;
            let patch = Patch::merge(json!({ "nickname": format!("change {revision}") }))
                .expect("an object");
            let operation = Operation::Patch {
                id: id(revision % PERSONAS),
                precondition: Precondition::Any,
                patch,
                base: None,
            };
            runtime.block_on(store.write(write(operation))).expect("written")
        });
    });
}

/// How long the rival is given to fall asleep in front of the write lock; not part of what is
/// measured.
const ASLEEP_AFTER: Duration = Duration::from_micros(200);

/// The hand-over of the write lock from one holder to a waiting one. Threads stand for processes:
/// the lock belongs to the opened file.
fn write_lock(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("persona.db");
    let (ours, theirs) = (
        WriteLock::open(&database).expect("a write lock"),
        WriteLock::open(&database).expect("a write lock"),
    );
    criterion.bench_function("write_lock_enter_and_leave_alone", |bencher| {
        bencher.iter(|| drop(ours.lock().expect("locks work")));
    });
    let (call, calls) = std::sync::mpsc::channel::<()>();
    let entered = Arc::new(AtomicU64::new(0));
    let rival = std::thread::spawn({
        let entered = Arc::clone(&entered);
        move || {
            for () in calls {
                let guard = theirs.lock().expect("locks work");
                entered.fetch_add(1, Ordering::Release);
                drop(guard);
            }
        }
    });
    criterion.bench_function("write_lock_hand_over_to_a_waiter", |bencher| {
        bencher.iter_custom(|count| {
            let hand_over = |_| {
                let (guard, before) =
                    (ours.lock().expect("locks work"), entered.load(Ordering::Acquire));
                call.send(()).expect("the rival listens");
                std::thread::sleep(ASLEEP_AFTER);
                let began = Instant::now();
                drop(guard);
                while entered.load(Ordering::Acquire) == before {
                    std::hint::spin_loop();
                }
                began.elapsed()
            };
            (0..count).map(hand_over).sum()
        });
    });
    drop(call);
    rival.join().expect("no panic");
}

criterion_group!(benches, store, write_lock);
criterion_main!(benches);
