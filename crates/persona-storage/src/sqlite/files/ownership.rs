//! Gives files that are made beside a database to the owner of the database.
//!
//! A command that root runs beside a service would otherwise leave a write lock or a restored
//! database that the service may not open. SQLite does the same for what it makes itself
//! (`findCreateFileMode` and `robustFchown` in `os_unix.c`).
//!
//! Only a file that this process has just made is given away, and it is made so that no symbolic
//! link is followed: in a folder of another user, the name could lead to any file of the system.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Gid, OFlags, Uid, fchown};
use rustix::process::geteuid;

use crate::sqlite::files::paths::folder_of;

/// How often a file may vanish between two looks; if it happens more often, another process creates
/// and removes it in a loop.
const LOOKS_MAX: u32 = 10;
/// A file of this program is no symbolic link; in a folder of another user, one could lead
/// anywhere.
const NO_LINK: i32 = OFlags::NOFOLLOW.bits().cast_signed();
/// Mode of a file that is made where there is no database yet.
const NEW_MODE: u32 = 0o600;

/// The owner of a file, and what others may do with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Owner {
    user: u32,
    group: u32,
    mode: u32,
}

impl Owner {
    /// The owner of what belongs to a database: that of the database itself, and before there is
    /// one, that of its folder.
    pub(crate) fn of(database: &Path) -> Result<Self> {
        match std::fs::metadata(database) {
            Ok(found) => {
                Ok(Self { user: found.uid(), group: found.gid(), mode: found.mode() & 0o666 })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = std::fs::metadata(folder_of(database))?;
                Ok(Self { user: folder.uid(), group: folder.gid(), mode: NEW_MODE })
            }
            Err(error) => Err(error),
        }
    }

    /// Gives a file that was just made to this owner. Only root can do that; for other users the
    /// file stays theirs, with the mode.
    pub(crate) fn take(self, file: &File) -> Result<()> {
        file.set_permissions(Permissions::from_mode(self.mode))?;
        self.take_ownership(file);
        Ok(())
    }

    /// Gives a folder that was just made to this owner; its mode is not changed.
    pub(crate) fn take_ownership(self, made: impl AsFd) {
        if !geteuid().is_root() || self.user == 0 {
            return;
        }
        if let Err(error) =
            fchown(made, Some(Uid::from_raw(self.user)), Some(Gid::from_raw(self.group)))
        {
            // A container can lack this right of root. The file can be used by this process all the
            // same.
            tracing::warn!(error = %error, user = self.user, "a new file could not be given to the user that the database belongs to");
        }
    }
}

/// Opens a file for reading and writing; one that is made for it gets the owner that the database
/// belongs to.
pub(crate) fn open_or_make(path: &Path, database: &Path) -> Result<File> {
    // The owner is determined before the file is made, because the file may be the database itself.
    let owner = Owner::of(database)?;
    for _ in 0..LOOKS_MAX {
        match OpenOptions::new().read(true).write(true).create_new(true).mode(NEW_MODE).open(path) {
            Ok(file) => {
                owner.take(&file)?;
                return Ok(file);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        match OpenOptions::new().read(true).write(true).custom_flags(NO_LINK).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened,
        }
    }
    Err(Error::new(ErrorKind::ResourceBusy, "another process makes and removes this file"))
}
