//! A database that no other process has open, and the end of a restore that was interrupted: what
//! `restore.rs` does last, and what every process does first that opens the file.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result as IoResult};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::sqlite::files::atomic_file::rename_to_free;
use crate::sqlite::files::header::holder_of;
use crate::sqlite::files::paths::{
    COMPANIONS, FileId, modified, stamp, sync_folder_of, with_suffix,
};
use crate::sqlite::{DatabaseError, WriteLock};

/// The suffix of the copy between the moment of the restore and its end.
pub(super) const READY: &str = "-restore";
/// Longest wait for the write lock: no process holds it for long, and a server is detected by its
/// locks.
const WRITE_LOCK_WAIT_MAX: Duration = Duration::from_secs(2);
/// Most times that another file may get the name of the database while the lock is being taken.
const NAME_CHANGES_MAX: u32 = 10;
/// Most old databases with a time of the same second that are kept; more restores in a second can
/// only be a loop.
const KEPT_OF_A_SECOND_MAX: u32 = 100;

/// Refuses a file that another process has open, or writes to.
pub(crate) fn refuse_in_use(database: &Path) -> Result<(), DatabaseError> {
    Hold::take(database).map(drop)
}

/// Whether there is a database at a path, or a restore that only has to be finished for one to be
/// there.
pub fn is_there(database: &Path) -> bool {
    database.exists() || with_suffix(database, READY).exists()
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
pub(super) fn finish(database: &Path, _hold: &Hold) -> IoResult<Option<PathBuf>> {
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
pub(super) struct Hold {
    _write_lock: WriteLock,
    /// The file that has the name of the database. Closing it lets others in. `None` when there is
    /// no database.
    _file: Option<File>,
}

impl Hold {
    pub(super) fn take(database: &Path) -> Result<Self, DatabaseError> {
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
    pub(super) fn finish_leftover(&self, database: &Path) -> Result<bool, DatabaseError> {
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
    pub(super) fn again(self, database: &Path) -> Result<Self, DatabaseError> {
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
