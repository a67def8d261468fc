//! Answers to moves of labels with an idempotency key.

use std::collections::HashMap;

use persona_model::{PersonaId, Revision, Timestamp};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Parameter, Statement};
use super::driver_error::DriverError;
use super::settle_all::Refused;
use super::{purge, row};
use crate::fault_injection::{InjectedFault, is_on};
use crate::label::{kept_text, read_kept};
use crate::purge::{check_reached, refusal_of};
use crate::{Error, Idempotency, LabelMoves, MovedLabel, Outcome};

/// What is kept under a key.
const FIND: &str =
    "SELECT fingerprint, moves, operation FROM persona_store.idempotency WHERE key = $1";

/// The owners of personas.
const OWNERS: &str = "SELECT id, owner FROM persona_store.personas WHERE id = ANY($1)";

/// Keeps the answer. Where another request has taken the key meanwhile the statement fails.
const KEEP: &str = "
    INSERT INTO persona_store.idempotency (key, fingerprint, outcome, persona, revision, operation, moves, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce((SELECT value::bigint FROM persona_store.meta WHERE key = 'observed_us'), $8))";

/// The answer to earlier moves with this key. Where the answer to this very request was lost it is
/// told as the first one. Refused where the earlier request was another one.
pub(super) async fn find(
    connection: &Connection,
    wanted: &Idempotency,
    moves: &LabelMoves,
    operation: Uuid,
) -> Result<Option<Vec<MovedLabel>>, Refused> {
    if is_on(InjectedFault::ForgetRepetitions) {
        return Ok(None);
    }
    let rows = connection.rows(Statement::Kept(FIND), &[(&wanted.key, Type::TEXT)]).await?;
    let Some(found) = rows.first() else { return Ok(None) };
    let fingerprint: Vec<u8> = row::driver_value(found, 0)?;
    let text = row::driver_value::<Option<String>>(found, 1)?;
    let text = text.filter(|_| fingerprint == wanted.fingerprint).ok_or(Error::KeyReused)?;
    let ids: Vec<Uuid> = moves.moves().iter().map(|one| row::uuid(one.persona)).collect();
    let purged = purge::find_on(connection, &ids).await?;
    let owners = owners_of(connection, &ids).await?;
    // The first in the order of the moves.
    for one in moves.moves() {
        if let Some(tombstone) = purged.iter().find(|found| found.id == one.persona) {
            return Err(refusal_of(&moves.viewer, Some(tombstone)).into());
        }
        if let Some(owner) = owners.get(&one.persona) {
            check_reached(&moves.viewer, owner)?;
        }
    }
    let mut told = read_kept(&text, moves)?;
    let replayed = row::driver_value::<Uuid>(found, 2)? != operation;
    for one in &mut told {
        one.replayed = replayed;
    }
    Ok(Some(told))
}

/// The owners of these personas; empty for none.
async fn owners_of(
    connection: &Connection,
    ids: &[Uuid],
) -> Result<HashMap<PersonaId, String>, Refused> {
    let rows = connection.rows(Statement::Kept(OWNERS), &[(&ids, Type::UUID_ARRAY)]).await?;
    let mut owners = HashMap::new();
    for found in &rows {
        owners.insert(row::id(found, 0)?, row::driver_value(found, 1)?);
    }
    Ok(owners)
}

/// Keeps the answer to moves. The record names this persona and its current revision, as a write
/// that changes nothing does.
pub(super) async fn keep(
    connection: &Connection,
    wanted: &Idempotency,
    operation: Uuid,
    (persona, revision): (PersonaId, Revision),
    (moves, told): (&LabelMoves, &[MovedLabel]),
    now: Timestamp,
) -> Result<(), DriverError> {
    let parameters: [Parameter<'_>; 8] = [
        (&wanted.key, Type::TEXT),
        (&&wanted.fingerprint[..], Type::BYTEA),
        (&Outcome::Unchanged.as_str(), Type::TEXT),
        (&row::uuid(persona), Type::UUID),
        (&row::stored(revision.number()), Type::INT8),
        (&operation, Type::UUID),
        (&kept_text(moves, told), Type::TEXT),
        (&now.as_micros(), Type::INT8),
    ];
    connection.rows(Statement::Kept(KEEP), &parameters).await.map(drop)
}
