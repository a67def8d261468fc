//! Names of files beside a database, folders of files, and which file lies at a path.
//!
//! [`sync_folder_of`] opens a folder. Everything else asks by name (`stat(2)`) and opens nothing,
//! so it is safe in a process in which SQLite has the file open.

use std::fs::File;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use persona_model::Timestamp;

/// The endings of the files that SQLite keeps beside a database. Each file belongs to the database
/// that it was written for, and to no other one.
pub(crate) const COMPANIONS: [&str; 3] = ["-wal", "-journal", "-shm"];

/// The identity of a file to the kernel, whatever its name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file at a path; `None` when there is none. The file is not opened.
    ///
    /// # Errors
    ///
    /// The path cannot be looked up.
    pub fn of(path: &Path) -> Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self { device: metadata.dev(), inode: metadata.ino() })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The inode, as the kernel's table of locks names a file.
    pub(crate) fn inode(self) -> u64 {
        self.inode
    }

    /// The identity of an open file.
    pub(crate) fn of_file(file: &File) -> Result<Self> {
        file.metadata().map(|metadata| Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// A path with a suffix added to its last part, such as `-wal`.
#[must_use]
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes a new or renamed entry of a folder survive a power cut.
pub(crate) fn sync_folder_of(path: &Path) -> Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// The time at which the file at a path was last written.
pub(crate) fn modified(path: &Path) -> Result<Timestamp> {
    let since = std::fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
}

/// A time as a part of a file name: to the second, in UTC. The order of such names is the order of
/// the times.
pub(crate) fn stamp(time: Timestamp) -> String {
    let text = time.to_string();
    let to_the_second = text.split('.').next().unwrap_or_default();
    let digits: String = to_the_second.chars().filter(|char| !matches!(char, '-' | ':')).collect();
    digits + "Z"
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;

    #[test]
    fn a_stamp_has_only_digits_and_two_letters() {
        assert_eq!(super::stamp(Timestamp::from_micros(1_795_521_600_999_999)), "20261124T120000Z");
    }
}
