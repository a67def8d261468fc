//! Columns as values of the model, for every table.

use persona_model::{PersonaId, Revision, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use super::driver_error::DriverError;
use super::error::{damaged, from_driver};
use crate::checksum;
use crate::{Error, Glance, Representation};

/// A column of any type that the driver knows.
pub(super) fn value<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Error> {
    driver_value(row, column).map_err(from_driver)
}

/// A column of any type, with the driver's own error.
pub(super) fn driver_value<'a, T: FromSql<'a>>(
    row: &'a Row,
    column: usize,
) -> Result<T, DriverError> {
    Ok(row.try_get(column)?)
}

/// A column that holds an identity.
pub(super) fn id(row: &Row, column: usize) -> Result<PersonaId, Error> {
    value::<Uuid>(row, column).map(|uuid| PersonaId::from_bytes(uuid.into_bytes()))
}

/// A column that holds a number that is never negative.
pub(super) fn number(row: &Row, column: usize) -> Result<u64, Error> {
    let signed: i64 = value(row, column)?;
    u64::try_from(signed).map_err(|_| damaged(&format_args!("a count is {signed}")))
}

/// A column that holds a revision number.
pub(super) fn revision(row: &Row, column: usize) -> Result<Revision, Error> {
    Revision::new(number(row, column)?).ok_or_else(|| damaged(&"a revision is 0"))
}

/// A column that holds a revision number, or null.
pub(super) fn optional_revision(row: &Row, column: usize) -> Result<Option<Revision>, Error> {
    let number = value::<Option<i64>>(row, column)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()).and_then(Revision::new))
}

/// A column that holds microseconds since the epoch.
pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, Error> {
    value(row, column).map(Timestamp::from_micros)
}

/// Four neighbouring columns, `revision`, whether it is deleted, `head` and `document`, as the
/// representation.
pub(super) fn representation(
    row: &Row,
    first: usize,
    id: PersonaId,
) -> Result<Representation, Error> {
    let (metadata, document): (&str, &str) = (value(row, first + 2)?, value(row, first + 3)?);
    if !is_object(metadata) || !is_object(document) {
        return Err(damaged(&"what is kept of a persona is no object"));
    }
    let (revision, deleted) = (revision(row, first)?, value(row, first + 1)?);
    // Not a column here: PostgreSQL has checksums of its own, and what the entity tag needs follows
    // from the texts.
    let checksum = checksum::of(id, revision.number(), deleted, metadata, document);
    let body = persona_model::join_representation(metadata, document).into();
    Ok(Representation { id, revision, checksum, deleted, body })
}

/// Whether a text can be half of a representation: in front of a damaged one the joint would be
/// made where there is none.
fn is_object(text: &str) -> bool {
    text.len() > "{}".len() && text.starts_with('{') && text.ends_with('}')
}

/// The same columns, where `document` is null when it is a large one.
pub(super) fn glance(row: &Row, first: usize, id: PersonaId) -> Result<Glance, Error> {
    let document: Option<&str> = value(row, first + 3)?;
    if document.is_none() {
        Ok(Glance::Large)
    } else {
        representation(row, first, id).map(|found| Glance::Whole(Some(found)))
    }
}

/// An identity as the database keeps it.
pub(super) fn uuid(id: PersonaId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// A number in the type of the database. A number that is too large becomes the largest one, which
/// no row has.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
