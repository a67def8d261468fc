//! What kind of file system a file lies on.
//!
//! WAL keeps its index in memory that the processes of one machine share. Over a network or through
//! a virtual machine's shared folder that memory is not shared, and the file is corrupted without
//! an error (SQLite documentation, "Write-Ahead Logging", section 1).

use std::path::Path;

/// A file system, by its magic number in `statfs(2)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileSystem {
    magic: u64,
}

/// Magic numbers of `linux/magic.h` and their names; those that share no memory come first.
const KNOWN: &[(u64, &str, bool)] = &[
    (0x6969, "NFS", true),
    (0x517b, "SMB", true),
    (0xff53_4d42, "CIFS", true),
    (0xfe53_4d42, "SMB2", true),
    (0x0102_1997, "9p", true),
    (0x6573_5546, "FUSE or virtiofs", true),
    (0x5346_414f, "AFS", true),
    (0x6b41_4653, "kAFS", true),
    (0x00c3_6400, "Ceph", true),
    (0x7375_7245, "Coda", true),
    (0x564c, "NCP", true),
    (0x786f_4256, "VirtualBox shared folder", true),
    (0xef53, "ext4", false),
    (0x5846_5342, "xfs", false),
    (0x9123_683e, "btrfs", false),
    (0x2fc1_2fc1, "zfs", false),
    (0xf2f5_2010, "f2fs", false),
    (0x0102_1994, "tmpfs", false),
    (0x794c_7630, "overlay", false),
];

impl FileSystem {
    /// The file system with this magic number.
    pub const fn from_magic(magic: u64) -> Self {
        Self { magic }
    }

    /// The file system that a file or folder lies on.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let stat = rustix::fs::statfs(path)?;
        // The kernel's type is signed or unsigned by architecture, and 32 bits are in use.
        Ok(Self { magic: u64::from(u32::try_from(stat.f_type & 0xffff_ffff).unwrap_or(u32::MAX)) })
    }

    /// Whether processes on this file system cannot share memory through a file.
    pub fn is_remote(self) -> bool {
        self.known().is_some_and(|(_, _, remote)| *remote)
    }

    /// Its name for people; the magic number where it is not a known one.
    pub fn name(self) -> String {
        self.known().map_or_else(
            || format!("file system {:#x}", self.magic),
            |(_, name, _)| (*name).to_owned(),
        )
    }

    fn known(self) -> Option<&'static (u64, &'static str, bool)> {
        KNOWN.iter().find(|(magic, _, _)| *magic == self.magic)
    }
}

#[cfg(test)]
mod tests {
    use super::FileSystem;

    #[test]
    fn network_and_shared_folders_are_remote_and_disks_are_not() {
        for (magic, name) in [
            (0x6969, "NFS"),
            (0xff53_4d42, "CIFS"),
            (0x0102_1997, "9p"),
            (0x6573_5546, "FUSE or virtiofs"),
        ] {
            let found = FileSystem::from_magic(magic);
            assert!(found.is_remote(), "{name}");
            assert_eq!(found.name(), name);
        }
        for magic in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x1234_5678] {
            assert!(!FileSystem::from_magic(magic).is_remote(), "{magic:#x}");
        }
    }

    #[test]
    fn the_file_system_of_a_real_folder_is_found() {
        let here = FileSystem::of(std::path::Path::new("/")).expect("the root has a file system");
        assert!(!here.is_remote(), "{}", here.name());
    }
}
