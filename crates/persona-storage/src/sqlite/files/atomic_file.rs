//! A file that is made under a temporary name and gets its final name when it is complete.
//!
//! So at every moment there is either no file of that name, or the old one, or the new one as a
//! whole. The unfinished file is locked while a process works on it: the remains of a killed
//! attempt are reused, and the file of a running attempt is not touched.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::ownership::open_or_make;
use super::paths::{COMPANIONS, FileId, with_suffix};
use crate::sqlite::files::paths::sync_folder_of;

/// What is added to the name of the file until it is complete.
pub(crate) const SUFFIX: &str = ".unfinished";

/// An unfinished file. Dropping the value removes the file.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    path: PathBuf,
    target: PathBuf,
    /// Holds the lock. It is closed only after SQLite has closed the file, because closing drops
    /// SQLite's locks too.
    file: File,
    finished: bool,
}

impl AtomicFile {
    /// Starts a file that is to become `target`, empty, with the owner and the mode of the database
    /// that it is made of or for.
    pub(crate) fn create(target: &Path, database: &Path) -> Result<Self> {
        let file = Self::resume(target, database)?;
        file.file.set_len(0)?;
        Ok(file)
    }

    /// Opens the unfinished file of an earlier attempt with its content, or a new one.
    pub(crate) fn resume(target: &Path, database: &Path) -> Result<Self> {
        Self::lock(target, |path| open_or_make(path, database))
    }

    /// Removes what an earlier attempt left, with what SQLite left beside it, and tells whether
    /// there was something. What another process is still making stays.
    pub(crate) fn remove_abandoned(target: &Path) -> Result<bool> {
        match Self::lock(target, |path| OpenOptions::new().read(true).write(true).open(path)) {
            // Dropping it removes it.
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ResourceBusy) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens the unfinished file and takes its lock.
    fn lock(target: &Path, open: impl FnOnce(&Path) -> Result<File>) -> Result<Self> {
        let path = with_suffix(target, SUFFIX);
        let file = open(&path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::ResourceBusy,
                    "another process is making this file",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        // Between opening and locking, another one may have finished the file and given it its own
        // name.
        if FileId::of(&path)? != Some(FileId::of_file(&file)?) {
            return Err(Error::new(
                ErrorKind::ResourceBusy,
                "another process was making this file",
            ));
        }
        Ok(Self { path, target: target.into(), file, finished: false })
    }

    /// Empties the file, and removes what SQLite left beside it. No process has it open.
    pub(crate) fn clear(&mut self) -> Result<()> {
        for suffix in COMPANIONS {
            match std::fs::remove_file(with_suffix(&self.path, suffix)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file.set_len(0)
    }

    /// From now on, dropping the value keeps the file, so that a later attempt can go on.
    pub(crate) fn keep(&mut self) {
        self.finished = true;
    }

    /// The temporary path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub(crate) fn bytes(&self) -> Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    /// Syncs the file and gives it its final name. Fails when that name is taken, unless `replace`
    /// is set.
    pub(crate) fn finish(mut self, replace: bool) -> Result<()> {
        self.file.sync_all()?;
        if replace {
            std::fs::rename(&self.path, &self.target)?;
        } else {
            rename_to_free(&self.path, &self.target)?;
        }
        self.finished = true;
        sync_folder_of(&self.target)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.finished {
            // If it stays, the next attempt uses it.
            for suffix in COMPANIONS.into_iter().chain([""]) {
                let _ = std::fs::remove_file(with_suffix(&self.path, suffix));
            }
        }
    }
}

/// Renames a file, and fails when the new name is taken.
pub(crate) fn rename_to_free(from: &Path, to: &Path) -> Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not support this kind of rename, so the name is checked before an
        // ordinary rename.
        Err(rustix::io::Errno::INVAL) if to.symlink_metadata().is_err() => {
            std::fs::rename(from, to)
        }
        Err(rustix::io::Errno::INVAL) => Err(ErrorKind::AlreadyExists.into()),
        renamed => Ok(renamed?),
    }
}
