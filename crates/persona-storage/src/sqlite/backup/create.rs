//! Backups: one consistent snapshot of a live file, as one complete file that was checked before it
//! got its name.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::snapshot;
use crate::progress::Watcher;
use crate::sqlite::DatabaseError;
use crate::sqlite::check::{CheckReport, SourceFile};
use crate::sqlite::files::atomic_file::AtomicFile;
use crate::sqlite::files::own_files::{real_path, refuse_own_files};
use crate::sqlite::start::library;

/// A finished backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupReport {
    /// The path of the backup.
    pub file: PathBuf,
    /// The size of the backup in bytes.
    pub bytes: u64,
    /// The report of the check of the finished copy, which found no problem.
    pub content: CheckReport,
    /// How long it took.
    pub took: Duration,
}

/// Copies a file of ours, also beside a running server; its writers and readers go on.
///
/// Must be called before anything else in this process opens the database, as
/// [`crate::sqlite::check`].
///
/// # Errors
///
/// The database or the folder of the backup cannot be used, the backup exists already and must not
/// be replaced, or the database is damaged. Then no backup is made and older ones stay.
pub fn back_up(
    database: &Path,
    file: &Path,
    replace: bool,
    watcher: &mut Watcher<'_>,
) -> Result<BackupReport, DatabaseError> {
    library::check_library()?;
    let file = real_path(file).map_err(|source| DatabaseError::from_file(file, source))?;
    let source = SourceFile::open(database)?;
    back_up_from(&source, database, &file, replace, watcher)
}

/// Makes a backup through an open connection.
pub(crate) fn back_up_from(
    source: &Connection,
    database: &Path,
    file: &Path,
    replace: bool,
    watcher: &mut Watcher<'_>,
) -> Result<BackupReport, DatabaseError> {
    let began = Instant::now();
    refuse_own_files(database, file)?;
    if file.is_dir() {
        return Err(DatabaseError::Folder { path: file.into() });
    }
    if !replace && file.symlink_metadata().is_ok() {
        return Err(DatabaseError::Exists { path: file.into() });
    }
    let unwritable = |source| DatabaseError::from_file(file, source);
    let copy = AtomicFile::create(file, database).map_err(unwritable)?;
    let content = snapshot::copy_checked(database, source, copy.path(), watcher)?;
    let bytes = copy.bytes().map_err(unwritable)?;
    copy.finish(replace).map_err(unwritable)?;
    Ok(BackupReport { file: file.into(), bytes, content, took: began.elapsed() })
}
