//! What all followers of one process share: the watcher, which reads each change once, and the
//! events that it read.
//!
//! The watcher runs while there are followers, and for a while after the last one has left. It
//! holds no snapshot while it waits. If it ends with an error, followers try to start another one.
//! A follower that cannot ends its stream, and its client connects again, perhaps to another
//! worker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use persona_model::{FeedPlace, Position};
use persona_storage::{Error, GuardedStore, Store};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::batch::Batch;
use super::recent::{Found, Recent};
use super::selection::Selection;
use super::waiting::{Entry, Wait, Waiting};
use crate::limits::client_limit::{ClientLimit, Turn};
use persona_storage::Party;

/// Most followers that read pages of the store at the same time: half of the threads for long reads
/// of a SQLite store, so that lists always find a free one.
const PAGES_AT_ONCE: usize = 2;
/// How long the watcher goes on without a follower: clients that ask page by page, and those that
/// connect again, find the events that came meanwhile.
const LINGER: Duration = Duration::from_secs(30);
/// The pause of the watcher after a batch: this time for each follower, at most [`PAUSE_MAX`]. With
/// many followers, events are thus sent in larger batches. The longest pause is half of the 20 ms
/// within which followers should see a change.
const PAUSE_FOR_EACH: Duration = Duration::from_micros(20);
const PAUSE_MAX: Duration = Duration::from_millis(10);
/// A shorter pause is not worth a timer.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// Most followers of one process; each of them holds a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventLimits {
    /// Of all clients together.
    pub streams_max: usize,
    /// Of one client.
    pub streams_per_client: usize,
}

impl EventLimits {
    /// The limits of a router outside of a server.
    pub const ALONE: Self = Self { streams_max: 4, streams_per_client: 4 };
}

/// The feed of a store for the followers of one process.
#[derive(Clone)]
pub struct EventFeed(Arc<Shared>);

pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    /// The same store, for looks on behalf of clients.
    guarded: GuardedStore,
    limits: EventLimits,
    places: Arc<ClientLimit>,
    pages: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The events that the watcher read; `None` while no watcher runs.
    recent: Option<Recent>,
    /// The number of the newest event that the watcher read, also before it is kept.
    read_to: u64,
    pub(super) waiting: Waiting,
    followers: usize,
    has_ended: bool,
}

/// Counts one follower of the feed until the value is dropped.
pub(super) struct Counted {
    pub feed: Arc<Shared>,
    _turn: Turn,
}

impl EventFeed {
    /// Makes the feed of this store, with these limits of followers.
    pub fn new(store: Arc<dyn Store>, limits: EventLimits) -> Self {
        let places = ClientLimit::new("a place for a stream of events", limits.streams_max);
        Self(Arc::new(Shared {
            guarded: GuardedStore::new(Arc::clone(&store)),
            store,
            limits,
            places,
            pages: Semaphore::new(PAGES_AT_ONCE),
            state: Mutex::default(),
        }))
    }

    /// Ends all streams and all waits: the process is about to end.
    pub fn end(&self) {
        let mut state = self.0.state();
        state.has_ended = true;
        state.waiting.wake_all();
    }

    /// Reserves a place for a follower of this client.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when this client, or all together, have as many as they may.
    pub(super) fn place(&self, client: Option<Party>) -> Result<Counted, Error> {
        let turn = self.0.places.try_turn_of(client, self.0.limits.streams_per_client)?;
        self.0.state().followers += 1;
        Ok(Counted { feed: Arc::clone(&self.0), _turn: turn })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.feed.state().followers -= 1;
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock can be used: no code panics while the state is inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the process is about to end.
    pub(super) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// The next events behind a line, if they are kept.
    pub(super) fn next(&self, sequence: u64) -> Found {
        self.state().recent.as_ref().map_or(Found::NotKept, |recent| recent.next(sequence))
    }

    /// The number of the newest event that a watcher read; 0 where none did.
    pub(super) fn newest(&self) -> u64 {
        self.state().read_to
    }

    /// The wait of a follower that has all events up to its place; `None` where it need not wait.
    pub(super) fn wait<'a>(
        &'a self,
        selection: &Arc<Selection>,
        place: &'a mut FeedPlace,
    ) -> Option<Wait<'a>> {
        let mut state = self.state();
        let found = state.recent.as_ref().map(|recent| recent.next(place.sequence));
        if state.has_ended || !matches!(found, Some(Found::Nothing)) {
            return None;
        }
        let entry = state.waiting.enter(Arc::clone(selection), *place);
        Some(Wait { feed: self, entry, place })
    }

    /// Drops the kept events: no watcher adds others to them.
    pub(super) fn end_watching(&self) {
        let mut state = self.state();
        state.recent = None;
        state.waiting.wake_all();
    }

    /// Waits until this follower may read a page of the store.
    pub(super) async fn page_turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.pages.acquire().await.map_err(|_| Error::Closed("it is closing"))
    }

    /// Makes sure that a watcher runs.
    pub(super) async fn watch(self: &Arc<Self>) -> Result<(), Error> {
        if self.state().recent.is_some() {
            return Ok(());
        }
        let end = self.store.feed_end().await?;
        let mut state = self.state();
        if state.recent.is_some() {
            return Ok(());
        }
        state.recent = Some(Recent::behind(end));
        state.read_to = end.sequence;
        drop(state);
        let watching = Watching(Arc::downgrade(self));
        tokio::spawn(watching.run(Arc::clone(&self.store), end));
        Ok(())
    }

    /// Looks at the owners of a batch where followers that wait need it; returns the entry before
    /// which those are that waited then.
    pub(super) async fn look(&self, batch: &Batch) -> Option<Entry> {
        let asked = {
            let mut state = self.state();
            state.read_to = batch.end().sequence;
            state.waiting.asks_for_owners(batch)
        };
        let asked = asked?;
        // After a failed look the followers are woken, and look for themselves.
        batch.first_look(&self.guarded).await.ok().map(|_| asked)
    }

    /// Adds the events that the watcher read, and tells the followers that wait; returns the number
    /// of all followers.
    fn tell(&self, batch: Arc<Batch>, looked: Option<Entry>) -> usize {
        let mut state = self.state();
        state.waiting.tell(&batch, &self.guarded, looked);
        if let Some(recent) = &mut state.recent {
            recent.add(batch);
        }
        state.followers
    }
}

/// The running watcher. When it is dropped, for whatever reason, the kept events are dropped too,
/// and followers read the store themselves.
struct Watching(Weak<Shared>);

impl Watching {
    async fn run(self, store: Arc<dyn Store>, mut place: Position) {
        let mut followed = Instant::now();
        loop {
            let next = tokio::time::timeout(LINGER, store.next_events(place.into())).await;
            let Some(shared) = self.0.upgrade() else { return };
            let followers = match next {
                Ok(Ok(events)) => {
                    let Some(batch) = Batch::of(place.sequence, events) else { continue };
                    let batch = Arc::new(batch);
                    place = batch.end();
                    let looked = shared.look(&batch).await;
                    shared.tell(batch, looked)
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the feed could not be watched");
                    return;
                }
                Err(_) => shared.state().followers,
            };
            if followers > 0 {
                followed = Instant::now();
            } else if followed.elapsed() >= LINGER {
                return;
            }
            drop(shared);
            let pause = PAUSE_FOR_EACH.saturating_mul(u32::try_from(followers).unwrap_or(u32::MAX));
            if pause >= PAUSE_MIN {
                tokio::time::sleep(pause.min(PAUSE_MAX)).await;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.end_watching();
        }
    }
}
