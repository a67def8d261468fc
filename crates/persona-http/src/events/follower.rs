//! The way of one follower through the feed: over pages of the store until it has come to the
//! events that are kept, and then from one to the next.

use persona_model::{FeedPlace, Position};
use persona_storage::Error;
use tokio::sync::watch;

use std::sync::Arc;

use super::batch::Batch;
use super::feed::{Counted, EventFeed};
use super::recent::Found;
use crate::ClientAddress;

/// Events of one page that a follower reads for itself: few enough that a page takes some
/// milliseconds of a reading thread, and enough for more than 50,000 events a second.
const PAGE_EVENTS: usize = 1_000;

/// One follower.
pub(super) struct Follower {
    counted: Counted,
    news: watch::Receiver<()>,
    place: FeedPlace,
    /// Whether the feed is known to have the place.
    is_known: bool,
    page_events: usize,
}

/// What comes next.
pub(super) enum Next {
    /// Events, of which those behind the place are new to the follower.
    Events(Arc<Batch>),
    /// The feed does not have the place; events go on behind this one.
    Reset(Position),
}

impl Follower {
    /// A follower from a place on; without one, from what is committed now.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when there is no room for another one.
    pub(super) async fn new(
        feed: &EventFeed,
        client: Option<ClientAddress>,
        place: Option<FeedPlace>,
    ) -> Result<Self, Error> {
        let counted = feed.place(client)?;
        let news = counted.feed.news();
        let (place, is_known) = match place {
            Some(place) => (place, false),
            None => (counted.feed.store.feed_end().await?.into(), true),
        };
        Ok(Self { counted, news, place, is_known, page_events: PAGE_EVENTS })
    }

    /// The same, reading so many events at once at most.
    pub(super) fn reading(self, page_events: usize) -> Self {
        Self { page_events: page_events.min(PAGE_EVENTS), ..self }
    }

    /// Behind which line it goes on.
    pub(super) fn place(&self) -> FeedPlace {
        self.place
    }

    /// Notes that it has everything up to this line.
    pub(super) fn go_on_behind(&mut self, position: Position) {
        self.place = position.into();
    }

    /// What comes next, where that is there already.
    pub(super) async fn try_next(&mut self) -> Result<Option<Next>, Error> {
        // Seen before it is looked for, so that what comes meanwhile is news.
        self.news.mark_unchanged();
        if self.is_known {
            match self.counted.feed.next(self.place.sequence) {
                Found::Events(batch) => return Ok(Some(Next::Events(batch))),
                Found::Nothing => return Ok(None),
                Found::NotKept => {}
            }
        }
        let feed = &self.counted.feed;
        let _turn = feed.page_turn().await?;
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
            // A watcher that begins now begins at the end of the feed, which may have moved.
            if self.counted.feed.watch().await? && self.news.changed().await.is_err() {
                return Ok(None);
            }
        }
    }
}
