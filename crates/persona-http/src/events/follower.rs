//! One follower of the feed: it reads pages of the store until it reaches the events that are kept
//! in memory, and then follows those.

use persona_model::{FeedPlace, Position};
use persona_storage::Error;

use std::sync::Arc;

use super::batch::Batch;
use super::feed::{Counted, EventFeed};
use super::recent::Found;
use super::selection::Selection;
use persona_storage::Party;

/// Events of one page that a follower reads from the store: small enough that a page takes a
/// reading thread only some milliseconds, and large enough for more than 50,000 events a second.
const PAGE_EVENTS: usize = 1_000;

/// One follower.
pub(super) struct Follower {
    counted: Counted,
    selection: Arc<Selection>,
    place: FeedPlace,
    /// Whether the feed is known to have the place.
    is_known: bool,
    /// The number of the newest event that the process had read when this follower came.
    came_at: u64,
    /// Whether the last batch is one that all followers of the process share.
    is_shared: bool,
    page_events: usize,
    /// How many pages of the store it has read.
    pages_read: usize,
}

/// What a follower gets next.
pub(super) enum Next {
    /// A batch of events, of which those behind the follower's place are new to it.
    Events(Arc<Batch>),
    /// The feed does not have the follower's place; events go on behind this position.
    Reset(Position),
}

impl Follower {
    /// Makes a follower that starts behind a place, or without one behind the newest event.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when there is no room for another one.
    pub(super) async fn new(
        feed: &EventFeed,
        client: Option<Party>,
        place: Option<FeedPlace>,
        selection: Arc<Selection>,
    ) -> Result<Self, Error> {
        let counted = feed.place(client)?;
        let came_at = counted.feed.newest();
        let (place, is_known) = match place {
            Some(place) => (place, false),
            None => (counted.feed.store.feed_end().await?.into(), true),
        };
        let (page_events, pages_read, is_shared) = (PAGE_EVENTS, 0, false);
        Ok(Self {
            counted,
            selection,
            place,
            is_known,
            came_at,
            is_shared,
            page_events,
            pages_read,
        })
    }

    /// Sets how many events the follower reads at once at most.
    pub(super) fn reading(self, page_events: usize) -> Self {
        Self { page_events: page_events.min(PAGE_EVENTS), ..self }
    }

    /// The place behind which the follower goes on.
    pub(super) fn place(&self) -> FeedPlace {
        self.place
    }

    /// How many pages of the store the follower has read; events that are kept in memory are none.
    pub(super) fn pages_read(&self) -> usize {
        self.pages_read
    }

    /// Whether the follower was there when a batch was read from the feed for all followers.
    pub(super) fn was_there_for(&self, batch: &Batch) -> bool {
        self.is_shared && batch.end().sequence > self.came_at
    }

    /// Records that the follower has all events up to this line.
    pub(super) fn go_on_behind(&mut self, position: Position) {
        self.place = position.into();
    }

    /// What comes next, if it is there without waiting.
    pub(super) async fn try_next(&mut self) -> Result<Option<Next>, Error> {
        if self.is_known {
            match self.counted.feed.next(self.place.sequence) {
                Found::Events(batch) => {
                    self.is_shared = true;
                    return Ok(Some(Next::Events(batch)));
                }
                Found::Nothing => return Ok(None),
                Found::NotKept => {}
            }
        }
        let feed = &self.counted.feed;
        let _turn = feed.page_turn().await?;
        self.is_shared = false;
        self.pages_read += 1;
        match feed.store.events_after(self.place, self.page_events).await {
            Ok(events) => {
                self.is_known = true;
                let batch = Batch::of(self.place.sequence, events);
                Ok(batch.map(|batch| Next::Events(Arc::new(batch))))
            }
            Err(Error::UnknownPosition) => {
                let end = feed.store.feed_end().await?;
                self.is_known = true;
                self.place = end.into();
                Ok(Some(Next::Reset(end)))
            }
            Err(error) => Err(error),
        }
    }

    /// What comes next; `None` when the process is about to end.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Next>, Error> {
        loop {
            if self.counted.feed.has_ended() {
                return Ok(None);
            }
            if let Some(next) = self.try_next().await? {
                return Ok(Some(next));
            }
            let feed = &self.counted.feed;
            feed.watch().await?;
            // Events that came since the look are found now, so none is missed.
            if let Some(wait) = feed.wait(&self.selection, &mut self.place) {
                wait.await;
            }
        }
    }
}
