//! Columns as values of the model, for every table.

use persona_model::{PersonaId, Revision, Timestamp};
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};

use super::checksum;
use crate::{GLANCE_BYTES_MAX, Glance, Representation};

/// A column that holds 16 bytes of identity.
pub(crate) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<PersonaId> {
    row.get(column).map(PersonaId::from_bytes)
}

/// A column that holds a revision number.
pub(crate) fn revision(row: &Row<'_>, column: usize) -> rusqlite::Result<Revision> {
    number(row, column).and_then(|number| {
        let out_of_range = || FromSqlError::OutOfRange(i64::try_from(number).unwrap_or(i64::MAX));
        Revision::new(number).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(
                column,
                Type::Integer,
                Box::new(out_of_range()),
            )
        })
    })
}

/// A column that holds a number that is never negative.
pub(crate) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let signed: i64 = row.get(column)?;
    u64::try_from(signed).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, signed))
}

/// A column that holds microseconds since the epoch.
pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}

/// Five neighbouring columns, `revision`, whether it is deleted, `head`, `document` and `checksum`,
/// as the representation.
///
/// The two texts are copied once, from the memory of SQLite into the representation.
pub(crate) fn representation(
    row: &Row<'_>,
    first: usize,
    id: PersonaId,
) -> rusqlite::Result<Representation> {
    let found = checksum::verified(row, first, id)?;
    let body = persona_model::join_representation(found.metadata, found.document).into();
    Ok(Representation {
        id,
        revision: revision(row, first)?,
        checksum: found.checksum,
        deleted: found.deleted,
        body,
    })
}

/// The same five columns and, as the sixth, the bytes of `document`, which SQLite reads from the
/// header of the record: a large document is left alone.
pub(crate) fn glance(row: &Row<'_>, first: usize, id: PersonaId) -> rusqlite::Result<Glance> {
    let is_large = number(row, first + 5)? > GLANCE_BYTES_MAX as u64;
    if is_large {
        Ok(Glance::Large)
    } else {
        representation(row, first, id).map(|found| Glance::Whole(Some(found)))
    }
}

/// A number in the type of the database. A number that is too large becomes the largest one, which
/// no row has.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
