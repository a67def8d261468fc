//! Driver errors in the vocabulary of the contract. The only place that looks at SQLite's result codes.

use std::path::PathBuf;

use persona_model::Invalid;
use rusqlite::ffi::{self, ErrorCode};

use crate::Error;

/// Why the file cannot be used. It was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The linked SQLite can lose committed transactions.
    #[error("the linked SQLite {version} has the WAL-reset bug and can lose committed data")]
    UnsafeLibrary {
        /// Its version.
        version: &'static str,
    },
    /// The file is no SQLite database.
    #[error("{} is not a SQLite database", path.display())]
    NotADatabase {
        /// Which file.
        path: PathBuf,
    },
    /// The file is a SQLite database of another application.
    #[error("{} belongs to another application ({owner})", path.display())]
    ForeignApplication {
        /// Which file.
        path: PathBuf,
        /// What it says of itself.
        owner: String,
    },
    /// A newer version of this program wrote the file.
    #[error("{} has schema version {found}, this program knows up to {known}", path.display())]
    NewerSchema {
        /// Which file.
        path: PathBuf,
        /// The file's version.
        found: u32,
        /// The newest known version.
        known: u32,
    },
    /// An older version of this program wrote the file, and nobody has migrated it yet.
    #[error("{} has schema version {found}, this program needs {known}", path.display())]
    OlderSchema {
        /// Which file.
        path: PathBuf,
        /// The file's version.
        found: u32,
        /// The version that is needed.
        known: u32,
    },
    /// Several processes cannot share a file there.
    #[error("{} lies on {file_system}, where several processes cannot share a WAL database without corrupting it", path.display())]
    RemoteFileSystem {
        /// Which file.
        path: PathBuf,
        /// Its file system.
        file_system: String,
    },
    /// The file or its folder cannot be read or written.
    #[error("could not open {}: {source}", path.display())]
    Unreadable {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another program holds the file.
    #[error("another program held {} for {waited_ms} ms", path.display())]
    Held {
        /// Which file.
        path: PathBuf,
        /// How long was waited.
        waited_ms: u128,
    },
    /// The file could not be switched to WAL.
    #[error("{} stayed in journal mode {mode} instead of wal", path.display())]
    NotWal {
        /// Which file.
        path: PathBuf,
        /// The mode as read back.
        mode: String,
    },
    /// The file is damaged.
    #[error("{} is damaged: {report}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The first lines of the check's report.
        report: String,
    },
    /// Anything else that SQLite reports.
    #[error("could not use {}: {source}", path.display())]
    Backend {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl StartError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnsafeLibrary { .. } => "build with the bundled SQLite, or link 3.51.3 or newer".into(),
            Self::NotADatabase { .. } | Self::ForeignApplication { .. } => {
                "name another file with --database; nothing was changed in this one".into()
            }
            Self::NewerSchema { .. } => "use the newer program; nothing was changed in the file".into(),
            Self::OlderSchema { .. } => "start `persona serve` once, it migrates the file".into(),
            Self::RemoteFileSystem { .. } => "put the file on a local disk or volume, or use PostgreSQL once it is available".into(),
            Self::Unreadable { .. } => "check that the folder exists and that this user may read and write there".into(),
            Self::Held { .. } => "end the other program, or try again when it is done".into(),
            Self::NotWal { .. } => "end other programs that have the file open, then start again".into(),
            Self::Damaged { .. } => "keep the file and restore a backup; nothing was repaired or deleted".into(),
            Self::Backend { .. } => return None,
        })
    }

    /// Whether the same start can succeed a little later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Held { .. })
    }

    /// Whether the file is damaged.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Takes a driver error about this file.
    pub(super) fn from_driver(path: &std::path::Path, error: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, report: error.to_string() },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Held { path, waited_ms: 0 },
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Unreadable { path, source: std::io::Error::other(error.to_string()) }
            }
            _ => Self::Backend { path, source: error },
        }
    }
}

/// Takes a driver error into the contract's vocabulary. Never shown to clients with its text.
pub(super) fn from_driver(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            Error::Busy { what: "the database lock" }
        }
        Some(ErrorCode::DiskFull) => Error::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Damaged(error.to_string()),
        _ => Error::Backend(Box::new(error)),
    }
}

/// The same failure once more, for each of the requests that it took down together.
pub(super) fn copy_of(error: &rusqlite::Error) -> rusqlite::Error {
    let code = error.sqlite_error().copied().unwrap_or(ffi::Error::new(ffi::SQLITE_ERROR));
    rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
}

/// A stored document that cannot be read.
pub(super) fn damaged(invalid: &Invalid) -> Error {
    Error::Damaged(format!("a stored document cannot be read: {invalid}"))
}

/// Whether a failed commit leaves it unknown what reached the disk: after a failed sync the kernel has forgotten the
/// pages, and a second sync would succeed without them (Rebello et al., USENIX ATC 2020).
pub(super) fn is_input_output(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|it| it.extended_code & 0xff == ffi::SQLITE_IOERR)
}
