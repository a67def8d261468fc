//! Whether this process may read a database or write to it, asked before anything is opened.
//!
//! SQLite silently opens a file without write permission for reading only, and the first write
//! fails. So every command that writes asks the system first, by name (`access(2)`), which opens
//! nothing.

use std::fmt::{Display, Formatter};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::paths::{COMPANIONS, with_suffix};
use crate::sqlite::files::paths::folder_of;
use crate::sqlite::{DatabaseError, WriteLock};

/// Why this process may not write to a file or a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// Its file system is mounted for reading only.
    ReadOnlyMount,
    /// It has the attribute `i` or `a`: not even root may change it.
    Immutable,
    /// The permissions forbid it.
    Permissions {
        /// The user it belongs to.
        owner: u32,
        /// Its permission bits.
        mode: u32,
        /// The user that this process runs as.
        user: u32,
        /// Whether it is a folder, in which files must be created.
        is_folder: bool,
    },
}

impl Display for Obstacle {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ReadOnlyMount => out.write_str("its file system is mounted read-only"),
            Self::Immutable => out.write_str("it has the attribute immutable or append-only"),
            Self::Permissions { owner, mode, user, .. } => {
                write!(
                    out,
                    "it belongs to user {owner} with mode {mode:04o}, and this process runs as user {user}"
                )
            }
        }
    }
}

impl Obstacle {
    /// What the user can do about it.
    pub(crate) fn cure(self, path: &Path) -> String {
        let shown = path.display();
        match self {
            Self::ReadOnlyMount => format!(
                "mount it for writing (findmnt -T {shown} shows the mount), or name a database elsewhere"
            ),
            Self::Immutable => format!("take the attribute away: chattr -i -a {shown}"),
            Self::Permissions { owner, user, is_folder, .. } if owner == user => {
                format!("chmod u+{} {shown}", if is_folder { "wx" } else { "rw" })
            }
            Self::Permissions { owner, user, .. } => {
                format!(
                    "run this as the user that it belongs to (sudo -u '#{owner}'), or give it to this one: chown {user} {shown}"
                )
            }
        }
    }

    /// What the system's refusal means for this path; `None` where there is nothing at the path, or
    /// it is refused for another reason, which the open reports.
    fn of(path: &Path, wanted: Access) -> Option<Self> {
        let refusal = match accessat(CWD, path, wanted, AtFlags::EACCESS) {
            // A kernel before 5.8 answers for the real user only, which for this program is the
            // same one.
            Err(Errno::NOSYS) => accessat(CWD, path, wanted, AtFlags::empty()),
            answer => answer,
        };
        match refusal.err()? {
            Errno::ROFS => Some(Self::ReadOnlyMount),
            Errno::PERM => Some(Self::Immutable),
            Errno::ACCESS => {
                let found = std::fs::metadata(path).ok()?;
                Some(Self::Permissions {
                    owner: found.uid(),
                    mode: found.mode() & 0o7777,
                    user: geteuid().as_raw(),
                    is_folder: found.is_dir(),
                })
            }
            _ => None,
        }
    }
}

/// Refuses a database that this process may not read: the folder, the file, or one of the files of
/// SQLite beside it. A database that does not exist is not refused.
///
/// # Errors
///
/// [`DatabaseError::NotReadable`], which names the first unreadable one and has a hint.
pub fn refuse_unreadable(database: &Path) -> Result<(), DatabaseError> {
    let companions = COMPANIONS.into_iter().map(|suffix| with_suffix(database, suffix));
    let files =
        [database.to_path_buf()].into_iter().chain(companions).map(|path| (path, Access::READ_OK));
    let folder = (folder_of(database).to_path_buf(), Access::EXEC_OK);
    for (path, wanted) in [folder].into_iter().chain(files) {
        if let Some(obstacle) = Obstacle::of(&path, wanted) {
            return Err(DatabaseError::NotReadable { path, obstacle });
        }
    }
    Ok(())
}

/// Refuses a database that this process may not write to: the file, its folder, in which the WAL
/// and the write lock are made, or one of those that are there already. A database that does not
/// exist yet needs its folder only.
///
/// # Errors
///
/// [`DatabaseError::NotWritable`], which names the first unwritable one and has a hint.
pub fn refuse_unwritable(database: &Path) -> Result<(), DatabaseError> {
    let write_lock = WriteLock::path(database);
    let companions = COMPANIONS.into_iter().map(|suffix| with_suffix(database, suffix));
    let files = [database.to_path_buf(), write_lock]
        .into_iter()
        .chain(companions)
        .map(|path| (path, Access::READ_OK | Access::WRITE_OK));
    let folder = (folder_of(database).to_path_buf(), Access::WRITE_OK | Access::EXEC_OK);
    for (path, wanted) in files.chain([folder]) {
        if let Some(obstacle) = Obstacle::of(&path, wanted) {
            return Err(DatabaseError::NotWritable { path, obstacle });
        }
    }
    Ok(())
}
