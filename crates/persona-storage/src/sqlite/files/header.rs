//! A database file before it is open: its first 100 bytes (SQLite documentation, "Database File
//! Format", section 1.3), and which process has it open.
//!
//! Read with plain file calls, so only before this process opens the file with SQLite.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::access::refuse_unreadable;
use crate::sqlite::DatabaseError;

/// `PSNA`: marks a file as ours.
pub(crate) const APPLICATION_ID: u32 = 0x5053_4e41;

/// A named pipe would otherwise be waited for until another process writes into it.
const NO_WAIT: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// What the header of an existing file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    /// Whether the file is in WAL mode; any rollback-journal mode otherwise.
    pub wal: bool,
    /// Version of the schema, as of the last checkpoint.
    pub user_version: u32,
    /// The application that owns the file; 0 when none is named.
    pub application_id: u32,
}

impl Header {
    /// Reads the header; `None` when the file does not exist or is empty.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, DatabaseError> {
        let unreadable = |source| DatabaseError::Unreadable { path: path.into(), source };
        let mut bytes = [0; 100];
        let mut file = match OpenOptions::new().read(true).custom_flags(NO_WAIT).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                refuse_unreadable(path)?;
                return Err(unreadable(error));
            }
            opened => opened.map_err(unreadable)?,
        };
        let kind = file.metadata().map_err(unreadable)?.file_type();
        if kind.is_dir() {
            return Err(DatabaseError::Folder { path: path.into() });
        }
        if !kind.is_file() {
            return Err(DatabaseError::NotADatabase { path: path.into() });
        }
        match file.read(&mut bytes).map_err(unreadable)? {
            0 => return Ok(None),
            100 if bytes.starts_with(b"SQLite format 3\0") => {}
            _ => return Err(DatabaseError::NotADatabase { path: path.into() }),
        }
        let word = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Ok(Some(Self { wal: bytes[18] == 2, user_version: word(60), application_id: word(68) }))
    }
}

/// A process that holds a lock on a file, such as SQLite's on a database that is open. Must be
/// called only in a process that does not have the database open, because closing the file drops
/// the locks of the process.
pub(crate) fn holder_of(file: &File) -> std::io::Result<Option<u32>> {
    let found = fcntl_getlk(file, &Flock::from(FlockType::WriteLock))?;
    Ok(found.and_then(|lock| lock.pid).map(|pid| pid.as_raw_nonzero().get().unsigned_abs()))
}
