//! Switches files to WAL mode, and copies a file before it is changed.
//!
//! Killable at any instruction: the copy is made under another name, checked, synced and renamed
//! before the file itself is touched, and the switch is one change of two bytes that SQLite makes
//! in a transaction of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::sqlite::DatabaseError;
use crate::sqlite::connection::open_unconfigured;
use crate::sqlite::files::atomic_file::AtomicFile;
use crate::sqlite::files::paths::with_suffix;
use crate::sqlite::journal_mode::{set_mode, to_rollback_mode};

/// Pages that the copy takes at a time; no other process has the file open, so this only bounds the
/// memory.
const COPY_PAGES: i32 = 1024;

/// Switches a file to WAL, reads the mode back from a second connection, and tells which mode it
/// was in before.
///
/// A file that is in WAL mode already is only read.
pub(crate) fn to_wal(path: &Path, wait: Duration) -> Result<Option<String>, DatabaseError> {
    let failed = |error| DatabaseError::from_driver(path, error);
    let before = {
        let connection = open_unconfigured(path, wait)?;
        let before = mode_of(&connection).map_err(failed)?;
        if before != "wal" {
            // Outside any transaction: inside one the switch is refused without an error.
            let now = set_mode(&connection, "wal")
                .map_err(|error| DatabaseError::from_connection(path, &connection, error))?;
            if now != "wal" {
                return Err(DatabaseError::NotWal { path: path.into(), mode: now });
            }
        }
        before
    };
    let second = open_unconfigured(path, wait)?;
    match mode_of(&second).map_err(failed)?.as_str() {
        "wal" => Ok((before != "wal").then_some(before)),
        mode => Err(DatabaseError::NotWal { path: path.into(), mode: mode.into() }),
    }
}

fn mode_of(connection: &Connection) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
}

/// Lets SQLite take a file back to before the transaction in which another program was killed, if
/// there was one.
pub(crate) fn roll_back(path: &Path, wait: Duration) -> Result<(), DatabaseError> {
    let connection = open_unconfigured(path, wait)?;
    // Any statement that reads the first page does it.
    connection
        .pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))
        .map(drop)
        .map_err(|error| DatabaseError::from_driver(path, error))
}

/// Copies a file to `<name>-before-<change>`, checks the copy, and tells where it is. It is one
/// complete file.
///
/// A hot journal of a killed program is rolled back first, as by any program that opens the file.
pub(crate) fn back_up(path: &Path, change: &str, wait: Duration) -> Result<PathBuf, DatabaseError> {
    let target = with_suffix(path, &format!("-before-{change}"));
    let unwritable = |source| DatabaseError::from_file(&target, source);
    let unfinished = AtomicFile::create(&target, path).map_err(unwritable)?;
    // Damage in the copy is damage of the original, so the error names the original.
    let failed = |error| DatabaseError::from_driver(path, error);
    copy(path, unfinished.path(), wait).map_err(failed)?;
    to_rollback_mode(unfinished.path()).map_err(failed)?;
    let report = integrity_of(unfinished.path()).map_err(failed)?;
    if report != "ok" {
        return Err(DatabaseError::Damaged { path: path.into(), report });
    }
    unfinished.finish(true).map_err(unwritable)?;
    Ok(target)
}

fn copy(from: &Path, to: &Path, wait: Duration) -> rusqlite::Result<()> {
    let source = Connection::open_with_flags(
        from,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    source.busy_timeout(wait)?;
    let mut target = Connection::open(to)?;
    let backup = Backup::new(&source, &mut target)?;
    loop {
        match backup.step(COPY_PAGES)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // The wait for the lock is over; its holder does not release it.
            _ => {
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                    None,
                ));
            }
        }
    }
}

/// The result of SQLite's full check of a file; "ok" for a sound file.
fn integrity_of(path: &Path) -> rusqlite::Result<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)?
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
}
