//! Which file lies at a path: names beside a database, and whether a file is still the one that was
//! opened.
//!
//! Everything here asks by name (`stat(2)`) and opens nothing, so it is safe in a process that has
//! the file open.

use std::fs::File;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use persona_model::Timestamp;

/// What SQLite keeps beside a database; each belongs to the database that it was written for and to
/// no other one.
pub(crate) const COMPANIONS: [&str; 3] = ["-wal", "-journal", "-shm"];

/// A file as the kernel knows it, whatever its name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The file at a path; `None` when there is none.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self { device: metadata.dev(), inode: metadata.ino() })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An open file.
    pub(crate) fn of_file(file: &File) -> Result<Self> {
        file.metadata().map(|metadata| Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// A path with something added to its last part.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// When the file at a path was last written.
pub(crate) fn modified(path: &Path) -> Result<Timestamp> {
    let since = std::fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
}

/// A time for names of files: to the second, in UTC, and such that the order of names is the order
/// of times.
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
    fn stamps_are_times_without_what_file_systems_do_not_like() {
        assert_eq!(super::stamp(Timestamp::from_micros(1_795_521_600_999_999)), "20261124T120000Z");
    }
}
