//! What lies beside a database and is needed by the service: whether the user that the database
//! belongs to may use it.
//!
//! The server runs as that user. A write lock, a log or a backup that another user made, such as
//! root, stops it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Facts;
use super::check::Finding;
use super::facts::FileFacts;
use crate::terminal::shell_word;

/// A file or folder that the service works with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// Where it is.
    pub path: PathBuf,
    /// The user it belongs to.
    pub owner: u32,
    /// The group it belongs to.
    pub group: u32,
    /// Permission bits.
    pub mode: u32,
    /// Whether it is a folder, in which files are made.
    pub is_folder: bool,
}

impl Neighbour {
    /// `None` when there is nothing at the path.
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

    /// Whether a user of a group may read and write it, by the bits that the kernel looks at: only
    /// those of the first of owner, group and others that fits (`path_resolution(7)`). What else a
    /// user may do is not asked: other groups, access lists.
    fn is_usable_by(&self, user: u32, group: u32) -> bool {
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

/// The folder, what lies beside the database, and the folder of its backups with what is in it.
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
        kept.filter(|path| path.extension().is_some_and(|it| it == "db")).collect();
    kept.sort();
    let paths = [folder.to_path_buf()]
        .into_iter()
        .chain(companions)
        .chain([backups.to_path_buf()])
        .chain(kept);
    paths.filter_map(Neighbour::of).collect()
}

fn unusable(file: &FileFacts) -> Vec<&Neighbour> {
    let Some(entry) = file.entry else { return Vec::new() };
    file.neighbours.iter().filter(|it| !it.is_usable_by(entry.owner, entry.group)).collect()
}

pub(super) fn beside(facts: &Facts) -> Option<Finding> {
    let file = facts.file.as_ref()?;
    let owner = file.entry?.owner;
    let unusable = unusable(file);
    let Some(first) = unusable.first() else {
        return Some(Finding::ok(format!(
            "user {owner}, whose database it is, may use everything beside it"
        )));
    };
    let more = if unusable.len() > 1 {
        format!(", and {} more", unusable.len() - 1)
    } else {
        String::new()
    };
    Some(Finding::fail(format!(
        "user {owner}, whose database it is, may not use {} (user {}, mode {:04o}){more}",
        first.path.display(),
        first.owner,
        first.mode
    )))
}

pub(super) fn fix_beside(facts: &Facts) -> String {
    let Some((file, entry)) = facts.file.as_ref().and_then(|file| Some((file, file.entry?))) else {
        return String::new();
    };
    let change = |it: &&Neighbour| {
        let (path, rights) = (shell_word(&it.path), if it.is_folder { "rwx" } else { "rw" });
        if it.owner == entry.owner {
            format!("chmod u+{rights} {path}")
        } else {
            format!("chown {}:{} {path}", entry.owner, entry.group)
        }
    };
    unusable(file).iter().map(change).collect::<Vec<_>>().join(" && ")
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
