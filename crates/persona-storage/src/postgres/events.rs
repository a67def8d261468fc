//! Events: lines of `changes` with the authors that `revisions`, `label_moves` and `purged`
//! keep.
//!
//! As in `feed.rs`, only settled lines are returned, which are below the oldest transaction that
//! still runs. A follower has only settled lines, so no line can appear before one that it has.

use std::time::{Duration, Instant};

use persona_model::{FeedPlace, Position};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::{Parameter, Statement};
use super::feed::{self, PAUSE, WAIT_MAX};
use super::lease::Leases;
use super::row;
use super::shared_reader::SharedReader;
use super::shares::Kind;
use crate::{EVENTS_AT_ONCE_MAX, Error, Event, event};

/// The lines from that of the place on, so that one statement checks the place and returns the
/// lines behind it. Each row also has the newest line that was committed when the statement began,
/// and the number below which lines are settled.
const FROM: &str = "
    SELECT c.sequence, c.persona, c.revision, c.kind, c.at, newest.sequence, bound.sequence, c.label, c.author
    FROM (SELECT feed_offset + pg_snapshot_xmin(pg_current_snapshot())::text::bigint * 1024 AS sequence
          FROM persona_store.about) AS bound
    CROSS JOIN (SELECT coalesce(max(sequence), 0) AS sequence FROM persona_store.changes) AS newest
    LEFT JOIN LATERAL (
        SELECT line.sequence, line.persona, line.revision, line.kind, line.at, line.label,
               CASE WHEN line.label IS NULL THEN coalesce(r.author, p.author) ELSE m.author END AS author
        FROM persona_store.changes AS line
        LEFT JOIN persona_store.revisions AS r ON r.persona = line.persona AND r.revision = line.revision
        LEFT JOIN persona_store.label_moves AS m ON m.sequence = line.sequence
        LEFT JOIN persona_store.purged AS p ON p.sequence = line.sequence
        WHERE line.sequence >= $1 AND line.sequence < bound.sequence
        ORDER BY line.sequence
        LIMIT $2
    ) AS c ON true
    ORDER BY c.sequence";

/// Pause between two looks for the next event, and how many of them are made before it becomes
/// longer: a change is to be seen within 20 ms by followers, and while nothing changes, each worker
/// with followers asks 50 times a second, which takes the server some thousandths of a core.
const SHORT_PAUSE: Duration = Duration::from_millis(4);
const LONG_PAUSE: Duration = Duration::from_millis(20);
const SHORT_PAUSES: u32 = 250;

/// What one statement found.
struct Found {
    /// The settled lines, including that of the place.
    lines: Vec<Event>,
    newest: u64,
    bound: u64,
}

impl Found {
    fn of(rows: &[Row]) -> Result<Self, Error> {
        let first = rows.first().ok_or(Error::Closed("the schema is gone"))?;
        let lines = rows.iter().filter_map(|found| event_from(found).transpose());
        Ok(Self {
            lines: lines.collect::<Result<_, _>>()?,
            newest: row::number(first, 5)?,
            bound: row::number(first, 6)?,
        })
    }
}

/// At most `limit` events behind a place.
///
/// Everything that was committed before is among them, or behind them, as long as no transaction
/// outlasts [`WAIT_MAX`].
///
/// # Errors
///
/// [`Error::UnknownPosition`] where the feed has no line there.
pub(super) async fn after(
    leases: &Leases,
    place: FeedPlace,
    limit: usize,
) -> Result<Vec<Event>, Error> {
    let began = Instant::now();
    let (sequence, count) = numbers(place, limit);
    let mut wanted = None;
    loop {
        let parameters: &[Parameter<'_>] = &[(&sequence, Type::INT8), (&count, Type::INT8)];
        let rows = leases.read(Kind::Look, Statement::Kept(FROM), parameters).await?;
        let Found { lines, newest, bound } = Found::of(&rows)?;
        let events = event::behind(place, lines, limit)?;
        let newest = *wanted.get_or_insert(newest);
        if newest < bound
            || newest <= place.sequence
            || events.len() >= limit
            || began.elapsed() >= WAIT_MAX
        {
            return Ok(events);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The first events behind a place, as soon as there are some.
///
/// # Errors
///
/// As [`after`].
pub(super) async fn next(reader: &SharedReader, place: FeedPlace) -> Result<Vec<Event>, Error> {
    let (sequence, count) = numbers(place, EVENTS_AT_ONCE_MAX);
    let mut looks = 0_u32;
    loop {
        let rows = reader.read(FROM, &[(&sequence, Type::INT8), (&count, Type::INT8)]).await?;
        let events = event::behind(place, Found::of(&rows)?.lines, EVENTS_AT_ONCE_MAX)?;
        if !events.is_empty() {
            return Ok(events);
        }
        looks = looks.saturating_add(1);
        tokio::time::sleep(if looks < SHORT_PAUSES { SHORT_PAUSE } else { LONG_PAUSE }).await;
    }
}

/// The newest line that is settled.
pub(super) async fn end(reader: &SharedReader) -> Result<Position, Error> {
    let rows = reader.read(feed::SETTLED, &[]).await?;
    rows.first().map_or(Ok(Position::default()), |found| feed::position(found, 0))
}

fn numbers(place: FeedPlace, limit: usize) -> (i64, i64) {
    let count = i64::try_from(event::lines_for(limit)).unwrap_or(i64::MAX);
    (row::stored(place.sequence), count)
}

/// An event; `None` where there is none.
fn event_from(found: &Row) -> Result<Option<Event>, Error> {
    let Some(change) = feed::change(found)? else { return Ok(None) };
    Ok(Some(Event { change, author: row::value(found, 8)? }))
}
