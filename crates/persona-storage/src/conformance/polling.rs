//! Cases: a client polls lists of changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use persona_model::{
    Change, Cursor, Filter, ListRequest, PersonaId, Position, Precondition, Revision, Since, Sort,
    Timestamp,
};
use serde_json::json;

use super::TestClock;
use super::steps::{
    Subject, create, delete, document, id, merge, named, revision, undelete, write,
};
use crate::{Error, Operation, Page};

/// Number of personas that each writer creates.
const CREATED_BY_EACH: u16 = 40;
/// Longest wait for the transactions of other tests, which delay the end of the feed.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);

/// The newest line of the feed.
pub(super) async fn end_of_feed(store: &Subject) -> Position {
    let lines = store.changes_after(0, usize::MAX).await.expect("readable");
    lines.last().map(Position::of).unwrap_or_default()
}

/// The feed once it has so many lines: in a server that other tests use too, its end waits for
/// their transactions, and an answer does not wait for ever.
pub(super) async fn feed_of(store: &Subject, lines: usize) -> Vec<Change> {
    let began = Instant::now();
    loop {
        let feed = store.changes_after(0, usize::MAX).await.expect("readable");
        if feed.len() >= lines || began.elapsed() >= SETTLED_WITHIN {
            return feed;
        }
        pause().await;
    }
}

/// Between two looks whether other transactions have ended.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// A client that follows the documented way.
#[derive(Debug)]
pub struct Poller {
    /// The value of `updated_since` for the next request.
    pub since: Since,
    /// The newest revision of each persona that the client saw.
    pub seen: HashMap<PersonaId, Revision>,
}

impl Default for Poller {
    fn default() -> Self {
        Self { since: Since::Position(Position::default()), seen: HashMap::new() }
    }
}

impl Poller {
    /// One page of what changed.
    pub async fn changed(
        store: &Subject,
        since: Since,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page, Error> {
        let filter =
            Filter { updated_since: Some(since), include_deleted: true, ..Filter::default() };
        let sort = "name".parse::<Sort>().expect("an order");
        let after = cursor.map(|text| Cursor::decode(text, &filter, sort).expect("its own cursor"));
        store.list(ListRequest { filter, sort, after, limit, count: false }).await
    }

    /// Asks once, page by page, and goes on from where the first page says.
    pub async fn poll(&mut self, store: &Subject, limit: usize) -> Result<(), Error> {
        let mut page = Poller::changed(store, self.since, limit, None).await?;
        let next = page.position.expect("a list of changes has a position");
        loop {
            for item in &page.items {
                let seen = self.seen.entry(item.id).or_insert(item.revision);
                *seen = item.revision.max(*seen);
            }
            let Some(cursor) = page.next_cursor else { break };
            page = Poller::changed(store, self.since, limit, Some(&cursor)).await?;
        }
        self.since = Since::Position(next);
        Ok(())
    }

    /// Asks until it is at the end of the feed.
    pub(super) async fn poll_to_the_end(&mut self, store: &Subject) {
        let began = Instant::now();
        let newest = end_of_feed(store).await;
        loop {
            self.poll(store, 100).await.expect("listed");
            if self.since == Since::Position(newest) {
                return;
            }
            assert!(began.elapsed() < SETTLED_WITHIN, "{:?} is not {newest:?}", self.since);
            pause().await;
        }
    }
}

pub async fn a_poller_sees_each_change_of_a_kind_and_none_a_second_time(
    store: &Subject,
    clock: &TestClock,
) {
    let mut poller = Poller::default();
    poller.poll_to_the_end(store).await;
    assert!(poller.seen.is_empty());
    let mut new = async |wanted: &[(u8, u64)]| {
        poller.seen.clear();
        poller.poll_to_the_end(store).await;
        let wanted: HashMap<_, _> =
            wanted.iter().map(|(number, seen)| (id(*number), revision(*seen))).collect();
        assert_eq!(poller.seen, wanted);
        poller.seen.clear();
        poller.poll_to_the_end(store).await;
        assert!(poller.seen.is_empty(), "again: {:?}", poller.seen);
    };
    create(store, 1, named("Ada")).await;
    create(store, 2, named("Bea")).await;
    new(&[(1, 1), (2, 1)]).await;
    // The clock jumps meanwhile.
    for jump in [3_600_000_000, -7_200_000_000] {
        clock.jump_micros(jump);
        merge(store, 1, json!({ "description": jump.to_string() })).await.expect("patched");
        delete(store, 2, Precondition::Any).await.expect("deleted");
        merge(store, 1, json!({ "description": jump.to_string() })).await.expect("unchanged");
        undelete(store, 2).await.expect("undeleted");
        new(if jump > 0 { &[(1, 2), (2, 3)] } else { &[(1, 3), (2, 5)] }).await;
    }
}

pub async fn the_first_list_of_a_poller_may_be_one_by_time(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    let mut poller = Poller { since: Since::Time(Timestamp::from_micros(0)), seen: HashMap::new() };
    poller.poll_to_the_end(store).await;
    create(store, 2, named("Bea")).await;
    poller.poll_to_the_end(store).await;
    assert_eq!(poller.seen.len(), 2);
    let filter = Filter::default();
    let plain = store
        .list(ListRequest { filter, sort: Sort::DEFAULT, after: None, limit: 1, count: false })
        .await
        .expect("listed");
    assert_eq!(plain.position, None, "it was not asked for");
}

pub async fn a_position_of_another_history_is_refused(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    create(store, 2, named("Bea")).await;
    let lines = store.changes_after(0, 10).await.expect("readable");
    let at = Position::of(&lines[0]);
    assert_eq!(
        Poller::changed(store, Since::Position(at), 10, None).await.expect("listed").items.len(),
        1
    );
    for wrong in [
        Position { proof: at.proof ^ 1, ..at },
        Position { sequence: lines[1].sequence, ..at },
        Position { sequence: lines[1].sequence + 1000, ..at },
        Position { sequence: u64::MAX, ..at },
        Position { sequence: 0, proof: 1 },
    ] {
        let refused = Poller::changed(store, Since::Position(wrong), 10, None)
            .await
            .expect_err("another history");
        assert!(matches!(refused, Error::UnknownPosition), "{wrong}: {refused}");
    }
}

/// Writers that create personas at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Writers {
    /// Number of personas that each writer creates.
    pub created_by_each: u16,
}

impl Writers {
    /// Number of writers.
    pub const COUNT: u16 = 16;

    /// Creates the personas.
    pub async fn write(self, store: &Subject) {
        let writers = (0..Self::COUNT).map(|writer| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for number in 0..self.created_by_each {
                    let mut bytes = [0; 16];
                    bytes[..2].copy_from_slice(&writer.to_be_bytes());
                    bytes[14..].copy_from_slice(&number.to_be_bytes());
                    let create = Operation::Create {
                        id: PersonaId::from_bytes(bytes),
                        document: document(named("many")),
                    };
                    store.write(write(create)).await.expect("created");
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("no panic");
        }
    }
}

pub async fn a_poller_misses_nothing_of_many_writers(store: &Subject, _clock: &TestClock) {
    let ended = AtomicBool::new(false);
    let poll = async {
        let mut poller = Poller::default();
        while !ended.load(Ordering::Acquire) {
            poller.poll(store, 7).await.expect("listed");
            // Without yielding, a store that never waits would keep the writers from starting.
            tokio::task::yield_now().await;
        }
        poller.poll_to_the_end(store).await;
        poller
    };
    let writing = async {
        Writers { created_by_each: CREATED_BY_EACH }.write(store).await;
        ended.store(true, Ordering::Release);
    };
    let (poller, ()) = tokio::join!(poll, writing);
    assert_eq!(poller.seen.len(), usize::from(Writers::COUNT) * usize::from(CREATED_BY_EACH));
}
