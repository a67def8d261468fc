//! Lists that take long, and lists that no client waits for any more.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use persona_storage::conformance::{document, id, write};
use persona_storage::{Error, Operation};
use persona_test_support::{Cluster, wait_until};
use serde_json::json;
use tokio::task::JoinSet;

use super::bench::{Bench, Held, LIST_TIME, LONG, PATIENT, list_with_tags};

/// Begins a read, lets it get as far as the server, and drops it.
async fn begin_and_drop<T>(reading: impl Future<Output = T>, reached: impl FnMut() -> bool) {
    let mut reading = Box::pin(reading);
    let mut reached = reached;
    wait_until("the read reaches the server", LONG, || {
        let polled = reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "the read is over");
        reached()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_take_long_hold_only_the_connections_of_lists() {
    for parameters in ["", "pool_max=2", "pool_max=3", "pool_max=5", "statement_cache=off"] {
        let bench = Bench::with(parameters, LIST_TIME).await;
        let held = Held::tags_of(&bench).await;
        let lists: JoinSet<_> = (0..22)
            .map(|_| Arc::clone(&bench.store))
            .map(|store| async move { store.list(list_with_tags(3)).await.map(drop) })
            .collect();
        wait_until("a list waits", LONG, || bench.sessions("wait_event_type = 'Lock'") >= 1).await;
        bench.patch_beside(parameters).await;
        assert!(bench.store.get(id(0)).await.expect("readable").is_some());
        assert!(bench.sessions("wait_event_type = 'Lock'") <= 3, "{parameters}");
        held.release().await;
        // Each list is answered, or told that no place became free in time.
        for list in lists.join_all().await {
            assert!(matches!(list, Ok(()) | Err(Error::Busy { .. })), "{parameters}: {list:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_cancelled_when_its_client_is_gone_and_no_write_waits_behind_it() {
    for parameters in ["", "pool_max=2", "statement_cache=off"] {
        let bench = Bench::with(parameters, LIST_TIME).await;
        let held = Held::tags_of(&bench).await;
        let waiting = || bench.sessions("wait_event_type = 'Lock'");
        for round in 0..4 {
            // Only the first few have a place; each later list waits until an earlier one was
            // cancelled.
            begin_and_drop(bench.store.list(list_with_tags(3)), || waiting() > 0).await;
            bench.patch(round).await;
            wait_until("the list is cancelled", LONG, || waiting() == 0).await;
        }
        assert!(bench.sessions("true") <= 10);
        held.release().await;
        // Afterwards every place is free again.
        let lists: JoinSet<_> = (0..3)
            .map(|_| Arc::clone(&bench.store))
            .map(|store| async move { store.list(list_with_tags(3)).await })
            .collect();
        for list in lists.join_all().await {
            list.expect("listed");
        }
    }
}

/// The request to cancel goes over a connection of its own, which is encrypted as the others are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_cancelled_when_its_client_is_gone_over_tls_too() {
    let cluster = Cluster::with_tls();
    let authority = cluster.folder().join("ca.crt");
    let database = cluster.database();
    let tls = format!("sslmode=verify-full&sslrootcert={}", authority.display());
    let query = format!("{tls}&pool_max=2&{PATIENT}");
    let url = format!("postgres://postgres@localhost:{}/{database}?{query}", cluster.port());
    let bench = Bench::on(&cluster, database, &url, LIST_TIME).await;
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'leases'";
    assert_eq!(bench.sql(encrypted), "t");
    let held = Held::tags_of(&bench).await;
    let waiting = || bench.sessions("wait_event_type = 'Lock'");
    for _ in 0..2 {
        begin_and_drop(bench.store.list(list_with_tags(3)), || waiting() > 0).await;
        wait_until("the list is cancelled", LONG, || waiting() == 0).await;
    }
    held.release().await;
    bench.store.list(list_with_tags(3)).await.expect("listed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_takes_too_long_is_cancelled_and_its_client_is_told() {
    let bench = Bench::with("", Duration::from_millis(300)).await;
    let held = Held::tags_of(&bench).await;
    let list = tokio::time::timeout(LONG, bench.store.list(list_with_tags(3)));
    let refused = list.await.expect("told before the server gives up").expect_err("too long");
    assert!(matches!(refused, Error::ReadTimedOut { .. }), "{refused}");
    wait_until("the list is cancelled", LONG, || bench.sessions("wait_event_type = 'Lock'") == 0)
        .await;
    held.release().await;
    bench.store.list(list_with_tags(3)).await.expect("listed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_the_server_ends_at_the_limit_of_statements_took_too_long_too() {
    let bench = Bench::with("statement_timeout=1", LIST_TIME).await;
    let held = Held::tags_of(&bench).await;
    let refused = bench.store.list(list_with_tags(3)).await.expect_err("too long");
    assert!(
        matches!(refused, Error::ReadTimedOut { limit } if limit == Duration::from_secs(1)),
        "{refused:?}"
    );
    held.release().await;
    bench.store.list(list_with_tags(3)).await.expect("listed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_ends_by_itself_is_not_cancelled_and_its_connection_is_used_again() {
    let bench = Bench::with("pool_max=2", LIST_TIME).await;
    bench.store.list(list_with_tags(1)).await.expect("listed");
    let oldest = "SELECT min(backend_start) FROM pg_stat_activity WHERE application_name = 'leases' AND datname = current_database()";
    let before = bench.sql(oldest);
    for _ in 0..20 {
        let mut list = Box::pin(bench.store.list(list_with_tags(1)));
        if let Poll::Ready(listed) = list.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            listed.expect("listed");
        }
        drop(list);
        bench.store.list(list_with_tags(1)).await.expect("listed");
    }
    assert_eq!(bench.sql(oldest), before, "the connection was closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_of_a_list_with_many_tags_takes_no_longer_than_its_limit() {
    let bench = Bench::with("", LIST_TIME).await;
    let tags: Vec<String> = (0..200).map(|number| format!("tag {number}")).collect();
    for (number, own) in [(1, &tags[..]), (2, &tags[1..])] {
        let members = json!({ "name": "Ada", "tags": own[..own.len().min(64)] });
        bench
            .store
            .write(write(Operation::Create { id: id(number), document: document(members) }))
            .await
            .expect("created");
    }
    let nothing = tokio::time::timeout(LONG, bench.store.list(list_with_tags(200))).await;
    let nothing = nothing.expect("a plan that does not grow with the orders of joins");
    assert_eq!(nothing.expect("listed").items.len(), 0);
    for count in [1, 4, 5, 16, 64] {
        let mut request = list_with_tags(count);
        // A tag that is named twice counts once.
        request.filter.tags.push("tag 0".into());
        let page = bench.store.list(request).await.expect("listed");
        assert_eq!(
            page.items.iter().map(|answer| answer.id).collect::<Vec<_>>(),
            [id(1)],
            "{count}"
        );
        assert_eq!(page.total, Some(1));
    }
    let mut both = list_with_tags(16);
    both.filter.tags.remove(0);
    assert_eq!(bench.store.list(both).await.expect("listed").items.len(), 2);
}
