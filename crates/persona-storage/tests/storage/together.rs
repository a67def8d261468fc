//! Several stores on one file: all stores see what one commits, and no request waits for ever.
//!
//! The same promises across real processes are proved in the tests of persona-cli.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use persona_model::Precondition;
use persona_storage::conformance::{id, write};
use persona_storage::{Error, Exported, Operation};
use persona_test_support::wait_until;
use serde_json::json;
use tokio::task::JoinSet;

use crate::shared_file::{Counts, File, LONG, add_key, create};

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
async fn an_export_is_one_snapshot_however_much_is_written_meanwhile() {
    let file = File::new();
    let store = file.store();
    for number in 1..=255 {
        create(&store, number).await;
    }
    let mut export = store.export(Exported::Living).await.expect("started");
    let first = export.recv().await.expect("one").expect("no error");
    assert_eq!(first.id, id(1));
    // The export waits for its reader in the first half. Only personas are deleted that the export
    // has yet to come to, and no more: after 8 MiB of writes the export would give way, and how
    // soon depends on the load.
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
