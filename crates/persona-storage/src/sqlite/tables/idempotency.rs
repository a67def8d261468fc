//! Rows of `idempotency`: the first answer to a request, kept so that a repetition changes nothing.

use persona_model::{Clock, Persona, PersonaId, Revision, Timestamp, UnknownWord};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{personas, purged, revisions, row};
use crate::fault_injection::{self, InjectedFault};
use crate::label::{kept_text, read_kept};
use crate::purge::{check_reached, refusal_of};
use crate::sqlite::error::from_driver;
use crate::time::Observed;
use crate::{Error, Idempotency, LabelMoves, MovedLabel, Outcome, Write, Written};

/// The answer to an earlier request with this key. A record is valid for as long as it is there;
/// only the maintenance process removes it.
///
/// # Errors
///
/// [`Error::KeyReused`] when the earlier request was another one, [`Error::NotFound`] when its
/// persona was given to an owner that this write does not reach, what its tombstone says
/// to this write when it was purged, and [`Error::RevisionDropped`] when the revision was that it
/// made.
pub(crate) fn find(
    connection: &Connection,
    wanted: &Idempotency,
    write: &Write,
) -> Result<Option<Written>, Error> {
    if fault_injection::is_on(InjectedFault::ForgetRepetitions) {
        return Ok(None);
    }
    let found = connection
        .prepare_cached(
            "SELECT fingerprint, outcome, persona, revision FROM idempotency WHERE key = ?1",
        )
        .and_then(|mut statement| {
            let record = |found: &Row<'_>| -> rusqlite::Result<([u8; 32], _, _, _)> {
                let word: String = found.get(1)?;
                let unknown =
                    || rusqlite::Error::InvalidColumnType(1, "outcome".into(), Type::Text);
                let outcome = word.parse().map_err(|UnknownWord| unknown())?;
                Ok((found.get(0)?, outcome, row::id(found, 2)?, row::revision(found, 3)?))
            };
            statement.query_row([&wanted.key], record).optional()
        })
        .map_err(from_driver)?;
    let Some((fingerprint, outcome, id, revision)) = found else { return Ok(None) };
    // The owner of now decides what a client is told, also of what the client made itself.
    let owner = personas::owner_of(connection, id).map_err(from_driver)?;
    let purged = owner.is_none().then(|| purged::find(connection, id)).transpose();
    let purged = purged.map_err(from_driver)?.flatten();
    if fingerprint != wanted.fingerprint && (owner.is_some() || purged.is_some()) {
        return Err(Error::KeyReused);
    }
    if let Some(tombstone) = purged {
        return Err(tombstone.refusal(write));
    }
    if owner.is_some_and(|owner| write.hides(&owner)) {
        return Err(Error::NotFound);
    }
    // The answer is that of the revision, which has a checksum.
    let answer = revisions::representation(connection, id, revision)?;
    Ok(answer.map(|representation| Written { outcome, representation, replayed: true }))
}

/// Whether the request with this key made this revision of a persona.
pub(crate) fn has_made(
    connection: &Connection,
    key: &str,
    persona: &Persona,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM idempotency WHERE key = ?1 AND persona = ?2 AND revision = ?3 AND outcome = ?4)",
        )?
        .query_row(
            params![
                key,
                persona.id.as_bytes(),
                row::stored(persona.revision.number()),
                Outcome::Updated.as_str(),
            ],
            |found| found.get(0),
        )
}

/// Keeps the answer to a request.
pub(crate) fn insert(
    connection: &Connection,
    wanted: &Idempotency,
    persona: PersonaId,
    written: &Written,
    now: Timestamp,
) -> rusqlite::Result<()> {
    // `at` is the count of elapsed time (`time.rs`). Where no maintenance process has begun to
    // count, the time of day stands in for it.
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (key, fingerprint, outcome, persona, revision, deleted, body, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'observed_us'), ?8))",
        )?
        .execute(params![
            wanted.key,
            wanted.fingerprint,
            written.outcome.as_str(),
            persona.as_bytes(),
            row::stored(written.representation.revision.number()),
            written.representation.deleted,
            // The column of version 1, which kept the whole answer a second time.
            &[][..],
            now.as_micros(),
        ])
        .map(drop)
}

/// The answer to earlier moves of labels with this key.
///
/// # Errors
///
/// As with [`find`].
pub(crate) fn find_moves(
    connection: &Connection,
    wanted: &Idempotency,
    moves: &LabelMoves,
) -> Result<Option<Vec<MovedLabel>>, Error> {
    if fault_injection::is_on(InjectedFault::ForgetRepetitions) {
        return Ok(None);
    }
    let found = connection
        .prepare_cached("SELECT fingerprint, moves FROM idempotency WHERE key = ?1")
        .and_then(|mut statement| {
            let record = |found: &Row<'_>| -> rusqlite::Result<([u8; 32], Option<String>)> {
                Ok((found.get(0)?, found.get(1)?))
            };
            statement.query_row([&wanted.key], record).optional()
        })
        .map_err(from_driver)?;
    let Some((fingerprint, text)) = found else { return Ok(None) };
    let text = text.filter(|_| fingerprint == wanted.fingerprint).ok_or(Error::KeyReused)?;
    for one in moves.moves() {
        if let Some(owner) = personas::owner_of(connection, one.persona).map_err(from_driver)? {
            check_reached(&moves.viewer, &owner)?;
        } else if let Some(found) = purged::find(connection, one.persona).map_err(from_driver)? {
            return Err(refusal_of(&moves.viewer, Some(&found)));
        }
    }
    read_kept(&text, moves).map(Some)
}

/// Keeps the answer to moves of labels. The record names this persona and its current revision, as
/// a write that changes nothing does.
pub(crate) fn insert_moves(
    connection: &Connection,
    wanted: &Idempotency,
    (persona, revision): (PersonaId, Revision),
    moves: &LabelMoves,
    told: &[MovedLabel],
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO idempotency (key, fingerprint, outcome, persona, revision, deleted, body, moves, at)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, x'', ?6, coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'observed_us'), ?7))",
        )?
        .execute(params![
            wanted.key,
            wanted.fingerprint,
            Outcome::Unchanged.as_str(),
            persona.as_bytes(),
            row::stored(revision.number()),
            kept_text(moves, told),
            now.as_micros(),
        ])
        .map(drop)
}

/// Whether as many keys are kept as may be. Rows are numbered as they come and removed in the same
/// order, so the first and the last number tell how many there are, or a little more: counting a
/// million rows in each write would take too long.
pub(crate) fn is_full(connection: &Connection, max: u64) -> rusqlite::Result<bool> {
    let kept: i64 = connection
        .prepare_cached(
            "SELECT coalesce((SELECT rowid FROM idempotency ORDER BY rowid DESC LIMIT 1)
                           - (SELECT rowid FROM idempotency ORDER BY rowid LIMIT 1) + 1, 0)",
        )?
        .query_row([], |found| found.get(0))?;
    Ok(kept.unsigned_abs() >= max)
}

/// The result of removing expired records in one transaction.
pub(crate) struct Removed {
    pub records: usize,
    /// Whether the limit of rows was reached, so that there can be more to do.
    pub is_more: bool,
}

/// Counts the time that has elapsed, and removes at most `limit` records that were kept long
/// enough.
///
/// A record that is ahead of the count was made by a fast clock before the count began, or is of
/// another database. It is set to the count; otherwise it would stay too long, and as the oldest
/// row make [`is_full`] count removed rows.
pub(crate) fn remove_expired(
    connection: &Connection,
    observed: &mut Observed,
    clock: &dyn Clock,
    limit: usize,
) -> rusqlite::Result<Removed> {
    let newest: Option<i64> = connection
        .prepare_cached("SELECT max(at) FROM idempotency")?
        .query_row([], |found| found.get(0))?;
    let Some(newest) = newest else {
        observed.pause();
        return Ok(Removed { records: 0, is_more: false });
    };
    let stored: Option<i64> = connection
        .prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'observed_us'")?
        .query_row([], |found| found.get(0))
        .optional()?;
    let count = observed.count(stored.unwrap_or_else(|| Observed::first(newest, clock)), clock);
    if stored != Some(count) {
        connection
            .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('observed_us', ?1)")?
            .execute([count.to_string()])?;
    }
    let rows_max = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut ahead = 0;
    if newest > count {
        let sql = "UPDATE idempotency SET at = ?1 WHERE rowid IN (SELECT rowid FROM idempotency WHERE at > ?1 LIMIT ?2)";
        ahead = connection.prepare_cached(sql)?.execute(params![count, rows_max])?;
    }
    let records = connection
        .prepare_cached("DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE at <= ?1 ORDER BY at LIMIT ?2)")?
        .execute(params![Observed::oldest_kept(count), rows_max])?;
    Ok(Removed { records, is_more: ahead.max(records) >= limit })
}
