//! Cases: many writers at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::Precondition;
use serde_json::json;
use tokio::task::JoinSet;

use super::TestClock;
use super::steps::{Subject, create, document, id, member, merge, named, replace, revision, write};
use crate::{Error, Operation};

/// Writers of a race.
const WRITERS: u64 = 32;

pub async fn concurrent_patches_of_one_persona_lose_nothing(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(store);
        writers.spawn(async move {
            merge(&store, 1, json!({ "extensions": { format!("key {writer}"): writer } })).await
        });
    }
    let mut revisions: Vec<u64> = Vec::new();
    while let Some(written) = writers.join_next().await {
        revisions
            .push(written.expect("no panic").expect("patched").representation.revision.number());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=WRITERS + 1).collect::<Vec<_>>());
    let expected: serde_json::Map<_, _> =
        (0..WRITERS).map(|writer| (format!("key {writer}"), json!(writer))).collect();
    assert_eq!(member(store, 1, "extensions").await, json!(expected));
}

pub async fn of_concurrent_replacements_of_one_revision_exactly_one_wins(
    store: &Subject,
    _clock: &TestClock,
) {
    let first = create(store, 1, named("Ada")).await.tag();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(store);
        writers.spawn(async move {
            replace(&store, 1, Precondition::at(first), named(&format!("writer {writer}"))).await
        });
    }
    let (mut won, mut stale) = (Vec::new(), 0);
    while let Some(written) = writers.join_next().await {
        match written.expect("no panic") {
            Ok(written) => won.push(written.representation),
            Err(Error::Stale { current }) if current.revision == revision(2) => stale += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((won.len() as u64, stale), (1, WRITERS - 1));
    assert_eq!(store.get(id(1)).await.expect("readable").as_ref(), won.first());
}

pub async fn a_write_is_never_applied_after_its_deadline(store: &Subject, _clock: &TestClock) {
    let mut late = write(Operation::Create { id: id(1), document: document(named("Ada")) });
    late.deadline = Instant::now()
        .checked_sub(Duration::from_millis(1))
        .expect("the machine runs for a while already");
    let refused = store.write(late).await.expect_err("refused");
    assert!(matches!(refused, Error::Busy { .. }), "{refused}");
    // A later write goes through the same queue, so after it the late write has had its turn.
    create(store, 2, named("Bea")).await;
    assert_eq!(store.get(id(1)).await.expect("readable"), None);
}

pub async fn a_closed_store_refuses_and_does_not_hang(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    store.close().await;
    let refused = store
        .write(write(Operation::Create { id: id(2), document: document(named("Bea")) }))
        .await
        .expect_err("refused");
    assert!(matches!(refused, Error::Closed(_)), "{refused}");
    store.close().await;
}
