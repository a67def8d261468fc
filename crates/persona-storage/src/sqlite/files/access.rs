//! Whether this process may read a database or write to it, asked before anything is opened.
//!
//! SQLite silently opens a file without write permission for reading only, and the first write
//! fails. So every command that writes asks the system first, by name (`access(2)`), which opens
//! nothing.

use std::path::Path;

use rustix::fs::Access;

use super::obstacle::Obstacle;
use super::paths::{COMPANIONS, with_suffix};
use crate::sqlite::files::paths::folder_of;
use crate::sqlite::{DatabaseError, WriteLock};

/// Refuses a database that this process may not read: the folder, the file, or one of the files of
/// SQLite beside it. A database that does not exist is not refused.
///
/// # Errors
///
/// [`DatabaseError::NotReadable`], which names the first unreadable one and has a hint.
pub fn refuse_unreadable(database: &Path) -> Result<(), DatabaseError> {
    let companions = COMPANIONS.into_iter().map(|suffix| with_suffix(database, suffix));
    let files =
        [database.to_path_buf()].into_iter().chain(companions).map(|path| (path, Access::READ_OK));
    let folder = (folder_of(database).to_path_buf(), Access::EXEC_OK);
    for (path, wanted) in [folder].into_iter().chain(files) {
        if let Some(obstacle) = Obstacle::of(&path, wanted) {
            return Err(DatabaseError::NotReadable { path, obstacle });
        }
    }
    Ok(())
}

/// Refuses a database that this process may not write to: the file, its folder, in which the WAL
/// and the write lock are made, or one of those that are there already. A database that does not
/// exist yet needs its folder only.
///
/// # Errors
///
/// [`DatabaseError::NotWritable`], which names the first unwritable one and has a hint.
pub fn refuse_unwritable(database: &Path) -> Result<(), DatabaseError> {
    let write_lock = WriteLock::path(database);
    let companions = COMPANIONS.into_iter().map(|suffix| with_suffix(database, suffix));
    let files = [database.to_path_buf(), write_lock]
        .into_iter()
        .chain(companions)
        .map(|path| (path, Access::READ_OK | Access::WRITE_OK));
    let folder = (folder_of(database).to_path_buf(), Access::WRITE_OK | Access::EXEC_OK);
    for (path, wanted) in files.chain([folder]) {
        if let Some(obstacle) = Obstacle::of(&path, wanted) {
            return Err(DatabaseError::NotWritable { path, obstacle });
        }
    }
    Ok(())
}
