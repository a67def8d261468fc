//! Rows of `idempotency`: the first answer to a request, kept so that a repetition changes nothing.

use persona_model::{PersonaId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::from_driver;
use super::row;
use crate::write::IDEMPOTENCY_KEPT;
use crate::{Error, Idempotency, Outcome, Written};

/// The answer to an earlier request with this key, if it was given in the last day.
///
/// # Errors
///
/// [`Error::KeyReused`] when the earlier request was another one.
pub(super) fn find(connection: &Connection, wanted: &Idempotency, now: Timestamp) -> Result<Option<Written>, Error> {
    let found = connection
        .prepare_cached(
            // The answer is that of the revision, which is kept for ever and has a checksum.
            "SELECT i.fingerprint, i.outcome, i.persona, r.revision, r.deleted, r.head, r.document, r.checksum
             FROM idempotency AS i
             JOIN personas AS p ON p.id = i.persona
             JOIN revisions AS r ON r.persona = p.row_id AND r.revision = i.revision
             WHERE i.key = ?1 AND i.at > ?2",
        )
        .and_then(|mut statement| {
            statement
                .query_row(params![wanted.key, oldest_kept(now).as_micros()], |found| {
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
    // An older record under this key has expired, or `find` would have answered.
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (key, fingerprint, outcome, persona, revision, deleted, body, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
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

/// Removes at most `limit` expired records and tells how many there were.
pub(super) fn remove_expired(connection: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE at <= ?1 ORDER BY at LIMIT ?2)")?
        .execute(params![oldest_kept(now).as_micros(), i64::try_from(limit).unwrap_or(i64::MAX)])
}

fn oldest_kept(now: Timestamp) -> Timestamp {
    let kept = i64::try_from(IDEMPOTENCY_KEPT.as_micros()).expect("a day in microseconds fits");
    Timestamp::from_micros(now.as_micros() - kept)
}
