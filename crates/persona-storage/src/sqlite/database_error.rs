//! The errors for a database that cannot be used, with hints for people.

use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::ffi::ErrorCode;
use rustix::io::Errno;

use super::system_error::explained;
use super::{Obstacle, SecondName};
use crate::sqlite::files::paths::folder_of;

/// Why the file cannot be used. The file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The linked SQLite can lose committed transactions.
    #[error("the linked SQLite {version} has the WAL-reset bug and can lose committed data")]
    UnsafeLibrary {
        /// Its version.
        version: &'static str,
    },
    /// The file is no SQLite database.
    #[error("{} is not a SQLite database, or is encrypted", path.display())]
    NotADatabase {
        /// Which file.
        path: PathBuf,
    },
    /// The path is a folder, not a file.
    #[error("{} is a folder, not a database file", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
    },
    /// The file to read does not exist.
    #[error("there is no database at {}", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// The file exists already, and must not be replaced.
    #[error("{} exists already", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// The file has more than one name, and its WAL and write lock are beside only one of them.
    #[error("{} {name}: a process that opens it by another name would overwrite what is written here", path.display())]
    SecondName {
        /// Which file.
        path: PathBuf,
        /// How it has another name.
        name: SecondName,
    },
    /// The file is a database, or belongs to one, and must not be overwritten.
    #[error("{} is a database or belongs to one", path.display())]
    OwnFile {
        /// Which file.
        path: PathBuf,
    },
    /// Other processes have the file open.
    #[error("{} is in use{}", path.display(), pid.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    InUse {
        /// Which file.
        path: PathBuf,
        /// One of the processes, where the system tells.
        pid: Option<u32>,
    },
    /// The file was replaced by another one while it was being opened.
    #[error("{} was replaced by another file just now", path.display())]
    Replaced {
        /// Which file.
        path: PathBuf,
    },
    /// The disk or a quota is full, or a limit on the size of files is reached.
    #[error("no space left for {}", path.display())]
    NoSpace {
        /// Which file.
        path: PathBuf,
        /// The error of the system, which tells the cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The work was ended before it was done.
    #[error("the work on {} was interrupted", path.display())]
    Interrupted {
        /// Which file.
        path: PathBuf,
    },
    /// The file is a SQLite database of another application.
    #[error("{} belongs to another application ({owner})", path.display())]
    ForeignApplication {
        /// Which file.
        path: PathBuf,
        /// The application that the file names.
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
    /// An older version of this program wrote the file, and no process has migrated it yet.
    #[error("{} has schema version {found}, this program needs {known}", path.display())]
    OlderSchema {
        /// Which file.
        path: PathBuf,
        /// The file's version.
        found: u32,
        /// The version that is needed.
        known: u32,
    },
    /// The personas were transferred to another database, so a write here would be missing there.
    #[error("{} was moved to another database", path.display())]
    Retired {
        /// Which file.
        path: PathBuf,
    },
    /// The file is on a file system on which processes cannot share it.
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
    /// This process may not write to the file, to one that belongs to it, or to its folder.
    #[error("{} cannot be written: {obstacle}", path.display())]
    NotWritable {
        /// Which of them.
        path: PathBuf,
        /// What is in the way.
        obstacle: Obstacle,
    },
    /// This process may not read the file, one that belongs to it, or its folder.
    #[error("{} cannot be read: {obstacle}", path.display())]
    NotReadable {
        /// Which of them.
        path: PathBuf,
        /// What is in the way.
        obstacle: Obstacle,
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
    /// The disk reported a failure.
    #[error("the disk failed with {}: {source}", path.display())]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: Box<dyn std::error::Error + Send + Sync>,
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

impl DatabaseError {
    /// What the user can do about the error, if anything.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnsafeLibrary { .. } => "build with the bundled SQLite, or link 3.51.3 or newer".into(),
            Self::NotADatabase { .. } | Self::ForeignApplication { .. } => "name another file; nothing was changed in this one".into(),
            Self::Folder { path } => format!("name a file in it, such as {}", path.join("persona.db").display()),
            Self::Missing { .. } => "check the name, and the folder that it is looked for in".into(),
            Self::NewerSchema { .. } => "use the newer program; nothing was changed in the file".into(),
            Self::OlderSchema { .. } => "start `persona serve` once, it migrates the file".into(),
            Self::Retired { .. } => "use the database that it was moved to; everything is there, and nothing was removed here".into(),
            Self::RemoteFileSystem { .. } => "put the file on a local disk or volume, or use PostgreSQL".into(),
            Self::Unreadable { .. } => "check that the folder exists and that this user may read and write there".into(),
            Self::NotWritable { path, obstacle } | Self::NotReadable { path, obstacle } => {
                obstacle.cure(path)
            }
            Self::Exists { .. } => "add --force to replace it, or name another file".into(),
            Self::OwnFile { .. } => "name another file; nothing was changed".into(),
            Self::SecondName { name: SecondName::HardLinks(_), .. } => {
                "remove the other names (find -samefile shows them), or copy the file with `persona backup`; nothing was changed".into()
            }
            Self::SecondName { name: SecondName::MountPoint, .. } => {
                "mount the folder that holds the database instead of the file alone; nothing was changed".into()
            }
            Self::InUse { .. } => "stop the server or program first (persona serve ends on TERM or Ctrl-C); nothing was changed".into(),
            Self::Replaced { .. } => "run the command again".into(),
            Self::NoSpace { .. } => {
                "free some space, or files where there are too many (df -i), or raise the quota or the limit (ulimit -f); a copy needs as much as the database, and nothing was changed"
                    .into()
            }
            Self::Held { .. } => "end the other program, or try again when it is done".into(),
            Self::NotWal { .. } => "end other programs that have the file open, then start again".into(),
            Self::Damaged { .. } => "keep the file and restore a backup; nothing was repaired or deleted".into(),
            Self::Disk { .. } => "look into the system's log for errors of the disk; nothing was repaired or deleted".into(),
            Self::Interrupted { .. } | Self::Backend { .. } => return None,
        })
    }

    /// Whether a later start can succeed.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::InUse { .. } | Self::Replaced { .. })
    }

    /// The error for a file without a single byte, or for none.
    pub(super) fn missing_or_empty(path: &std::path::Path) -> Self {
        if path.exists() {
            Self::NotADatabase { path: path.into() }
        } else {
            Self::Missing { path: path.into() }
        }
    }

    /// Takes an error of the file system about this file.
    pub(super) fn from_file(path: &std::path::Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{
            AlreadyExists, FileTooLarge, QuotaExceeded, ResourceBusy, StorageFull,
        };
        let path = path.to_path_buf();
        match source.kind() {
            AlreadyExists => Self::Exists { path },
            ResourceBusy => Self::InUse { path, pid: None },
            StorageFull | QuotaExceeded | FileTooLarge => {
                Self::NoSpace { path, source: Box::new(source) }
            }
            _ if source.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                Self::Disk { path, source: Box::new(source) }
            }
            _ => Self::Unreadable { path, source },
        }
    }

    /// Whether the disk failed.
    pub fn is_disk_failure(&self) -> bool {
        matches!(self, Self::Disk { .. })
    }

    /// Takes a driver error about this file.
    pub(super) fn from_driver(path: &std::path::Path, error: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, report: error.to_string() },
            Some(ErrorCode::DiskFull) => Self::NoSpace { path, source: Box::new(error) },
            // In this case SQLite failed to create a file beside the database: the WAL or its
            // index.
            Some(ErrorCode::CannotOpen) if no_more_files_beside(&path) => {
                Self::NoSpace { path, source: Box::new(error) }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Held { path, waited_ms: 0 }
            }
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Unreadable { path, source: std::io::Error::other(error.to_string()) }
            }
            Some(ErrorCode::SystemIoFailure) => Self::Disk { path, source: Box::new(error) },
            _ => Self::Backend { path, source: error },
        }
    }
}

impl DatabaseError {
    /// Takes a driver error of an open connection to this file, with what the system said.
    pub(super) fn from_connection(
        path: &std::path::Path,
        connection: &Connection,
        error: rusqlite::Error,
    ) -> Self {
        Self::from_driver(path, explained(connection, error))
    }
}

/// Whether the file system has no room for another file; some, such as btrfs, have no such limit
/// and say 0 of 0.
fn no_more_files_beside(path: &std::path::Path) -> bool {
    rustix::fs::statvfs(folder_of(path)).is_ok_and(|space| space.f_files > 0 && space.f_favail == 0)
}
