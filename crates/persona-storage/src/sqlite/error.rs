//! Driver errors in the vocabulary of the contract. Only this file and `database_error.rs` look at
//! SQLite's result codes.

use persona_model::ValidationErrors;
use rusqlite::Connection;
use rusqlite::ffi::{self, ErrorCode};

use super::system_error::{explained, told};
use crate::Error;

/// Takes a driver error into the contract's vocabulary. Never shown to clients with its text.
pub(super) fn from_driver(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed,
        ) => Error::Busy { what: "the database lock" },
        Some(ErrorCode::DiskFull) => Error::Full(Box::new(error)),
        _ if is_shortage_of_memory(&error) => Error::OutOfMemory,
        Some(ErrorCode::SystemIoFailure) if is_failed_sync(&error) => {
            Error::Unsynced(Box::new(error))
        }
        _ if is_damage(&error) || is_of_a_value(&error) => Error::Damaged(error.to_string()),
        Some(ErrorCode::SystemIoFailure) => Error::Disk(Box::new(error)),
        _ => Error::Backend(Box::new(error)),
    }
}

/// Adds the error of the system to a failure, and turns it into [`Error::Full`] if it means that
/// there is no room. Must be called before the connection has another failure.
pub(super) fn explain(connection: &Connection, error: Error) -> Error {
    match error {
        Error::Disk(cause) => match cause.downcast() {
            Ok(cause) => from_driver(explained(connection, *cause)),
            Err(cause) => Error::Disk(cause),
        },
        error => error,
    }
}

/// Adds the error of the system to the failure of a read; as [`explain`].
pub(super) fn explain_read(connection: &Connection, error: Error) -> Error {
    match error {
        Error::Disk(cause) => Error::Disk(match cause.downcast() {
            Ok(cause) => Box::new(told(connection, *cause)),
            Err(cause) => cause,
        }),
        error => error,
    }
}

/// A copy of a failure, for each of the requests that it concerns.
pub(super) fn another(error: &Error) -> Error {
    match error {
        Error::Busy { what } => Error::Busy { what },
        Error::Full(cause) => Error::Full(cause.to_string().into()),
        Error::OutOfMemory => Error::OutOfMemory,
        Error::OutcomeUnknown => Error::OutcomeUnknown,
        Error::Damaged(report) => Error::Damaged(report.clone()),
        Error::Disk(cause) => Error::Disk(cause.to_string().into()),
        Error::Unsynced(cause) => Error::Unsynced(cause.to_string().into()),
        error => Error::Backend(error.to_string().into()),
    }
}

/// Whether a column has a value that this program never writes; with strict tables, only damage can
/// be the reason.
pub(super) fn is_of_a_value(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(
        error,
        FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)
    )
}

/// Whether the bytes of the file are not what they should be.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Damage that SQLite itself cannot see, with the code that it uses for damage.
pub(super) fn damage(what: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(what))
}

/// The error for a stored document that cannot be read.
pub(super) fn damaged(invalid: &ValidationErrors) -> Error {
    Error::Damaged(format!("a stored document cannot be read: {invalid}"))
}

/// Whether memory was refused, for the program itself or for its view of the index of the WAL.
fn is_shortage_of_memory(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|sqlite| {
        matches!(
            sqlite.extended_code,
            ffi::SQLITE_NOMEM | ffi::SQLITE_IOERR_NOMEM | ffi::SQLITE_IOERR_SHMMAP
        )
    })
}

/// Whether it is unknown from now on what reached the disk: after a failed sync the kernel has
/// forgotten the pages, and a second sync would succeed without them (Rebello et al., USENIX ATC
/// 2020).
///
/// What a failed write means, and any other error of a commit, is said in `commit.rs`.
pub(super) fn is_failed_sync(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|sqlite| {
        matches!(sqlite.extended_code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::from_driver;
    use crate::Error;

    #[test]
    fn a_shortage_of_memory_is_no_fault_of_the_disk() {
        let of = |code| from_driver(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in [ffi::SQLITE_NOMEM, ffi::SQLITE_IOERR_NOMEM, ffi::SQLITE_IOERR_SHMMAP] {
            assert!(matches!(of(code), Error::OutOfMemory), "{code}");
        }
        assert!(matches!(of(ffi::SQLITE_IOERR_READ), Error::Disk(_)));
        assert!(matches!(of(ffi::SQLITE_IOERR_FSYNC), Error::Unsynced(_)));
    }
}
