//! Events: lines of `changes` with the authors that `revisions`, `label_moves` and `purged` keep.
//!
//! The row of a revision, of a move of a label, or of a purge has the number of its line, so the
//! author is found with one descent.

use persona_model::FeedPlace;
use rusqlite::{Connection, Row};

use super::feed;
use crate::sqlite::error::from_driver;
use crate::{Error, Event, event};

/// From the line of the place on, so that one statement tells whether it is there, and what is
/// behind it.
const FROM: &str = "
    SELECT c.sequence, c.persona, c.revision, c.kind, c.at, c.label, coalesce(r.author, m.author, p.author)
    FROM changes AS c
    LEFT JOIN revisions AS r ON r.sequence = c.sequence
    LEFT JOIN label_moves AS m ON m.sequence = c.sequence
    LEFT JOIN purged AS p ON p.sequence = c.sequence
    WHERE c.sequence >= ?1
    ORDER BY c.sequence
    LIMIT ?2";

/// At most `limit` events behind a place.
///
/// # Errors
///
/// [`Error::UnknownPosition`] where the feed has no line there.
pub(crate) fn after(
    connection: &Connection,
    place: FeedPlace,
    limit: usize,
) -> Result<Vec<Event>, Error> {
    let count = i64::try_from(event::lines_for(limit)).unwrap_or(i64::MAX);
    let lines = || -> rusqlite::Result<Vec<Event>> {
        let mut statement = connection.prepare_cached(FROM)?;
        let lines = statement.query_map([feed::stored(place.sequence), count], event_from)?;
        lines.collect()
    };
    event::behind(place, lines().map_err(from_driver)?, limit)
}

fn event_from(found: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event { change: feed::change(found)?, author: found.get(6)? })
}
