//! The facts about a database as a whole: its epoch, whether its rows are in order of creation,
//! and, in the row `observed_us`, how much elapsed time maintenance processes have counted
//! (`idempotency.rs`).
//!
//! An epoch names one life of a database. A place in the feed names a state only together with it:
//! a copy that was put back goes on from an earlier place with other lines. So every copy gets an
//! epoch of its own, whether it is ever used as a database or not, and so does a file that is
//! converted, because only a copy is in a rollback mode (ADR 0033).

use rusqlite::{Connection, OptionalExtension};

/// The first schema version with an epoch.
pub(crate) const EPOCH_SINCE: u32 = 5;
/// Hexadecimal digits of an epoch: 128 random bits.
const EPOCH_DIGITS: usize = 32;

/// The epoch of a file of version 5 or later.
pub(crate) fn epoch(connection: &Connection) -> rusqlite::Result<String> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'epoch'")?
        .query_row([], |found| found.get(0))
}

/// Gives the file a new epoch, in the open transaction or in a new one. Files of older versions
/// have no epoch.
pub(crate) fn renew_epoch(connection: &Connection) -> rusqlite::Result<()> {
    if crate::sqlite::start::migrate::version_of(connection)? < EPOCH_SINCE {
        return Ok(());
    }
    let sql =
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('epoch', lower(hex(randomblob(16))))";
    connection.execute(sql, []).map(drop)
}

/// Notes that the numbers of rows do not have the order of the times of creation any more.
pub(crate) fn note_unordered_rows(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO meta (key, value) VALUES ('unordered_rows', '1')")?
        .execute([])
        .map(drop)
}

/// Whether the numbers of rows have the order of the times of creation, equal ones in order of
/// identities.
pub(crate) fn has_ordered_rows(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM meta WHERE key = 'unordered_rows')")?
        .query_row([], |found| found.get(0))
}

/// The fault of the epoch of a file of version 5 or later, if there is one.
pub(crate) fn fault_of_epoch(connection: &Connection) -> rusqlite::Result<Option<&'static str>> {
    let is_epoch = |text: &String| {
        text.len() == EPOCH_DIGITS
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    Ok(match epoch(connection).optional()? {
        Some(epoch) if is_epoch(&epoch) => None,
        Some(_) => Some("its epoch is not 32 hexadecimal digits"),
        None => Some("its epoch is missing"),
    })
}
