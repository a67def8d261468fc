//! Restoring: a checked copy of a backup in the place of the database, and the old database beside
//! it.
//!
//! # Killed at any instruction
//!
//! 1. The backup is copied to `<database>-restore.unfinished`, and that copy is checked, switched
//!    to WAL and synced. Until here nothing of the database was touched: every reader finds the
//!    old state, and the next attempt begins anew.
//! 2. The copy is renamed to `<database>-restore`. **This is the moment of the restore.** From here
//!    on it is finished by the process that comes next: this process, another `persona restore`, or
//!    [`crate::sqlite::initialise`], which every command and every server calls before it opens the
//!    file. Every step of [`finish`] is one rename and can be repeated.
//! 3. What SQLite keeps beside the old database is renamed first: a WAL that is left beside the new
//!    database would be taken for its own and corrupt it. Then the old database itself. Nothing of
//!    it is opened, so a database that is too damaged to be opened can be replaced too, and nothing
//!    of it is deleted.
//! 4. The copy gets the name of the database.
//!
//! # Beside a running server
//!
//! A restore is refused. Every connection holds a shared lock on the database for as long as it is
//! open (SQLite documentation, "Write-Ahead Logging", section 2.3), so an exclusive lock on all of
//! it says that there is none, and keeps new ones out. The lock belongs to the file: when a
//! leftover of an earlier restore was given the name first, it is taken again on that one, and it
//! is compared with what has the name. The write lock is held too, so that no new file is made
//! meanwhile. A process that opened the old file by its name and got its lock only after the rename
//! finds that out by itself (`connection.rs`).

use std::path::{Path, PathBuf};

use super::hold::{Hold, READY, finish};
use super::snapshot;
use crate::progress::Watcher;
use crate::sqlite::DatabaseError;
use crate::sqlite::check::{CheckReport, SourceFile};
use crate::sqlite::files::access::refuse_unwritable;
use crate::sqlite::files::atomic_file::AtomicFile;
use crate::sqlite::files::own_files::{refuse_own_files, refuse_second_name};
use crate::sqlite::files::paths::with_suffix;
use crate::sqlite::journal_mode::to_wal_mode;
use crate::sqlite::start::library;

/// A finished restore.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoreReport {
    /// The content of the database now.
    pub content: CheckReport,
    /// The path of the old database; `None` when there was none.
    pub kept: Option<PathBuf>,
}

/// Puts the content of a backup in the place of a database. With `dry_run` everything but the
/// replacement is done.
///
/// Must be called before anything else in this process opens either file.
///
/// # Errors
///
/// The backup is damaged, of another application or too new; the database is in use; there is no
/// space. Nothing was changed.
pub fn restore(
    file: &Path,
    database: &Path,
    dry_run: bool,
    watcher: &mut Watcher<'_>,
) -> Result<RestoreReport, DatabaseError> {
    library::check_library()?;
    refuse_second_name(database)?;
    refuse_own_files(database, file)?;
    refuse_unwritable(database)?;
    let unwritable = |source| DatabaseError::from_file(database, source);
    // The backup is opened before the write lock is created, so that a missing backup leaves no
    // file beside the database.
    let source = SourceFile::open(file)?;
    // An earlier restore that was killed comes first: its copy has the name that this one needs.
    let mut hold = Hold::take(database)?;
    if hold.finish_leftover(database)? {
        hold = hold.again(database)?;
    }
    let ready = with_suffix(database, READY);
    let copy = AtomicFile::create(&ready, database).map_err(unwritable)?;
    let content = snapshot::copy_checked(file, &source, copy.path(), watcher)?;
    to_wal_mode(copy.path())?;
    let kept = if dry_run {
        None
    } else {
        copy.finish(false).map_err(unwritable)?;
        finish(database, &hold).map_err(unwritable)?
    };
    Ok(RestoreReport { content, kept })
}
