//! Rows of `idempotency`: the first answer to a request, kept so that a repetition changes nothing.

use persona_model::{Clock, PersonaId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::from_driver;
use super::row;
use crate::time::Observed;
use crate::{Error, Idempotency, Outcome, Written};

/// The answer to an earlier request with this key. A record is valid for as long as it is there; only the keeper removes it.
///
/// # Errors
///
/// [`Error::KeyReused`] when the earlier request was another one.
pub(super) fn find(connection: &Connection, wanted: &Idempotency) -> Result<Option<Written>, Error> {
    let found = connection
        .prepare_cached(
            // The answer is that of the revision, which is kept for ever and has a checksum.
            "SELECT i.fingerprint, i.outcome, i.persona, r.revision, r.deleted, r.head, r.document, r.checksum
             FROM idempotency AS i
             JOIN personas AS p ON p.id = i.persona
             JOIN revisions AS r ON r.persona = p.row_id AND r.revision = i.revision
             WHERE i.key = ?1",
        )
        .and_then(|mut statement| {
            statement
                .query_row([&wanted.key], |found| {
                    let fingerprint: [u8; 32] = found.get(0)?;
                    let word: String = found.get(1)?;
                    let unknown = || rusqlite::Error::InvalidColumnType(1, "outcome".into(), Type::Text);
                    let answer = row::answer(found, 3, row::id(found, 2)?)?;
                    let outcome = Outcome::from_word(&word).ok_or_else(unknown)?;
                    Ok((fingerprint, Written { outcome, answer, replayed: true }))
                })
                .optional()
        })
        .map_err(from_driver)?;
    match found {
        Some((fingerprint, _)) if fingerprint != wanted.fingerprint => Err(Error::KeyReused),
        found => Ok(found.map(|(_, written)| written)),
    }
}

/// Keeps the answer to a request.
pub(super) fn insert(
    connection: &Connection,
    wanted: &Idempotency,
    persona: PersonaId,
    written: &Written,
    now: Timestamp,
) -> rusqlite::Result<()> {
    // `at` is the count of elapsed time (`time.rs`). Where no keeper has begun to count, the time of day stands in for it.
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (key, fingerprint, outcome, persona, revision, deleted, body, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'observed_us'), ?8))",
        )?
        .execute(params![
            wanted.key,
            wanted.fingerprint,
            written.outcome.word(),
            persona.as_bytes(),
            row::stored(written.answer.revision.number()),
            written.answer.deleted,
            // The column of version 1, which kept the whole answer a second time.
            &[][..],
            now.as_micros(),
        ])
        .map(drop)
}

/// Whether as many keys are kept as may be. Rows are numbered as they come and removed in the same order, so the first and
/// the last number tell how many there are, or a little more: counting a million rows in each write would take too long.
pub(super) fn is_full(connection: &Connection, max: u64) -> rusqlite::Result<bool> {
    let kept: i64 = connection
        .prepare_cached(
            "SELECT coalesce((SELECT rowid FROM idempotency ORDER BY rowid DESC LIMIT 1)
                           - (SELECT rowid FROM idempotency ORDER BY rowid LIMIT 1) + 1, 0)",
        )?
        .query_row([], |found| found.get(0))?;
    Ok(kept.unsigned_abs() >= max)
}

/// Counts the time that has elapsed, and removes at most `limit` records that were kept long enough. Tells how many there
/// were.
pub(super) fn remove_expired(connection: &Connection, observed: &mut Observed, clock: &dyn Clock, limit: usize) -> rusqlite::Result<usize> {
    let newest: Option<i64> = connection.prepare_cached("SELECT max(at) FROM idempotency")?.query_row([], |found| found.get(0))?;
    let Some(newest) = newest else {
        observed.pause();
        return Ok(0);
    };
    let stored: Option<i64> = connection
        .prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'observed_us'")?
        .query_row([], |found| found.get(0))
        .optional()?;
    let count = observed.count(stored.unwrap_or_else(|| Observed::first(newest, clock)), clock);
    if stored != Some(count) {
        connection.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('observed_us', ?1)")?.execute([count.to_string()])?;
    }
    connection
        .prepare_cached("DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE at <= ?1 ORDER BY at LIMIT ?2)")?
        .execute(params![Observed::oldest_kept(count), i64::try_from(limit).unwrap_or(i64::MAX)])
}
