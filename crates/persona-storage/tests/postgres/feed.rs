//! The feed while transactions overlap: each line once, and in order.

use std::sync::Arc;

use persona_model::{ChangeKind, FeedPlace, Patch, Precondition};
use persona_storage::conformance::{id, label_move, soon, write};
use persona_storage::{AtomicBatch, LabelMoves, LabelTarget, Operation, Store, Write};
use persona_test_support::wait_until;
use serde_json::json;

use crate::shared_database::{Database, LONG, create};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_skips_nothing_when_transactions_end_in_another_order() {
    let database = Database::alone();
    let store = database.store();
    // An open transaction holds a handle, so a write that wants the handle has a number already and
    // has to wait.
    let (blocker, connection) =
        tokio_postgres::connect(&database.cluster.url(&database.name), tokio_postgres::NoTls)
            .await
            .expect("connected");
    tokio::spawn(connection);
    let insert = "BEGIN; INSERT INTO persona_store.personas VALUES \
                  (gen_random_uuid(), 1, 'x', 'user', 'ada', true, 0, 0, NULL, NULL, NULL, sha256(''), '{}', '{}')";
    blocker.batch_execute(insert).await.expect("inserted");
    let first = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.write(create(1, json!({ "name": "Ada", "handle": "ada" }))).await }
    });
    wait_until("the first write waits", LONG, || {
        database.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0"
    })
    .await;
    store.write(create(2, json!({ "name": "Bea" }))).await.expect("created");
    // The second write is committed and in the table, with the higher number; the first write can
    // still be committed.
    assert_eq!(database.sql("SELECT count(*) FROM persona_store.changes"), "1");
    let early = store.changes_after(0, 100).await.expect("readable");
    blocker.batch_execute("ROLLBACK").await.expect("over");
    first.await.expect("no panic").expect("created");
    let last = early.last().map_or(0, |change| change.sequence);
    let late = store.changes_after(last, 100).await.expect("readable");
    let seen: Vec<_> = early.iter().chain(&late).map(|change| change.persona).collect();
    assert_eq!(seen, [id(1), id(2)], "{early:?} {late:?}");
    assert_eq!(database.sql("SELECT count(*) FROM persona_store.changes"), "2");
}

fn patch(number: u8, nickname: &str) -> Write {
    let patch = Patch::merge(json!({ "nickname": nickname })).expect("a merge patch");
    write(Operation::Patch { id: id(number), precondition: Precondition::Any, patch, base: None })
}

/// What the feed tells of the second of two personas, with its revisions, after `both` changed the
/// two of them beside a change of the second one alone.
///
/// The single change waits for the row of its persona without a number, and gets a number when it
/// has the row. The transaction of both gets a number with the row of the first persona, and then
/// waits for that of the second one.
async fn told_of_the_second<Both: Future<Output = ()> + Send + 'static>(
    both: impl FnOnce(Arc<dyn Store>) -> Both,
) -> Vec<(ChangeKind, u64)> {
    let database = Database::alone();
    let store = database.store();
    for number in [1, 2] {
        store.write(create(number, json!({ "name": "Ada" }))).await.expect("created");
    }
    let (blocker, connection) =
        tokio_postgres::connect(&database.cluster.url(&database.name), tokio_postgres::NoTls)
            .await
            .expect("connected");
    tokio::spawn(connection);
    let lock =
        format!("BEGIN; SELECT FROM persona_store.personas WHERE id = '{}' FOR UPDATE", id(2));
    blocker.batch_execute(&lock).await.expect("locked");
    let waiting = |count: &'static str| {
        let sql = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted";
        let database = &database;
        wait_until("another transaction waits", LONG, move || database.sql(sql) == count)
    };
    let single = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.write(patch(2, "single")).await }
    });
    waiting("1").await;
    let both = tokio::spawn(both(Arc::clone(&store)));
    waiting("2").await;
    blocker.batch_execute("ROLLBACK").await.expect("over");
    single.await.expect("no panic").expect("changed");
    both.await.expect("no panic");
    let events = store.events_after(FeedPlace::BEGINNING, 100).await.expect("readable");
    let lines = events.into_iter().map(|event| event.change);
    let of_second = lines.filter(|line| line.persona == id(2));
    of_second.map(|line| (line.kind, line.revision.number())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_waited_for_a_row_comes_behind_the_change_that_it_waited_for() {
    let told = told_of_the_second(|store| async move {
        let batch = AtomicBatch::new(vec![patch(1, "batch"), patch(2, "batch")]).expect("a batch");
        store.write_all(batch).await.expect("changed");
    });
    let updated = ChangeKind::Updated;
    assert_eq!(told.await, [(ChangeKind::Created, 1), (updated, 2), (updated, 3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_waited_for_a_row_comes_behind_the_revision_that_it_labels() {
    let told = told_of_the_second(|store| async move {
        let moves = [1, 2].map(|number| label_move(number, "production", LabelTarget::Latest));
        let moves = LabelMoves::new(moves.into(), soon()).expect("a release");
        store.move_labels(moves).await.expect("moved");
    });
    let (created, updated) = (ChangeKind::Created, ChangeKind::Updated);
    assert_eq!(told.await, [(created, 1), (updated, 2), (ChangeKind::Labelled, 2)]);
}

/// Lines of the feed as writes make them, by transactions that end in another order than they took
/// their numbers in.
async fn shuffled_lines(url: &str, rounds: usize) {
    let insert = "INSERT INTO persona_store.changes (sequence, persona, revision, kind, at)
                  SELECT feed_offset + pg_current_xact_id()::text::bigint * 1024, gen_random_uuid(), 1, 'created', 0 FROM persona_store.about";
    let mut clients = Vec::new();
    for _ in 0..6 {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connected");
        tokio::spawn(connection);
        clients.push(client);
    }
    let mut seed = 11_u64;
    for _ in 0..rounds {
        for client in &clients {
            client.batch_execute(&format!("BEGIN; {insert}")).await.expect("inserted");
        }
        let mut open: Vec<_> = clients.iter().collect();
        while !open.is_empty() {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let next = usize::try_from(seed >> 33).expect("small") % open.len();
            open.swap_remove(next).batch_execute("COMMIT").await.expect("committed");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_the_feed_beside_overlapping_transactions_have_every_line_once_and_in_order() {
    let database = Database::alone();
    let store = database.store();
    let url = database.cluster.url(&database.name);
    let writing = tokio::spawn(async move { shuffled_lines(&url, 60).await });
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let is_over = writing.is_finished();
        let page =
            store.changes_after(seen.last().copied().unwrap_or(0), 4).await.expect("readable");
        if page.is_empty() && is_over {
            break;
        }
        seen.extend(page.iter().map(|change| change.sequence));
    }
    writing.await.expect("no panic");
    let all = database
        .sql("SELECT string_agg(sequence::text, ' ' ORDER BY sequence) FROM persona_store.changes");
    assert_eq!(seen.iter().map(u64::to_string).collect::<Vec<_>>().join(" "), all);
    assert_eq!(seen.len(), 360);
    database.cluster.stop();
    let _ = std::fs::remove_dir_all(database.cluster.folder());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_is_told_every_line_once_and_in_order_while_transactions_overlap() {
    let database = Database::alone();
    let store = database.store();
    let url = database.cluster.url(&database.name);
    let writing = tokio::spawn(async move { shuffled_lines(&url, 60).await });
    let (mut told, mut place) = (Vec::new(), FeedPlace::BEGINNING);
    while told.len() < 360 {
        let next = tokio::time::timeout(LONG, store.next_events(place)).await;
        let events = next.expect("an event in time").expect("readable");
        place = events.last().map_or(place, |event| event.position().into());
        told.extend(events.iter().map(|event| event.change.sequence));
    }
    writing.await.expect("no panic");
    let all = database
        .sql("SELECT string_agg(sequence::text, ' ' ORDER BY sequence) FROM persona_store.changes");
    assert_eq!(told.iter().map(u64::to_string).collect::<Vec<_>>().join(" "), all);
    database.cluster.stop();
    let _ = std::fs::remove_dir_all(database.cluster.folder());
}
