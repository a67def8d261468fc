//! Writes that wait in the server: heavy ones, and as many as there are connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{PostgresStore, Settings};
use persona_storage::{NoObserver, Operation, Store};
use persona_test_support::wait_until;
use serde_json::json;
use tokio::task::JoinSet;

use super::bench::{Bench, Held, LARGE_BYTES, LIST_TIME, LONG, create};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_writes_hold_one_connection_at_a_time_and_leave_the_others_to_small_ones() {
    let bench = Bench::with("pool_max=3", LIST_TIME).await;
    let text = "x".repeat(LARGE_BYTES);
    for number in 1..=4 {
        let document = document(json!({ "name": "heavy", "description": text }));
        bench
            .store
            .write(write(Operation::Create { id: id(number), document }))
            .await
            .expect("created");
    }
    // A second store, as another process has it: it does not know yet how large these personas are.
    let settings = Settings::parse(&bench.cluster.url(&bench.database)).expect("a URL");
    let settings = settings.named("leases").reading_within(LIST_TIME);
    let other = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver));
    let other: Arc<dyn Store> = Arc::new(other.expect("it opens"));
    for (store, revision) in [(&bench.store, 2), (&other, 3)] {
        let held = Held::changes_of(&bench, "heavy").await;
        // The patches are short, and each changes a large document.
        let nickname = |number: u8| {
            let patch = Patch::merge(json!({ "nickname": revision.to_string() }));
            let patch = patch.expect("a merge patch");
            write(Operation::Patch {
                id: id(number),
                precondition: Precondition::Any,
                patch,
                base: None,
            })
        };
        let heavy: JoinSet<_> = (1..=4)
            .map(|number| (Arc::clone(store), nickname(number)))
            .map(|(store, write)| async move { store.write(write).await })
            .collect();
        let waiting = || bench.sessions("wait_event_type = 'Lock'");
        wait_until("a heavy write reaches the server", LONG, || waiting() > 0).await;
        bench.patch_beside("heavy ones").await;
        assert_eq!(waiting(), 1);
        held.release().await;
        for written in heavy.join_all().await {
            assert_eq!(written.expect("patched").representation.revision.number(), revision);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_is_told_while_writes_hold_every_connection_that_they_may_have() {
    for pool_max in [3, 10] {
        let bench = Bench::with(&format!("pool_max={pool_max}"), LIST_TIME).await;
        // A read makes the connection of short reads, in case it does not exist yet.
        bench.store.glance(id(0), None).await.expect("read");
        let held = Held::writes_of(&bench).await;
        let mut writes = JoinSet::new();
        // One connection for short reads is left. Writes that come together share a transaction, so
        // each write is sent when all earlier ones have a transaction.
        for number in 1..=pool_max + 2 {
            let store = Arc::clone(&bench.store);
            let mut write = create(u8::try_from(number).expect("few"), "waits");
            // The writes are done one after the other, which takes long on a busy machine.
            write.deadline = Instant::now() + 10 * LONG;
            writes.spawn(async move { store.write(write).await });
            bench.holds_writes(&mut writes, number.min(pool_max - 1)).await;
        }
        bench.store.ready().await.expect("reads work");
        held.release().await;
        for written in writes.join_all().await {
            written.expect("created");
        }
    }
}

/// How long the connections are held: longer than a write waits for a database that cannot be
/// reached.
const BUSY_FOR: Duration = Duration::from_secs(11);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_waits_for_a_busy_connection_until_its_deadline() {
    let bench = Bench::with("pool_max=3", LIST_TIME).await;
    let held = Held::writes_of(&bench).await;
    let mut writes = JoinSet::new();
    // Each of the first two writes holds a connection, and the last one finds none.
    for number in 1..=3 {
        let mut write = create(number, "waits");
        write.deadline = Instant::now() + LONG;
        let store = Arc::clone(&bench.store);
        writes.spawn(async move { store.write(write).await });
        bench.holds_writes(&mut writes, usize::from(number.min(2))).await;
    }
    let began = Instant::now();
    wait_until("the database has been busy for long", LONG, || began.elapsed() > BUSY_FOR).await;
    held.release().await;
    for written in writes.join_all().await {
        written.expect("created");
    }
}
