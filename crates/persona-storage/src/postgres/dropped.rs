//! Revisions that were dropped from a history. Each keeps its row, without its texts.

use std::collections::HashSet;

use persona_model::{Persona, PersonaId, Revision};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Parameter, Statement};
use super::driver_error::DriverError;
use super::error::damaged;
use super::row;
use crate::{Error, LabelMove, LabelTarget, Outcome};

/// What a row of `revisions` is about: the first revision that it stands for, and whether it is
/// kept, was dropped, or is what is left of a purged persona. For statements that look for the row
/// with the wanted revision or the next one, because a dropped one can stand for several.
macro_rules! state {
    () => {
        "coalesce(CASE WHEN head = '' THEN base END, revision),
         CASE WHEN head <> '' THEN 'kept'
              WHEN EXISTS (SELECT 1 FROM persona_store.personas WHERE id = $1) THEN 'dropped'
              ELSE 'purged' END"
    };
}
pub(super) use state;

/// Whether a row, with its revision in the first column and its [`state!`] in two others, is that
/// of the wanted revision.
///
/// # Errors
///
/// [`Error::RevisionDropped`].
pub(super) fn is_kept(found: &Row, state: usize, wanted: Revision) -> Result<bool, Error> {
    let (first, last) = (row::revision(found, state)?, row::revision(found, 0)?);
    if !(first..=last).contains(&wanted) {
        return Ok(false);
    }
    match row::value::<&str>(found, state + 1)? {
        "kept" => Ok(true),
        "dropped" => Err(Error::RevisionDropped { revision: wanted }),
        _ => Ok(false),
    }
}

/// Which of some revisions were dropped.
const DROPPED: &str = "
    SELECT wanted.persona, wanted.revision
    FROM unnest($1::uuid[], $2::bigint[]) AS wanted (persona, revision)
    CROSS JOIN LATERAL (
        SELECT revision, base, head
        FROM persona_store.revisions
        WHERE persona = wanted.persona AND revision >= wanted.revision
        ORDER BY revision
        LIMIT 1
    ) AS r
    WHERE r.head = '' AND coalesce(r.base, r.revision) <= wanted.revision";

/// The revisions that moves of labels name and that were dropped. Their personas are locked, so
/// that none is dropped any more.
pub(super) async fn named_by(
    connection: &Connection,
    moves: &[LabelMove],
) -> Result<HashSet<(PersonaId, Revision)>, DriverError> {
    let (mut personas, mut revisions): (Vec<Uuid>, Vec<i64>) = (Vec::new(), Vec::new());
    for one in moves {
        if let LabelTarget::Revision(revision) = one.target {
            personas.push(row::uuid(one.persona));
            revisions.push(row::stored(revision.number()));
        }
    }
    if personas.is_empty() {
        return Ok(HashSet::new());
    }
    let parameters: [Parameter<'_>; 2] =
        [(&personas, Type::UUID_ARRAY), (&revisions, Type::INT8_ARRAY)];
    let rows = connection.rows(Statement::Kept(DROPPED), &parameters).await?;
    let read = |found: &Row| -> Result<_, DriverError> {
        let persona: Uuid = row::driver_value(found, 0)?;
        let revision: i64 = row::driver_value(found, 1)?;
        let revision = u64::try_from(revision).ok().and_then(Revision::new);
        Ok((PersonaId::from_bytes(persona.into_bytes()), revision.unwrap_or(Revision::FIRST)))
    };
    rows.iter().map(read).collect()
}

/// The record of a key, where the request with it made this revision of a persona.
const UNDER_KEY: &str = "
    SELECT FROM persona_store.idempotency
    WHERE key = $1 AND persona = $2 AND revision = $3 AND outcome = $4";

/// Whether the request with this key made this revision of a persona. A statement of its own, so
/// that only the writes pay for it that name a key.
pub(super) async fn is_under_key(
    connection: &Connection,
    key: &str,
    persona: &Persona,
) -> Result<bool, DriverError> {
    let (id, revision) = (row::uuid(persona.id), row::stored(persona.revision.number()));
    let outcome = Outcome::Updated.as_str();
    let parameters: [Parameter<'_>; 4] =
        [(&key, Type::TEXT), (&id, Type::UUID), (&revision, Type::INT8), (&outcome, Type::TEXT)];
    Ok(!connection.rows(Statement::Kept(UNDER_KEY), &parameters).await?.is_empty())
}

/// The names of fields in a column, as a JSON array.
pub(super) fn changed(found: &Row, column: usize) -> Result<Vec<String>, Error> {
    serde_json::from_str(row::value(found, column)?).map_err(|error| damaged(&error))
}
