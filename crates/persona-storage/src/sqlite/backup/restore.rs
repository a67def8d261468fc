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

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result as IoResult};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use super::snapshot;
use crate::sqlite::check::{CheckReport, SourceFile};
use crate::sqlite::files::access::refuse_unwritable;
use crate::sqlite::files::atomic_file::{AtomicFile, rename_to_free};
use crate::sqlite::files::header::holder_of;
use crate::sqlite::files::own_files::{refuse_own_files, refuse_second_name};
use crate::sqlite::files::paths::sync_folder_of;
use crate::sqlite::files::paths::{COMPANIONS, FileId, modified, stamp, with_suffix};
use crate::sqlite::progress::Watcher;
use crate::sqlite::start::library;
use crate::sqlite::{DatabaseError, WriteLock};

/// The suffix of the copy between the moment of the restore and its end.
const READY: &str = "-restore";
/// Longest wait for the write lock: no process holds it for long, and a server is detected by its
/// locks.
const WRITE_LOCK_WAIT_MAX: Duration = Duration::from_secs(2);
/// Most times that another file may get the name of the database while the lock is being taken.
const NAME_CHANGES_MAX: u32 = 10;
/// Most old databases with a time of the same second that are kept; more restores in a second can
/// only be a loop.
const KEPT_OF_A_SECOND_MAX: u32 = 100;

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
    snapshot::to_wal_mode(copy.path())?;
    let kept = if dry_run {
        None
    } else {
        copy.finish(false).map_err(unwritable)?;
        finish(database, &hold).map_err(unwritable)?
    };
    Ok(RestoreReport { content, kept })
}

/// Refuses a file that another process has open, or writes to.
pub(crate) fn refuse_in_use(database: &Path) -> Result<(), DatabaseError> {
    Hold::take(database).map(drop)
}

/// Whether there is a database at a path, or a restore that only has to be finished for one to be
/// there.
pub fn is_there(database: &Path) -> bool {
    database.exists() || is_there_unfinished(database)
}

/// Whether a restore only has to be finished for a database to be there.
pub(crate) fn is_there_unfinished(database: &Path) -> bool {
    with_suffix(database, READY).exists()
}

/// Finishes the restore of a process that was killed after the moment of the restore.
pub(crate) fn finish_interrupted(database: &Path) -> Result<(), DatabaseError> {
    if !with_suffix(database, READY).exists() {
        return Ok(());
    }
    // The caller then opens the file with this name, like any other process.
    Hold::take(database)?.finish_leftover(database).map(drop)
}

/// Gives the copy, if there is one, the name of the database; the old one is renamed. Returns the
/// path of the old one.
fn finish(database: &Path, _hold: &Hold) -> IoResult<Option<PathBuf>> {
    let ready = with_suffix(database, READY);
    if !ready.exists() {
        return Ok(None);
    }
    let old: Vec<&str> = COMPANIONS
        .into_iter()
        .chain([""])
        .filter(|suffix| with_suffix(database, suffix).exists())
        .collect();
    let mut kept = None;
    if let Some(last) = old.last() {
        // After an interruption the name is the same again, because only companions were moved and
        // the database has not changed.
        let base = free_name(database, &modified(&with_suffix(database, last)).map(stamp)?)?;
        for suffix in &old {
            rename_to_free(&with_suffix(database, suffix), &with_suffix(&base, suffix))?;
            sync_folder_of(database)?;
        }
        kept = last.is_empty().then_some(base);
    }
    rename_to_free(&ready, database)?;
    sync_folder_of(database)?;
    Ok(kept)
}

fn free_name(database: &Path, stamp: &str) -> IoResult<PathBuf> {
    let name = |number: u32| match number {
        1 => with_suffix(database, &format!("-replaced-{stamp}")),
        number => with_suffix(database, &format!("-replaced-{stamp}-{number}")),
    };
    (1..=KEPT_OF_A_SECOND_MAX)
        .map(name)
        .find(|name| !name.exists())
        .ok_or_else(|| ErrorKind::AlreadyExists.into())
}

/// No other process has the database open, and none can open it, for as long as this lives.
struct Hold {
    _write_lock: WriteLock,
    /// The file that has the name of the database. Closing it lets others in. `None` when there is
    /// no database.
    _file: Option<File>,
}

impl Hold {
    fn take(database: &Path) -> Result<Self, DatabaseError> {
        let unusable = |source| DatabaseError::from_file(database, source);
        let write_lock = WriteLock::open(database).map_err(unusable)?;
        match write_lock.lock_until(Instant::now() + WRITE_LOCK_WAIT_MAX).map_err(unusable)? {
            // Held until the write lock is closed with this value.
            Some(guard) => std::mem::forget(guard),
            None => return Err(DatabaseError::InUse { path: database.into(), pid: None }),
        }
        Ok(Self { _write_lock: write_lock, _file: lock_what_has_the_name(database)? })
    }

    /// Finishes the restore of a process that was killed after the moment of the restore, and
    /// returns whether there was one. If so, another file has the name of the database now, and
    /// this value does not lock it.
    fn finish_leftover(&self, database: &Path) -> Result<bool, DatabaseError> {
        if !with_suffix(database, READY).exists() {
            return Ok(false);
        }
        let kept =
            finish(database, self).map_err(|source| DatabaseError::from_file(database, source))?;
        let kept = kept.as_deref().map(Path::display).map(tracing::field::display);
        tracing::warn!(
            kept,
            "finished a restore that was interrupted; the database before it was kept"
        );
        Ok(true)
    }

    /// Locks the file that has the name of the database now.
    ///
    /// # Errors
    ///
    /// Another process opened the file in between. The file is complete, and in use.
    fn again(self, database: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { _file: lock_what_has_the_name(database)?, ..self })
    }
}

/// Locks the file that has the name of the database; `None` when none has.
fn lock_what_has_the_name(database: &Path) -> Result<Option<File>, DatabaseError> {
    let unusable = |source| DatabaseError::from_file(database, source);
    for _ in 0..NAME_CHANGES_MAX {
        let file = match OpenOptions::new().read(true).write(true).open(database) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error)),
        };
        match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => {
                return Err(DatabaseError::InUse {
                    path: database.into(),
                    pid: holder_of(&file).unwrap_or_default(),
                });
            }
            Err(error) => return Err(unusable(error.into())),
        }
        // Between opening and locking, another file can have been given the name.
        let is_it =
            FileId::of_file(&file).and_then(|locked| Ok(FileId::of(database)? == Some(locked)));
        if is_it.map_err(unusable)? {
            return Ok(Some(file));
        }
    }
    Err(DatabaseError::InUse { path: database.into(), pid: None })
}
