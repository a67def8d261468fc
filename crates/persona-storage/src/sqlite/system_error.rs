//! The number that the system gave to the last failure of a connection (`errno`), and the shortages that only it tells.
//!
//! A disk has no room in three ways: it is full (`ENOSPC`), a quota is used up (`EDQUOT`), or a limit on the size of files is
//! reached (`EFBIG`). SQLite has a result code for the first way alone. The other two are `SQLITE_IOERR_WRITE`, as a broken
//! disk is, although they end by themselves once there is room. So each failed call to the system is looked at here.

use std::io;

use rusqlite::ffi::{self, ErrorCode};
use rusqlite::{Connection, Error};
use rustix::io::Errno;

/// The same error with what the system said, and as `SQLITE_FULL` where that means that there is no room.
///
/// To be called before anything else is done with the connection: each further failure replaces the number.
pub(super) fn explained(connection: &Connection, error: Error) -> Error {
    match error {
        Error::SqliteFailure(code, said) if is_of_the_system(code) => match errno_of(connection) {
            Some(errno) => with_errno(code, said, errno),
            None => Error::SqliteFailure(code, said),
        },
        error => error,
    }
}

/// Whether SQLite notes a number of the system for this code: `sqlite3SystemError` in `sqlite3.c`. A read that met the end
/// of a file is no failed call.
fn is_of_the_system(code: ffi::Error) -> bool {
    matches!(code.code, ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)
        && !matches!(code.extended_code, ffi::SQLITE_IOERR_NOMEM | ffi::SQLITE_IOERR_SHORT_READ)
}

fn with_errno(code: ffi::Error, said: Option<String>, errno: i32) -> Error {
    let code = if is_shortage(code.extended_code, errno) { ffi::Error::new(ffi::SQLITE_FULL) } else { code };
    let said = said.unwrap_or_else(|| "disk I/O error".into());
    Error::SqliteFailure(code, Some(format!("{said}: {}", io::Error::from_raw_os_error(errno))))
}

/// Whether a write failed for want of room. A failed sync is none, whatever its number: what the disk has is unknown then.
fn is_shortage(code: i32, errno: i32) -> bool {
    let is_write = matches!(code, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_TRUNCATE | ffi::SQLITE_IOERR_SHMSIZE);
    is_write && [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].iter().any(|it| it.raw_os_error() == errno)
}

/// The number of the last failed call to the system; `None` where there was none.
fn errno_of(connection: &Connection) -> Option<i32> {
    // SAFETY: the connection is open as long as it is borrowed, and is not used by another thread meanwhile, because it is not
    // `Sync`. The function reads one number of it (SQLite documentation, `sqlite3_system_errno`).
    #[expect(unsafe_code, reason = "the driver does not tell the number of the system's error")]
    let errno = unsafe { ffi::sqlite3_system_errno(connection.handle()) };
    (errno != 0).then_some(errno)
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi::{self, ErrorCode};
    use rustix::io::Errno;

    use super::with_errno;

    #[test]
    fn a_quota_and_a_limit_on_the_size_of_files_are_a_full_disk_and_a_broken_disk_or_a_failed_sync_is_none() {
        let of = |code, errno: Errno| with_errno(ffi::Error::new(code), Some("disk I/O error".into()), errno.raw_os_error());
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            for code in [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_TRUNCATE, ffi::SQLITE_IOERR_SHMSIZE] {
                assert_eq!(of(code, errno).sqlite_error_code(), Some(ErrorCode::DiskFull), "{code} with {errno}");
            }
            assert_eq!(of(ffi::SQLITE_IOERR_FSYNC, errno).sqlite_error_code(), Some(ErrorCode::SystemIoFailure), "{errno}");
        }
        let broken = of(ffi::SQLITE_IOERR_WRITE, Errno::IO);
        assert_eq!(broken.sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
        assert!(broken.to_string().ends_with("Input/output error (os error 5)"), "{broken}");
    }
}
