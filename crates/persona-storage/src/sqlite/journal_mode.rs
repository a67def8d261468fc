//! The journal mode of a file, and how it is switched.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::sqlite::DatabaseError;

/// Switches the mode and tells which one there is now. What was switched is committed when the
/// statement ends, so an error of that comes behind the row with the mode.
pub(crate) fn set_mode(connection: &Connection, mode: &str) -> rusqlite::Result<String> {
    let mut statement = connection.prepare(&format!("PRAGMA journal_mode = {mode}"))?;
    let mut rows = statement.query([])?;
    let mut now = String::new();
    while let Some(row) = rows.next()? {
        now = row.get(0)?;
    }
    Ok(now)
}

/// Switches a copy to a rollback mode; the copy of a file in WAL mode is in WAL mode too.
pub(crate) fn to_rollback_mode(path: &Path) -> rusqlite::Result<()> {
    switch(path, "delete")
}

/// Switches a file that no other process has open to WAL; afterwards it is one complete file.
pub(crate) fn to_wal_mode(path: &Path) -> Result<(), DatabaseError> {
    switch(path, "wal").map_err(|error| DatabaseError::from_driver(path, error))
}

fn switch(path: &Path, mode: &str) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    let now = set_mode(&connection, mode)?;
    debug_assert_eq!(now, mode, "no other process has the file open");
    // Closing the last connection checkpoints the WAL and removes it.
    connection.close().map_err(|(_, error)| error)
}
