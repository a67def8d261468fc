//! Cases: followers of the feed get each event once, in order, from any place that is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use persona_model::{ChangeKind, FeedPlace, Position, Precondition};
use serde_json::json;

use super::TestClock;
use super::polling::Writers;
use super::steps::{
    Subject, create, delete, document, id, merge, named, revision, undelete, write,
};
use crate::{Error, Event, Operation};

/// Far longer than any wait for an event here.
const DEADLINE: Duration = Duration::from_mins(1);
/// Number of personas that each writer creates.
const CREATED_BY_EACH: u16 = 20;

/// The events that a follower gets from a place on, until it has `count` events.
async fn followed(store: &Subject, from: FeedPlace, count: usize) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    while events.len() < count {
        let place = events.last().map_or(from, |event| event.position().into());
        let next = tokio::time::timeout(DEADLINE, store.next_events(place));
        events.extend(next.await.expect("an event in time").expect("readable"));
    }
    events
}

pub async fn events_tell_the_lines_of_the_feed_with_their_authors(
    store: &Subject,
    _clock: &TestClock,
) {
    assert_eq!(store.feed_end().await.expect("readable"), Position::default());
    create(store, 1, named("Ada")).await;
    let mut by_bea = write(Operation::Create { id: id(2), document: document(named("Bea")) });
    by_bea.author = Some("bea".into());
    store.write(by_bea).await.expect("created");
    merge(store, 1, json!({ "name": "Ada L." })).await.expect("patched");
    delete(store, 2, Precondition::Any).await.expect("deleted");
    undelete(store, 2).await.expect("undeleted");
    let all = store.events_after(FeedPlace::BEGINNING, 100).await.expect("readable");
    let lines = store.changes_after(0, 100).await.expect("readable");
    let changes: Vec<_> = all.iter().map(|event| event.change.clone()).collect();
    assert_eq!(changes, lines);
    let told: Vec<_> = all
        .iter()
        .map(|event| (event.change.persona, event.change.revision, event.change.kind))
        .collect();
    let expected = [
        (id(1), revision(1), ChangeKind::Created),
        (id(2), revision(1), ChangeKind::Created),
        (id(1), revision(2), ChangeKind::Updated),
        (id(2), revision(2), ChangeKind::Deleted),
        (id(2), revision(3), ChangeKind::Undeleted),
    ];
    assert_eq!(told, expected);
    for event in &all {
        let record = store.revision(event.change.persona, event.change.revision).await;
        assert_eq!(record.expect("readable").expect("kept").author, event.author);
    }
    assert_eq!(all[1].author.as_deref(), Some("bea"));
    let part = store.events_after(all[1].position().into(), 2).await.expect("readable");
    assert_eq!(part, all[2..4]);
    assert_eq!(followed(store, all[1].position().into(), 3).await, all[2..]);
    let bare = FeedPlace { sequence: all[3].change.sequence, proof: None };
    assert_eq!(followed(store, bare, 1).await, all[4..]);
    let end = store.feed_end().await.expect("readable");
    assert_eq!(end, all[4].position());
    assert_eq!(store.events_after(end.into(), 10).await.expect("readable"), []);
}

pub async fn a_place_that_the_feed_does_not_have_is_refused(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    create(store, 2, named("Bea")).await;
    let lines = store.events_after(FeedPlace::BEGINNING, 10).await.expect("readable");
    let (first, last) = (lines[0].position(), lines[1].position());
    let bare = |sequence| FeedPlace { sequence, proof: None };
    for place in [
        Position { proof: first.proof ^ 1, ..first }.into(),
        Position { sequence: last.sequence, ..first }.into(),
        Position { sequence: 0, proof: 1 }.into(),
        bare(last.sequence + 1000),
        bare(u64::MAX),
    ] {
        for told in [
            store.events_after(place, 10).await.map(drop),
            store.next_events(place).await.map(drop),
        ] {
            assert!(matches!(told, Err(Error::UnknownPosition)), "{place:?}: {told:?}");
        }
    }
}

pub async fn a_follower_that_waits_is_told_of_the_next_change(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    let first = followed(store, FeedPlace::BEGINNING, 1).await;
    let told = followed(store, first[0].position().into(), 1);
    let creating = async {
        tokio::task::yield_now().await;
        create(store, 2, named("Bea")).await;
    };
    let (told, ()) = tokio::join!(told, creating);
    assert_eq!(told[0].change.persona, id(2));
}

pub async fn followers_beside_many_writers_miss_nothing_and_see_nothing_twice(
    store: &Subject,
    _clock: &TestClock,
) {
    let count = usize::from(Writers::COUNT * CREATED_BY_EACH);
    let has_ended = Arc::new(AtomicBool::new(false));
    let following = followed(store, FeedPlace::BEGINNING, count);
    // A follower that asks again and again with its place, for few events at a time.
    let resuming = async {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let is_over = has_ended.load(Ordering::Acquire);
            let place = events.last().map_or(FeedPlace::BEGINNING, |event| event.position().into());
            let page = store.events_after(place, 7).await.expect("readable");
            if page.is_empty() && is_over {
                return events;
            }
            events.extend(page);
            tokio::task::yield_now().await;
        }
    };
    let writing = async {
        Writers { created_by_each: CREATED_BY_EACH }.write(store).await;
        has_ended.store(true, Ordering::Release);
    };
    let (followed, resumed, ()) = tokio::join!(following, resuming, writing);
    assert_eq!(followed.len(), count);
    assert!(
        followed.windows(2).all(|pair| pair[0].change.sequence < pair[1].change.sequence),
        "in order, and none twice"
    );
    assert_eq!(resumed, followed);
}
