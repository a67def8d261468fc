//! A lock that allows only one server for a database file.
//!
//! A server limits its workers to what one file can serve. A second server on the same file would
//! double the workers, and neither server would know of the other's. So the supervisor holds a lock
//! on the database file as long as it lives; the kernel releases it when the supervisor is killed.
//!
//! The lock is one of `flock(2)`, which does not interfere with SQLite's own locks. Closing the
//! descriptor drops no lock of SQLite, because the supervisor has no connection to the database.

use std::fs::{File, TryLockError};
use std::path::Path;

use persona_storage::sqlite::lock_probe::{Holder, holder_of_flock};

/// The right to serve a file, which is released when the value is dropped.
pub(super) struct Claim(#[expect(dead_code, reason = "the lock is held by the open file")] File);

/// The error that another server serves the file.
pub(super) struct Served {
    /// The supervisor of that server, if the system lets this user see it.
    by: Option<Holder>,
}

impl Claim {
    /// Takes the right to serve a file that exists; `None` if the file system does not support such
    /// locks.
    pub(super) fn take(database: &Path) -> Result<Option<Self>, Served> {
        let locked = File::open(database)
            .map_err(TryLockError::Error)
            .and_then(|file| file.try_lock().map(|()| file));
        match locked {
            Ok(file) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Err(Served { by: holder_of_flock(database) }),
            Err(TryLockError::Error(error)) => {
                tracing::warn!(error = %error, "a second server on this database would not be noticed");
                Ok(None)
            }
        }
    }
}

impl Served {
    /// The message for the user.
    pub(super) fn message(&self, database: &Path) -> String {
        let by = self.by.as_ref().map_or_else(|| "another server".into(), ToString::to_string);
        format!(
            "error: {} is served already by {by}; two servers on one file would have more workers than it bears\n\
             hint: end that one first (TERM), send it TTIN for one more worker, or use another database with --database\n",
            database.display()
        )
    }
}
