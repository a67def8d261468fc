//! Keeps a file at rest (with no WAL beside it) at rest after it was only read.
//!
//! Every connection creates an empty WAL and a `-shm`, and leaves both behind, because a reader
//! must never checkpoint as a side effect. So a special connection, which is opened first and
//! closed last, removes them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::connection::{self, Purpose};
use super::files::paths::with_suffix;
use super::{DatabaseError, Settings};
use crate::NoObserver;

/// Whether a file has no WAL beside it. Asked before anything opens the file.
pub fn is_at_rest(path: &Path) -> bool {
    !with_suffix(path, "-wal").exists()
}

/// A connection that leaves no WAL behind. Drop it after all other connections of the process. The
/// connection runs no statements; the mutex only makes the value shareable between threads.
pub struct AtRest(Mutex<Connection>);

impl AtRest {
    /// Opens the connection to a file that is ready to be used.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub fn open(settings: &Settings) -> Result<Self, DatabaseError> {
        let connection = connection::open(settings, Purpose::Read, Arc::new(NoObserver))?;
        Ok(Self(Mutex::new(connection)))
    }
}

impl Drop for AtRest {
    fn drop(&mut self) {
        leave_at_rest(self.0.get_mut().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Makes SQLite remove an empty WAL and the `-shm` when this connection is closed and is the last
/// one of all processes. A WAL that another process has filled stays: nothing is copied as a side
/// effect.
pub(super) fn leave_at_rest(connection: &Connection) {
    if matches!(connection::look_at_wal(connection), Ok(Some(wal)) if wal.frames == 0) {
        // If this fails, the files stay, which does no harm.
        drop(connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false));
    }
}
