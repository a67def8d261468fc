//! A file that is only read, whatever version and journal mode it has: the database of a running
//! server, of a stopped one, a backup.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::NoObserver;
use crate::sqlite::at_rest::{is_at_rest, leave_at_rest};
use crate::sqlite::backup::hold;
use crate::sqlite::connection::{self, Purpose};
use crate::sqlite::files::header::Header;
use crate::sqlite::files::own_files::refuse_second_name;
use crate::sqlite::start::migrate;
use crate::sqlite::{DatabaseError, Settings};

/// A connection to a file that is only read. A file at rest is at rest again afterwards: a WAL and
/// a `-shm` that this connection created are removed with it.
pub(crate) struct SourceFile {
    connection: Connection,
    /// Whether the file is in a rollback mode: then no server can be using it.
    pub alone: bool,
    /// Whether there was no WAL before this connection.
    was_at_rest: bool,
}

impl SourceFile {
    /// Opens a file of ours of any known version and journal mode.
    ///
    /// # Errors
    ///
    /// There is no such file, or it is of another application or of a newer version, or it cannot
    /// be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        hold::finish_interrupted(path)?;
        let Some(header) = Header::read(path)? else {
            return Err(DatabaseError::missing_or_empty(path));
        };
        migrate::check_owner(path, &header)?;
        let was_at_rest = header.wal && is_at_rest(path);
        let connection = if header.wal {
            refuse_second_name(path)?;
            connection::open(&Settings::new(path), Purpose::Read, Arc::new(NoObserver))?
        } else {
            connection::open_alone(path)?
        };
        migrate::check_known(&connection, path)?;
        Ok(Self { connection, alone: !header.wal, was_at_rest })
    }
}

impl SourceFile {
    /// The connection, for what changes its settings.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Deref for SourceFile {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for SourceFile {
    fn drop(&mut self) {
        if self.was_at_rest {
            leave_at_rest(self);
        }
    }
}
