//! One server for one database file.
//!
//! A server bounds its workers to what one file bears, and counts, replaces and advises by what it
//! knows. A second one on the same file would bring as many workers again, which neither of them
//! sees. So the supervisor holds a lock on the database file for as long as it lives; the kernel
//! takes it back from one that is killed.
//!
//! It is a lock of `flock(2)`, which SQLite's own locks do not know and are not dropped by: the
//! supervisor has no connection.

use std::fs::{File, TryLockError};
use std::path::Path;

use persona_storage::sqlite::lock_probe::{Holder, holder_of_flock};

/// The right to serve a file, until this is dropped.
pub(super) struct Claim(#[expect(dead_code, reason = "the lock is held by the open file")] File);

/// Another server has the right.
pub(super) struct Served {
    /// Its supervisor, as far as this user may see.
    by: Option<Holder>,
}

impl Claim {
    /// Takes the right to serve a file that exists; `None` where the file system does not know such
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
    /// What the user is told.
    pub(super) fn message(&self, database: &Path) -> String {
        let by = self.by.as_ref().map_or_else(|| "another server".into(), ToString::to_string);
        format!(
            "error: {} is served already by {by}; two servers on one file would have more workers than it bears\n\
             hint: end that one first (TERM), send it TTIN for one more worker, or use another database with --database\n",
            database.display()
        )
    }
}
