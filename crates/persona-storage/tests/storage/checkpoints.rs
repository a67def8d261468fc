//! What the maintenance process does for the WAL: its bound under load, its end when no client
//! writes, and readers that are in the way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};

use persona_model::{Patch, Precondition};
use persona_storage::Operation;
use persona_storage::conformance::{id, write};
use persona_test_support::{wait_for, wait_until};
use serde_json::json;
use tokio::task::JoinSet;

use crate::shared_file::{Counts, File, LONG, add_key, create};

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
    // A WAL that does not grow is checkpointed as far as the reader lets it, and then it cannot be
    // cut.
    wait_for("checkpoints that are held up", LONG, || {
        maintenance.tick().expect("maintenance");
        (counts.blocked.load(Ordering::Relaxed) >= 2).then_some(())
    });
    assert_eq!(counts.retries.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_maintenance_process_bounds_the_wal_under_load_and_cuts_it_when_idle() {
    let file = File::new();
    let counts = Arc::new(Counts::default());
    let (stop, stopped) = mpsc::channel::<()>();
    let maintenance = std::thread::spawn({
        let mut maintenance = file.maintenance(counts.clone());
        move || {
            // The program does the same: it is told to stop while it waits for its next work.
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
    // 320 revisions of 200 KB, each kept twice: twice as much as the WAL may ever be.
    let largest = counts.largest_wal.load(Ordering::Relaxed);
    assert!(largest > 0 && largest <= 64 * 1024 * 1024, "the WAL reached {largest} bytes");
    let is_cut = || std::fs::metadata(file.wal()).expect("it exists").len() == 0;
    wait_until("the idle WAL is cut", LONG, is_cut).await;
    drop(stop);
    let maintenance = maintenance.join().expect("no panic");
    for store in &stores {
        store.close().await;
    }
    drop(stores);
    maintenance.close().expect("the disk syncs");
    assert!(!file.wal().exists(), "the last one out leaves a single complete file");
}
