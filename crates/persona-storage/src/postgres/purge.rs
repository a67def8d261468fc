//! Rows of `purged`: what is left of personas that were purged.

use std::sync::Arc;

use persona_model::PersonaId;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Statement};
use super::driver_error::DriverError;
use super::pool::Pool;
use super::row;
use super::shared_reader::SharedReader;
use crate::{Error, Operation, Tombstone, Write};

/// The tombstones of some personas.
const FIND: &str = "
    SELECT persona, revision, owner, at, author
    FROM persona_store.purged
    WHERE persona = ANY ($1)";

/// The constraint that a new persona with the identity of a purged one breaks: the first revision
/// of the purged one is still there, without its content.
const IDENTITY: &str = "revisions_key";

/// The tombstone of a persona.
pub(super) async fn find(reader: &SharedReader, id: PersonaId) -> Result<Option<Tombstone>, Error> {
    let ids = vec![row::uuid(id)];
    let rows = reader.read(FIND, &[(&ids, Type::UUID_ARRAY)]).await?;
    rows.first().map(tombstone).transpose()
}

/// The tombstones of some personas, on the connection of a transaction.
pub(super) async fn find_on(
    connection: &Connection,
    ids: &[Uuid],
) -> Result<Vec<Tombstone>, DriverError> {
    let rows = connection.rows(Statement::Kept(FIND), &[(&ids, Type::UUID_ARRAY)]).await?;
    // What cannot be read is no tombstone, and is found by the next look.
    Ok(rows.iter().filter_map(|found| tombstone(found).ok()).collect())
}

fn tombstone(found: &Row) -> Result<Tombstone, Error> {
    Ok(Tombstone {
        id: row::id(found, 0)?,
        revision: row::revision(found, 1)?,
        owner: row::value(found, 2)?,
        at: row::time(found, 3)?,
        author: row::value(found, 4)?,
    })
}

/// The error of a write, which says that the persona was purged where it was.
pub(super) async fn told(pool: &Pool, write: &Write, error: Error) -> Error {
    if !can_be_of_purged(write, &error) {
        return error;
    }
    match looked_up(pool, &[row::uuid(write.operation.id())]).await {
        Ok(found) => found.first().map_or(error, |tombstone| tombstone.refusal(write)),
        Err(failed) => failed,
    }
}

/// The same of a batch, of which the write at this place was refused; with the place of the write
/// that the error is of. The batch looked for no tombstones of the new personas before that place.
pub(super) async fn told_of_batch(
    pool: &Pool,
    writes: &[Arc<Write>],
    (place, error): (usize, Error),
) -> (usize, Error) {
    let looks = |at: usize| {
        if at < place { makes(&writes[at]) } else { can_be_of_purged(&writes[at], &error) }
    };
    let places: Vec<usize> = (0..=place).filter(|at| looks(*at)).collect();
    if places.is_empty() {
        return (place, error);
    }
    let id = |at: usize| writes[at].operation.id();
    let ids: Vec<Uuid> = places.iter().map(|at| row::uuid(id(*at))).collect();
    let found = match looked_up(pool, &ids).await {
        Ok(found) => found,
        Err(failed) => return (place, failed),
    };
    let refusal = places.iter().find_map(|at| {
        let tombstone = found.iter().find(|one| one.id == id(*at))?;
        Some((*at, tombstone.refusal(&writes[*at])))
    });
    refusal.unwrap_or((place, error))
}

/// Whether a write may make a persona.
fn makes(write: &Write) -> bool {
    matches!(write.operation, Operation::Create { .. } | Operation::Import { .. })
}

/// Whether the error of a write can come from a persona that is not there. Whether a new persona
/// has the identity of a purged one is found only when it is stored, behind all rules that refuse
/// it.
fn can_be_of_purged(write: &Write, error: &Error) -> bool {
    match error {
        Error::NotFound => true,
        Error::Invalid(_) | Error::OwnerRefused { .. } | Error::HandleTaken { .. } => makes(write),
        _ => false,
    }
}

/// The error of a new persona that has the identity of a purged one, where it is that which an
/// error of the database says; with the place of the write.
pub(super) async fn refusal<'a>(
    pool: &Pool,
    error: &DriverError,
    writes: impl Iterator<Item = &'a Write>,
) -> Result<Option<(usize, Error)>, Error> {
    let constraint = error.as_db_error().and_then(|answer| answer.constraint());
    if constraint != Some(IDENTITY) {
        return Ok(None);
    }
    let writes: Vec<&Write> = writes.collect();
    let ids: Vec<Uuid> = writes.iter().map(|write| row::uuid(write.operation.id())).collect();
    let found = looked_up(pool, &ids).await?;
    let of = |write: &Write| found.iter().find(|one| one.id == write.operation.id());
    let mut refused = writes.iter().enumerate();
    Ok(refused.find_map(|(place, write)| Some((place, of(write)?.refusal(write)))))
}

/// The tombstones of some personas.
pub(super) async fn looked_up(pool: &Pool, ids: &[Uuid]) -> Result<Vec<Tombstone>, Error> {
    let rows = pool.read(Statement::Kept(FIND), &[(&ids, Type::UUID_ARRAY)]).await?;
    rows.iter().map(tombstone).collect()
}
