//! Checks that the open files are still the ones at their paths.
//!
//! A user may remove the WAL of a running server, or put another file in the place of the database.
//! Processes that have the files open go on with the old files and notice nothing; later processes
//! open the new files, and writes to the old files are lost when the last process closes them.
//! Processes with different files of the write lock do not exclude each other.

use std::io::Result;
use std::path::{Path, PathBuf};

use super::paths::{FileId, with_suffix};
use crate::sqlite::WriteLock;

/// The database and what belongs to it, as they were when they were opened.
pub(crate) struct FileWatch {
    files: Vec<(PathBuf, Option<FileId>)>,
}

impl FileWatch {
    /// Remembers the files of a database that this process has just opened, its write lock
    /// included.
    pub(crate) fn of(database: &Path) -> Result<Self> {
        let paths =
            ["", "-wal", "-shm", WriteLock::SUFFIX].map(|suffix| with_suffix(database, suffix));
        let files =
            paths.into_iter().map(|path| FileId::of(&path).map(|identity| (path, identity)));
        Ok(Self { files: files.collect::<Result<_>>()? })
    }

    /// The first file that was removed or replaced.
    pub(crate) fn lost(&self) -> Option<&Path> {
        // A path that cannot be looked up proves nothing about its file.
        self.files
            .iter()
            .find(|(path, known)| FileId::of(path).is_ok_and(|now| now != *known))
            .map(|(path, _)| path.as_path())
    }
}
