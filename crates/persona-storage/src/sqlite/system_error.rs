//! The number that the system gave to the last failure of a connection (`errno`), and the shortages
//! that only it tells.
//!
//! A disk has no room in three ways: it is full (`ENOSPC`), a quota is used up (`EDQUOT`), or a
//! limit on the size of files is reached (`EFBIG`). SQLite has a result code for the first way
//! alone. The other two are `SQLITE_IOERR_WRITE`, as a broken disk is, although they end by
//! themselves once there is room. So each failed call to the system is looked at here.

use std::io;

use rusqlite::ffi::{self, ErrorCode};
use rusqlite::{Connection, Error};
use rustix::io::Errno;

/// Adds the error of the system to an error, and turns it into `SQLITE_FULL` if it means that there
/// is no room.
///
/// Must be called before anything else is done with the connection, because each further failure
/// replaces the number.
pub(super) fn explained(connection: &Connection, error: Error) -> Error {
    match told(connection, error) {
        Error::SqliteFailure(code, said)
            if errno_of(connection).is_some_and(|errno| is_shortage(code.extended_code, errno)) =>
        {
            Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), said)
        }
        error => error,
    }
}

/// Adds the error of the system to an error without changing its code, for reads: a read needs no
/// room, so it is never answered that there is none.
pub(super) fn told(connection: &Connection, error: Error) -> Error {
    match (error, errno_of(connection)) {
        (Error::SqliteFailure(code, said), Some(errno)) if is_of_the_system(code) => {
            let said = said.unwrap_or_else(|| "disk I/O error".into());
            Error::SqliteFailure(
                code,
                Some(format!("{said}: {}", io::Error::from_raw_os_error(errno))),
            )
        }
        (error, _) => error,
    }
}

/// Whether SQLite notes a number of the system for this code: `sqlite3SystemError` in `sqlite3.c`.
/// A read at the end of a file is no failed call.
fn is_of_the_system(code: ffi::Error) -> bool {
    matches!(code.code, ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)
        && !matches!(code.extended_code, ffi::SQLITE_IOERR_NOMEM | ffi::SQLITE_IOERR_SHORT_READ)
}

/// Whether a write failed for lack of room. A failed sync never counts, whatever its number,
/// because the state of the disk is unknown then.
fn is_shortage(code: i32, errno: i32) -> bool {
    let is_write = matches!(
        code,
        ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_TRUNCATE | ffi::SQLITE_IOERR_SHMSIZE
    );
    is_write
        && [Errno::NOSPC, Errno::DQUOT, Errno::FBIG]
            .iter()
            .any(|shortage| shortage.raw_os_error() == errno)
}

/// The number of the last failed call to the system; `None` where there was none.
fn errno_of(connection: &Connection) -> Option<i32> {
    // SAFETY: the connection is open as long as it is borrowed, and is not used by another thread
    // meanwhile, because it is not `Sync`. The function reads one number of it (SQLite
    // documentation, `sqlite3_system_errno`).
    #[expect(unsafe_code, reason = "the driver does not tell the number of the system's error")]
    let errno = unsafe { ffi::sqlite3_system_errno(connection.handle()) };
    (errno != 0).then_some(errno)
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;
    use rustix::io::Errno;

    use super::is_shortage;

    #[test]
    fn a_quota_and_a_limit_on_the_size_of_files_are_shortages_and_a_broken_disk_or_a_failed_sync_is_none()
     {
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].map(Errno::raw_os_error) {
            for code in
                [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_TRUNCATE, ffi::SQLITE_IOERR_SHMSIZE]
            {
                assert!(is_shortage(code, errno), "{code} with {errno}");
            }
            for code in
                [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_IOERR_READ]
            {
                assert!(!is_shortage(code, errno), "{code} with {errno}");
            }
        }
        assert!(!is_shortage(ffi::SQLITE_IOERR_WRITE, Errno::IO.raw_os_error()));
    }
}
