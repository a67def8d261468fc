//! The facts about files and folders beside a database that the server needs.
//!
//! The server runs as the owner of the database. A lock file, a WAL or a backup that another user
//! made, such as root, stops the server.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file or folder that the server uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// The path.
    pub path: PathBuf,
    /// The user that owns it.
    pub owner: u32,
    /// The group it belongs to.
    pub group: u32,
    /// Permission bits.
    pub mode: u32,
    /// Whether it is a folder, in which the server creates files.
    pub is_folder: bool,
}

impl Neighbour {
    /// Reads the metadata at a path; `None` when nothing exists there.
    fn of(path: PathBuf) -> Option<Self> {
        let found = fs::metadata(&path).ok()?;
        Some(Self {
            owner: found.uid(),
            group: found.gid(),
            mode: found.mode() & 0o7777,
            is_folder: found.is_dir(),
            path,
        })
    }

    /// Whether a user with this group may read and write it. Like the kernel, this looks only at
    /// the bits of the first of owner, group and others that matches (`path_resolution(7)`).
    /// Further groups and access lists are not considered.
    pub fn is_usable_by(&self, user: u32, group: u32) -> bool {
        let shift = if self.owner == user {
            6
        } else if self.group == group {
            3
        } else {
            0
        };
        let needed = if self.is_folder { 0o7 } else { 0o6 };
        user == 0 || self.mode >> shift & needed == needed
    }
}

/// The folder of the database, the files beside it, and the folder of its backups with its files.
pub(super) fn neighbours_of(database: &Path, folder: &Path, backups: &Path) -> Vec<Neighbour> {
    let beside = |suffix: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let companions = ["-gate", "-heavy", "-wal", "-shm", "-journal"].map(beside);
    let kept =
        fs::read_dir(backups).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut kept: Vec<PathBuf> =
        kept.filter(|path| path.extension().is_some_and(|extension| extension == "db")).collect();
    kept.sort();
    let paths = [folder.to_path_buf()]
        .into_iter()
        .chain(companions)
        .chain([backups.to_path_buf()])
        .chain(kept);
    paths.filter_map(Neighbour::of).collect()
}

#[cfg(test)]
mod tests {
    use super::Neighbour;

    #[test]
    fn the_first_of_owner_group_and_others_that_fits_decides() {
        let of = |owner, group, mode, is_folder| {
            Neighbour { path: "persona.db-gate".into(), owner, group, mode, is_folder }
                .is_usable_by(1000, 100)
        };
        let cases = [
            (of(1000, 100, 0o600, false), true),
            (of(1000, 100, 0o400, false), false),
            (of(0, 0, 0o600, false), false),
            (of(0, 100, 0o660, false), true),
            (of(0, 100, 0o606, false), false),
            (of(0, 0, 0o666, false), true),
            (of(1000, 100, 0o700, true), true),
            (of(1000, 100, 0o600, true), false),
            (of(0, 0, 0o755, true), false),
        ];
        assert_eq!(
            cases.iter().filter(|(found, expected)| found != expected).count(),
            0,
            "{cases:?}"
        );
    }
}
