//! The numbers of the rows of the file that a transfer fills: in order of creation, equal times in
//! order of identities, because lists by relevance and exports are read in order of these numbers
//! (`list.rs`).
//!
//! The feed of a database on a server has the order of transactions, which is another one. What is
//! there when a transfer begins gets its numbers then (`move_order`). What comes later, while
//! writers go on or between two attempts, is numbered as it comes, and here it is put in its place.

use persona_model::{Document, PersonaId};
use rusqlite::{Connection, params};

use crate::sqlite::error::damage;
use crate::sqlite::search;
use crate::sqlite::tables::row;

/// A key in the order of creation: time in microseconds, then identity.
pub(super) type CreationKey = (i64, PersonaId);

/// Before every persona.
pub(super) const BEGINNING: CreationKey = (i64::MIN, PersonaId::from_bytes([0; 16]));

/// Gives new numbers to the first persona that is out of order, and to all that come after it. Only
/// personas at or after a place are looked at: everything before the place is in order, and has
/// smaller numbers than everything that was added since.
pub(super) fn put_in_order(connection: &Connection, from: CreationKey) -> rusqlite::Result<()> {
    // From now on whatever is added gets a larger number than all that is there, so that only this
    // is to be looked at.
    connection.execute("DELETE FROM move_order", [])?;
    let Some(first) = first_in_disorder(connection, from)? else { return Ok(()) };
    let transaction = connection.unchecked_transaction()?;
    transaction.pragma_update(None, "defer_foreign_keys", true)?;
    let largest: i64 =
        transaction.query_row("SELECT max(row_id) FROM personas", [], |found| found.get(0))?;
    for (number, row_id) in (largest + 1..).zip(rows_from(&transaction, first)?) {
        give_number(&transaction, row_id, number)?;
    }
    transaction.commit()
}

/// The first persona with a larger number than one that was created after it.
fn first_in_disorder(
    connection: &Connection,
    from: CreationKey,
) -> rusqlite::Result<Option<CreationKey>> {
    let sql = "SELECT row_id, created_at, id FROM personas WHERE (created_at, id) >= (?1, ?2) ORDER BY created_at DESC, id DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![from.0, from.1.as_bytes()])?;
    let (mut smallest, mut first) = (i64::MAX, None);
    while let Some(found) = rows.next()? {
        let row_id: i64 = found.get(0)?;
        if row_id > smallest {
            first = Some((found.get(1)?, row::id(found, 2)?));
        }
        smallest = smallest.min(row_id);
    }
    Ok(first)
}

fn rows_from(connection: &Connection, from: CreationKey) -> rusqlite::Result<Vec<i64>> {
    let sql =
        "SELECT row_id FROM personas WHERE (created_at, id) >= (?1, ?2) ORDER BY created_at, id";
    connection
        .prepare(sql)?
        .query_map(params![from.0, from.1.as_bytes()], |found| found.get(0))?
        .collect()
}

fn give_number(connection: &Connection, before: i64, after: i64) -> rusqlite::Result<()> {
    for sql in [
        "UPDATE personas SET row_id = ?2 WHERE row_id = ?1",
        "UPDATE persona_tags SET persona = ?2 WHERE persona = ?1",
        "UPDATE text_parts SET persona = ?2 WHERE persona = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([before, after])?;
    }
    let document: String = connection
        .prepare_cached("SELECT document FROM personas WHERE row_id = ?1")?
        .query_row([after], |found| found.get(0))?;
    let document = Document::from_stored(&document)
        .map_err(|invalid| damage(format!("a persona cannot be read: {invalid}")))?;
    // The indexes hold no texts that could be given a new number.
    search::remove_text(connection, before)?;
    search::remove_title(connection, before, document.title_words())?;
    search::replace_text(connection, after, document.text_words())?;
    search::put_title(connection, after, document.title_words())
}
