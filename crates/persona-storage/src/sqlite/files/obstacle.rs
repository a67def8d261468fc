//! Why this process may not write to a file or a folder.

use std::fmt::{Display, Formatter};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// Why this process may not write to a file or a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// The file system is mounted for reading only.
    ReadOnlyMount,
    /// The file has the attribute `i` or `a`: not even root may change it.
    Immutable,
    /// The permissions forbid it.
    Permissions {
        /// The user that the file belongs to.
        owner: u32,
        /// The permission bits of the file.
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
    pub(super) fn of(path: &Path, wanted: Access) -> Option<Self> {
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
