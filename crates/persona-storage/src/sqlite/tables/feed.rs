//! Rows of `changes`: the feed, in commit order.
//!
//! The sequence is the commit order because only one transaction at a time writes to a SQLite file.

use persona_model::{
    Change, ChangeKind, LabelName, PersonaId, Position, Revision, Since, Timestamp, UnknownWord,
};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{labels, row};
use crate::Error;
use crate::fault_injection::{self, InjectedFault};
use crate::sqlite::error::from_driver;

/// Adds a line about a revision to the feed, and tells its number.
pub(crate) fn insert(
    connection: &Connection,
    persona: PersonaId,
    revision: Revision,
    kind: ChangeKind,
    at: Timestamp,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO changes (persona, revision, kind, at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .insert(params![
            persona.as_bytes(),
            row::stored(revision.number()),
            kind.as_str(),
            at.as_micros()
        ])
}

/// Adds a line about a label to the feed, and tells its number.
pub(crate) fn insert_label(
    connection: &Connection,
    persona: PersonaId,
    revision: Revision,
    kind: ChangeKind,
    at: Timestamp,
    label: &LabelName,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO changes (persona, revision, kind, at, label) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .insert(params![
            persona.as_bytes(),
            row::stored(revision.number()),
            kind.as_str(),
            at.as_micros(),
            label.as_str()
        ])
}

/// At most `limit` lines after a sequence number.
pub(crate) fn after(
    connection: &Connection,
    sequence: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Change>> {
    after_of_version(connection, labels::LABELS_SINCE, sequence, limit)
}

/// The same of a file with this version of the schema.
pub(crate) fn after_of_version(
    connection: &Connection,
    version: u32,
    sequence: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Change>> {
    let sequence = stored(sequence);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let label = if version >= labels::LABELS_SINCE { "label" } else { "NULL" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT sequence, persona, revision, kind, at, {label}
         FROM changes
         WHERE sequence > ?1
         ORDER BY sequence
         LIMIT ?2",
    ))?;
    statement.query_map([sequence, limit], change)?.collect()
}

/// A line, in the first six columns of a row.
pub(super) fn change(found: &Row<'_>) -> rusqlite::Result<Change> {
    let unknown = || rusqlite::Error::InvalidColumnType(3, "kind".into(), Type::Text);
    let kind = found.get_ref(3)?.as_str()?.parse().map_err(|UnknownWord| unknown())?;
    let label = found.get_ref(5)?.as_str_or_null()?.map(|_| labels::name_in(found, 5));
    Ok(Change {
        sequence: row::number(found, 0)?,
        persona: row::id(found, 1)?,
        revision: row::revision(found, 2)?,
        kind,
        at: row::time(found, 4)?,
        label: label.transpose()?,
    })
}

/// The personas of at most `limit` lines after a sequence number, each with the number of its line.
pub(crate) fn changed_after(
    connection: &Connection,
    sequence: u64,
    limit: usize,
) -> rusqlite::Result<Vec<(u64, PersonaId)>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT sequence, persona
         FROM changes
         WHERE sequence > ?1
         ORDER BY sequence
         LIMIT ?2",
    )?;
    let lines = statement.query_map([stored(sequence), limit], |found| {
        Ok((row::number(found, 0)?, row::id(found, 1)?))
    })?;
    lines.collect()
}

/// A sequence number from outside. Those beyond the largest that SQLite can hold are beyond the end
/// of the feed too.
pub(crate) fn stored(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// The number of the newest line; 0 where there is none.
pub(crate) fn newest(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT coalesce(max(sequence), 0) FROM changes")?
        .query_row([], |found| row::number(found, 0))
}

/// The newest line. One transaction at a time writes, so every line that is not there yet comes
/// after it.
///
/// # Errors
///
/// [`Error::UnknownPosition`] when the line from which on changes are wanted is another one.
pub(crate) fn position(connection: &Connection, since: Since) -> Result<Position, Error> {
    if let Since::Position(wanted) = since {
        let at = "SELECT sequence, persona, revision, at FROM changes WHERE sequence = ?1";
        let found = position_of(connection, at, Some(stored(wanted.sequence)));
        if found.map_err(from_driver)? != wanted
            && !fault_injection::is_on(InjectedFault::TrustPositions)
        {
            return Err(Error::UnknownPosition);
        }
    }
    newest_position(connection).map_err(from_driver)
}

/// The newest line; before the first one where there is none.
pub(crate) fn newest_position(connection: &Connection) -> rusqlite::Result<Position> {
    let sql = "SELECT sequence, persona, revision, at FROM changes ORDER BY sequence DESC LIMIT 1";
    position_of(connection, sql, None)
}

fn position_of(
    connection: &Connection,
    sql: &str,
    sequence: Option<i64>,
) -> rusqlite::Result<Position> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row(rusqlite::params_from_iter(sequence), |found| {
        Ok(Position::at(
            row::number(found, 0)?,
            row::id(found, 1)?,
            row::revision(found, 2)?,
            row::time(found, 3)?,
        ))
    });
    found.optional().map(Option::unwrap_or_default)
}

/// The newest stamp of a change up to this one; the epoch where there is none. Not always that of
/// the last line: in a file that came from PostgreSQL, neighbouring lines may be of writers with
/// clocks of their own. Every change of a
/// persona is some persona's newest, or an older one than that; all others are moves of labels,
/// and purges, which are newer than every change of their personas.
pub(crate) fn last_time_before(
    connection: &Connection,
    latest: Timestamp,
) -> rusqlite::Result<Timestamp> {
    let newest = |sql| {
        connection
            .prepare_cached(sql)?
            .query_row([latest.as_micros()], |found| row::time(found, 0))
            .optional()
            .map(Option::unwrap_or_default)
    };
    let of_personas = newest(
        "SELECT updated_at FROM personas WHERE updated_at <= ?1 ORDER BY updated_at DESC LIMIT 1",
    )?;
    let of_labels = "SELECT at FROM label_moves WHERE at <= ?1 ORDER BY at DESC LIMIT 1";
    let of_purges = "SELECT at FROM purged WHERE at <= ?1 ORDER BY at DESC LIMIT 1";
    Ok(of_personas.max(newest(of_labels)?).max(newest(of_purges)?))
}
