//! Rows of `changes`: the feed, in commit order.
//!
//! The sequence is the commit order because only one transaction at a time writes to a SQLite file.

use persona_model::{Change, ChangeKind, PersonaId, Revision, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};

use super::row;

/// Adds a line to the feed.
pub(super) fn insert(
    connection: &Connection,
    persona: PersonaId,
    revision: Revision,
    kind: ChangeKind,
    at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO changes (persona, revision, kind, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![persona.as_bytes(), row::stored(revision.number()), kind.word(), at.as_micros()])
        .map(drop)
}

/// At most `limit` lines after a sequence number.
pub(super) fn after(connection: &Connection, sequence: u64, limit: usize) -> rusqlite::Result<Vec<Change>> {
    // Numbers beyond the largest that SQLite can hold are beyond the end of the feed too.
    let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT sequence, persona, revision, kind, at
         FROM changes
         WHERE sequence > ?1
         ORDER BY sequence
         LIMIT ?2",
    )?;
    let changes = statement.query_map([sequence, limit], |found| {
        let word: String = found.get(3)?;
        let unknown = || rusqlite::Error::InvalidColumnType(3, "kind".into(), Type::Text);
        Ok(Change {
            sequence: row::number(found, 0)?,
            persona: row::id(found, 1)?,
            revision: row::revision(found, 2)?,
            kind: ChangeKind::from_word(&word).ok_or_else(unknown)?,
            at: row::time(found, 4)?,
        })
    })?;
    changes.collect()
}

/// When the newest change was committed; the epoch for an empty feed. Not always that of the last line: in a file that came
/// from PostgreSQL, neighbouring lines may be of writers with clocks of their own. Every change is some persona's newest.
pub(super) fn last_time(connection: &Connection) -> rusqlite::Result<Timestamp> {
    connection
        .prepare_cached("SELECT updated_at FROM personas ORDER BY updated_at DESC LIMIT 1")?
        .query_row([], |found| row::time(found, 0))
        .optional()
        .map(Option::unwrap_or_default)
}
