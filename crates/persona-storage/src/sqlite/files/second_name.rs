//! A second name of a file: a process that uses it would have another WAL.

/// How a file is reached by more than one name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondName {
    /// The file has this many hard links, more than one.
    HardLinks(u64),
    /// The file is a mount point of its own, as a single file that is mounted into a container.
    MountPoint,
}

impl std::fmt::Display for SecondName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HardLinks(links) => write!(out, "has {links} hard links"),
            Self::MountPoint => out.write_str("is a mount point of its own"),
        }
    }
}
