//! What all followers of one process share: the watcher, which reads each change once, and the
//! events that it read.
//!
//! The watcher runs while there are followers, and for a while after the last one has left. It
//! holds no snapshot while it waits. If it ends with an error, followers try to start another one.
//! A follower that cannot ends its stream, and its client connects again, perhaps to another
//! worker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use persona_model::Position;
use persona_storage::{Error, Store};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::batch::Batch;
use super::recent::{Found, Recent};
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
    limits: EventLimits,
    places: Arc<ClientLimit>,
    pages: Semaphore,
    state: Mutex<State>,
    /// Tells followers to look again.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// The events that the watcher read; `None` while no watcher runs.
    recent: Option<Recent>,
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
            store,
            limits,
            places,
            pages: Semaphore::new(PAGES_AT_ONCE),
            state: Mutex::default(),
            news: watch::Sender::new(()),
        }))
    }

    /// Ends all streams and all waits: the process is about to end.
    pub fn end(&self) {
        self.0.state().has_ended = true;
        self.0.news.send_replace(());
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
    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock can be used: no code panics while the state is inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel on which a follower waits for new events.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Whether the process is about to end.
    pub(super) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// The next events behind a line, if they are kept.
    pub(super) fn next(&self, sequence: u64) -> Found {
        self.state().recent.as_ref().map_or(Found::NotKept, |recent| recent.next(sequence))
    }

    /// The number of the newest event that is kept; 0 where none are.
    pub(super) fn newest(&self) -> u64 {
        self.state().recent.as_ref().map_or(0, Recent::end)
    }

    /// Waits until this follower may read a page of the store.
    pub(super) async fn page_turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.pages.acquire().await.map_err(|_| Error::Closed("it is closing"))
    }

    /// Makes sure that a watcher runs; returns whether one was running already.
    pub(super) async fn watch(self: &Arc<Self>) -> Result<bool, Error> {
        if self.state().recent.is_some() {
            return Ok(true);
        }
        let end = self.store.feed_end().await?;
        let mut state = self.state();
        if state.recent.is_some() {
            return Ok(true);
        }
        state.recent = Some(Recent::behind(end));
        drop(state);
        let watching = Watching(Arc::downgrade(self));
        tokio::spawn(watching.run(Arc::clone(&self.store), end));
        Ok(false)
    }

    /// Adds the events that the watcher read, and wakes the followers; returns the number of
    /// followers.
    fn tell(&self, batch: Batch) -> usize {
        let mut state = self.state();
        let followers = state.followers;
        if let Some(recent) = &mut state.recent {
            recent.add(Arc::new(batch));
        }
        drop(state);
        self.news.send_replace(());
        followers
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
                    place = batch.end();
                    shared.tell(batch)
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
            shared.state().recent = None;
            shared.news.send_replace(());
        }
    }
}
