//! Rows of `changes`: the feed, in the order of the transactions' numbers.
//!
//! A transaction has 1,024 places in the feed, so that it can have a line for each of several
//! personas: the place of a line is the number of its transaction times 1,024, plus its own number
//! within the transaction, plus the offset of the database.
//!
//! Transactions do not end in the order in which they got their numbers, so a reader stops below
//! the oldest transaction that still runs: the lines below it never change, and no line can appear
//! before those that were read.

use std::time::{Duration, Instant};

use persona_model::{Change, Position, UnknownWord};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::Statement;
use super::error::damaged;
use super::lease::Leases;
use super::shares::Kind;
use super::{labels, row};
use crate::Error;

/// Longest wait for older transactions to end before the feed is answered without the changes
/// behind them. Transactions of this program take milliseconds. A longer one is of another program,
/// and the feed goes on when that transaction has ended.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(2);
/// Pause between two checks whether older transactions have ended.
pub(super) const PAUSE: Duration = Duration::from_millis(3);

/// The lines that are settled; in each row also the newest line that was committed when the
/// statement began.
const AFTER: &str = "
    SELECT c.sequence, c.persona, c.revision, c.kind, c.at, newest.sequence, bound.sequence, c.label
    FROM (SELECT feed_offset + pg_snapshot_xmin(pg_current_snapshot())::text::bigint * 1024 AS sequence
          FROM persona_store.about) AS bound
    CROSS JOIN (SELECT coalesce(max(sequence), 0) AS sequence FROM persona_store.changes) AS newest
    LEFT JOIN LATERAL (
        SELECT sequence, persona, revision, kind, at, label
        FROM persona_store.changes
        WHERE sequence > $1 AND sequence < bound.sequence
        ORDER BY sequence
        LIMIT $2
    ) AS c ON true
    ORDER BY c.sequence";

/// The newest settled line in the snapshot of the statement: every line that is not in that
/// snapshot comes after it.
pub(super) const SETTLED: &str = "
    SELECT sequence, persona, revision, at
    FROM persona_store.changes
    WHERE sequence < (SELECT feed_offset + pg_snapshot_xmin(pg_current_snapshot())::text::bigint * 1024 FROM persona_store.about)
    ORDER BY sequence DESC
    LIMIT 1";

/// The position of a line from four columns of a row, starting with this one; the place before the
/// first line if they are null.
pub(super) fn position(found: &Row, column: usize) -> Result<Position, Error> {
    if row::value::<Option<i64>>(found, column)?.is_none() {
        return Ok(Position::default());
    }
    Ok(Position::at(
        row::number(found, column)?,
        row::id(found, column + 1)?,
        row::revision(found, column + 2)?,
        row::time(found, column + 3)?,
    ))
}

/// At most `limit` lines after a sequence number.
///
/// Everything that was committed before is among them, or behind them, as long as no transaction
/// outlasts [`WAIT_MAX`].
pub(super) async fn after(
    leases: &Leases,
    sequence: u64,
    limit: usize,
) -> Result<Vec<Change>, Error> {
    let began = Instant::now();
    let mut wanted = None;
    loop {
        let rows = read(leases, sequence, limit).await?;
        let first = rows.first().ok_or(Error::Closed("the schema is gone"))?;
        let newest = *wanted.get_or_insert(row::number(first, 5)?);
        let bound = row::number(first, 6)?;
        let changes = rows
            .iter()
            .filter_map(|found| change(found).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        if newest < bound
            || newest <= sequence
            || changes.len() >= limit
            || began.elapsed() >= WAIT_MAX
        {
            return Ok(changes);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn read(leases: &Leases, sequence: u64, limit: usize) -> Result<Vec<Row>, Error> {
    let (sequence, limit) = (row::stored(sequence), i64::try_from(limit).unwrap_or(i64::MAX));
    leases
        .read(Kind::Look, Statement::Kept(AFTER), &[(&sequence, Type::INT8), (&limit, Type::INT8)])
        .await
}

/// A line, in the first five columns of a row and the eighth; `None` where there is none.
pub(super) fn change(found: &Row) -> Result<Option<Change>, Error> {
    if row::value::<Option<i64>>(found, 0)?.is_none() {
        return Ok(None);
    }
    let word: &str = row::value(found, 3)?;
    Ok(Some(Change {
        sequence: row::number(found, 0)?,
        persona: row::id(found, 1)?,
        revision: row::revision(found, 2)?,
        kind: word.parse().map_err(|UnknownWord| damaged(&"a change has an unknown word"))?,
        at: row::time(found, 4)?,
        label: row::value::<Option<&str>>(found, 7)?
            .map(|_| labels::name_in(found, 7))
            .transpose()?,
    }))
}
