//! The checksum of a row, because the texts of a row are sent as they are stored.
//!
//! A read parses nothing, so nothing else would notice a flipped bit in a text. The checksum is
//! taken with the identity that was *asked for*, so that a damaged index, which leads to the row of
//! another persona, is found as well. What it costs and what else was considered: ADR 0010. It is
//! also a part of the entity tag: ADR 0032.

use persona_model::PersonaId;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use crate::checksum;
use crate::sqlite::error::damage;

/// The checksum of a row with these columns, as the column keeps it.
pub(crate) fn of(
    id: PersonaId,
    revision: i64,
    deleted: bool,
    metadata: &str,
    document: &str,
) -> i64 {
    checksum::of(id, revision.cast_unsigned(), deleted, metadata, document).into()
}

/// The texts of a row, proved to be as they were written.
pub(crate) struct Verified<'a> {
    pub deleted: bool,
    pub metadata: &'a str,
    pub document: &'a str,
    pub checksum: u32,
}

/// Five neighbouring columns: `revision`, whether it is deleted, `head`, `document`, `checksum`.
///
/// # Errors
///
/// The code for a damaged database, when they are not what was written for this persona.
pub(crate) fn verified<'a>(
    row: &'a Row<'_>,
    first: usize,
    id: PersonaId,
) -> rusqlite::Result<Verified<'a>> {
    let text = |column: usize| {
        let value = row.get_ref(column)?;
        value.as_str().map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
        })
    };
    let (revision, deleted, metadata, document): (i64, _, _, _) =
        (row.get(first)?, row.get(first + 1)?, text(first + 2)?, text(first + 3)?);
    let stored: i64 = row.get(first + 4)?;
    let checksum = checksum::of(id, revision.cast_unsigned(), deleted, metadata, document);
    if i64::from(checksum) == stored {
        return Ok(Verified { deleted, metadata, document, checksum });
    }
    Err(damage(format!(
        "the stored text of persona {id} at revision {revision} does not match its checksum"
    )))
}

/// Gives a connection the function `row_checksum`, for migrations.
pub(crate) fn add_function(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("row_checksum", 5, flags, |context| {
        let text = |index| {
            context
                .get_raw(index)
                .as_str()
                .map_err(|error| rusqlite::Error::UserFunctionError(Box::new(error)))
        };
        let id = PersonaId::from_bytes(context.get(0)?);
        Ok(of(id, context.get(1)?, context.get(2)?, text(3)?, text(4)?))
    })
}

#[cfg(test)]
mod tests {
    use persona_model::PersonaId;

    use super::of;

    #[test]
    fn every_flipped_bit_of_every_part_changes_the_checksum() {
        let (metadata, document) = (r#"{"revision":7}"#, r#"{"name":"Ada","description":"first"}"#);
        let right = of(PersonaId::from_bytes([9; 16]), 7, false, metadata, document);
        assert_ne!(right, of(PersonaId::from_bytes([8; 16]), 7, false, metadata, document));
        assert_ne!(right, of(PersonaId::from_bytes([9; 16]), 6, false, metadata, document));
        assert_ne!(right, of(PersonaId::from_bytes([9; 16]), 7, true, metadata, document));
        for bit in 0..7 * document.len() {
            let mut bytes = document.as_bytes().to_vec();
            bytes[bit / 7] ^= 1 << (bit % 7);
            let damaged = String::from_utf8(bytes).expect("seven bits stay ASCII");
            assert_ne!(
                right,
                of(PersonaId::from_bytes([9; 16]), 7, false, metadata, &damaged),
                "bit {bit}"
            );
        }
    }
}
