//! Cases: every change is a line of the feed.

use persona_model::{Change, ChangeKind, Precondition};
use serde_json::json;

use super::TestClock;
use super::steps::{
    Subject, create, create_write, delete, guess, id, merge, named, replace, revision, undelete,
};

pub async fn every_change_is_in_the_feed_once_in_commit_order(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    create(store, 2, named("Bea")).await;
    merge(store, 1, json!({ "name": "Ada L." })).await.expect("patched");
    merge(store, 1, json!({ "name": "Ada L." })).await.expect("unchanged");
    delete(store, 2, Precondition::Any).await.expect("deleted");
    undelete(store, 2).await.expect("undeleted");
    let feed = store.changes_after(0, 100).await.expect("readable");
    let seen: Vec<_> =
        feed.iter().map(|change| (change.persona, change.revision, change.kind)).collect();
    let expected = [
        (id(1), revision(1), ChangeKind::Created),
        (id(2), revision(1), ChangeKind::Created),
        (id(1), revision(2), ChangeKind::Updated),
        (id(2), revision(2), ChangeKind::Deleted),
        (id(2), revision(3), ChangeKind::Undeleted),
    ];
    assert_eq!(seen, expected);
    assert!(
        feed.windows(2).all(|pair| pair[0].sequence < pair[1].sequence && pair[0].at < pair[1].at),
        "{feed:?}"
    );
    let part: Vec<Change> = store.changes_after(feed[1].sequence, 2).await.expect("readable");
    assert_eq!(part, feed[2..4]);
    assert_eq!(store.changes_after(u64::MAX, 10).await.expect("readable"), []);
}

pub async fn a_refused_write_leaves_no_trace_in_the_feed(store: &Subject, _clock: &TestClock) {
    create(store, 1, json!({ "name": "Ada", "handle": "ada" })).await;
    create_write(store, 2, json!({ "name": "Eve", "handle": "ada" })).await.expect_err("refused");
    create_write(store, 1, named("Eve")).await.expect_err("refused");
    replace(store, 1, guess(&[revision(9)]), named("Eve")).await.expect_err("refused");
    merge(store, 1, json!({ "name": 5 })).await.expect_err("refused");
    assert_eq!(store.changes_after(0, 100).await.expect("readable").len(), 1);
    assert_eq!(store.revision(id(1), revision(2)).await.expect("readable"), None);
}
