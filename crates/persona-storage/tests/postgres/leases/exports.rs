//! Exports that are not read.

use std::sync::Arc;

use persona_storage::{Error, Exported};
use persona_test_support::wait_until;
use tokio::task::JoinSet;

use super::bench::{Bench, LARGE_PERSONAS, LIST_TIME, LONG, list_with_tags};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_exports_hold_nothing_that_writes_lists_or_the_feed_need() {
    let bench = Bench::with("", LIST_TIME).await;
    bench.fill().await;
    let (mut slow, mut refused) = (Vec::new(), 0);
    let mut starting: JoinSet<_> = (0..24)
        .map(|_| Arc::clone(&bench.store))
        .map(|store| async move { store.export(Exported::All).await })
        .collect();
    while let Some(started) = starting.join_next().await {
        match started.expect("no panic") {
            Ok(export) => slow.push(export),
            Err(Error::Busy { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((slow.len(), refused), (2, 22));
    bench.patch_beside("exports").await;
    bench.store.list(list_with_tags(1)).await.expect("listed");
    bench.store.changes_after(0, 10).await.expect("readable");
    bench.store.status().await.expect("readable");
    assert_eq!(bench.sessions("query LIKE 'FETCH%' AND state <> 'idle'"), 2);
    assert!(bench.sessions("true") <= 10, "{}", bench.sessions("true"));
    // A dropped export makes room for another export, which comes to its end.
    slow.clear();
    wait_until("the exports are over", LONG, || bench.sessions("query LIKE 'FETCH%'") == 0).await;
    let mut export = bench.store.export(Exported::All).await.expect("started");
    let mut count = 0;
    while let Some(answer) = export.recv().await {
        answer.expect("no error");
        count += 1;
    }
    assert_eq!(count, usize::from(LARGE_PERSONAS) + 1);
}
