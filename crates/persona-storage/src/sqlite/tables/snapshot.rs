//! Statements that must see the same state.

use rusqlite::Connection;

/// Runs statements that belong together in one read transaction, or in the transaction that is
/// open. Without it a purge could remove what one statement has found before the next one reads
/// it, which would look like damage.
pub(crate) fn in_one_snapshot<T>(
    connection: &Connection,
    read: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    if !connection.is_autocommit() {
        return read();
    }
    let _snapshot = connection.unchecked_transaction()?;
    read()
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
