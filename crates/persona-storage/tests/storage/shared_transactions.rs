//! Requests that wait for the write lock together: they share a transaction, and each succeeds,
//! fails or is withdrawn on its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{id, write};
use persona_storage::sqlite::WriteLock;
use persona_storage::{Error, Operation};
use rusqlite::Connection;
use serde_json::json;
use tokio::task::JoinSet;

use crate::shared_file::{Counts, File, LONG, add_key, create};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_wait_together_share_one_transaction_and_fail_alone() {
    let file = File::new();
    let counts = Arc::new(Counts::default());
    let store = file.store_with(counts.clone());
    create(&store, 1).await;
    // While the test holds the write lock, everything queues up behind it.
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
    // A transaction takes in the requests that wait within 5 ms; on a busy machine these are few.
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
    let (mut patches, mut creations) = (JoinSet::new(), JoinSet::new());
    // Patches of one persona, and beside each the creation of a persona that has a larger row
    // number. All of them wait at once, so only the revisions tell in which order they were
    // applied.
    for number in 2..=21_u8 {
        let (store_of_patch, store_of_create) = (Arc::clone(&store), Arc::clone(&store));
        let word = format!("word{number}");
        let patch = Patch::merge(json!({ "nickname": word })).expect("a merge patch");
        let operation =
            Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None };
        patches.spawn(async move {
            let written = store_of_patch.write(write(operation)).await.expect("patched");
            (written.representation.revision, word)
        });
        creations.spawn(async move { create(&store_of_create, number).await });
    }
    counts.until_wait(40).await;
    drop(guard);
    creations.join_all().await;
    let mut words = patches.join_all().await;
    words.sort_unstable();
    let (_, newest) = words.pop().expect("twenty patches");
    let foreign = file.foreign();
    let count = |sql: &str| {
        foreign.query_row(sql, [], |row| row.get::<_, u32>(0)).expect("a number") as usize
    };
    let found = |word: &str| {
        count(&format!("SELECT count(*) FROM persona_titles WHERE persona_titles MATCH '{word}'"))
    };
    assert_eq!((found("ada"), found(&newest)), (21, 1), "{newest}");
    for (revision, word) in words {
        assert_eq!(found(&word), 0, "{word} of revision {revision}, and {newest} is the newest");
    }
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
    // From now on the last statement of a change to the first persona fails, after its line of the
    // feed and its row are written: no persona can have a second revision.
    let foreign = Connection::open(&file.settings.path).expect("it opens");
    let by_persona = "CREATE UNIQUE INDEX one_revision ON revisions (substr(head, 1, 44))";
    foreign.execute_batch(by_persona).expect("an index");
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
    // The first write keeps the writer at the write lock; the second is still in the queue when its
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
