//! The next events of the feed, as soon as they are committed, whatever process commits them.
//!
//! A commit is published by the header of the WAL index (`wal_index.rs`), so as long as the header
//! is the one that was taken *before* the feed was read, there is nothing new in it. To look at the
//! header costs a fraction of a microsecond and takes no lock, which is why it is looked at and not
//! waited for: other processes have no way to wake this one.

use std::time::Duration;

use persona_model::FeedPlace;

use super::Readers;
use crate::sqlite::tables::events;
use crate::sqlite::wal_index;
use crate::{EVENTS_AT_ONCE_MAX, Error, Event};

/// Pause between two looks at the header: a fraction of the 20 ms in which a change is to be seen
/// by followers on other workers, and some 200 looks a second, which take a thousandth of a core.
const PAUSE: Duration = Duration::from_millis(4);

/// The first events behind a place, as soon as there are some.
///
/// Reads on the thread that asks, as a short read: no snapshot is held while this waits.
pub(in crate::sqlite) async fn next_events(
    readers: &Readers,
    place: FeedPlace,
) -> Result<Vec<Event>, Error> {
    loop {
        let (header, events) = readers.short(|connection| {
            let header = wal_index::header(connection);
            Ok((header, events::after(connection, place, EVENTS_AT_ONCE_MAX)?))
        })?;
        if !events.is_empty() {
            return Ok(events);
        }
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = readers.short(|connection| Ok(wal_index::header(connection)))?;
            // Without a header only the feed itself tells.
            if now.is_none() || now != header {
                break;
            }
        }
    }
}
