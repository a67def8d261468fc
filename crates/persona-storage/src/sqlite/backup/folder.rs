//! The folder of the scheduled backups: which files are backups of this schedule, in which order
//! they were made, and what a killed attempt left.
//!
//! The order is that of the numbers in the names, each one more than the largest that was there.
//! The times in the names are for people: a clock that was wrong once gave a wrong one, and so it
//! decides nothing.

use std::io::Result;
use std::path::{Path, PathBuf};

use persona_model::Timestamp;

use crate::sqlite::files::atomic_file::{self, AtomicFile};
use crate::sqlite::files::paths::{stamp, with_suffix};

/// Digits of a number in a name, so that the names of a million backups sort as they were made;
/// larger ones have more.
const NUMBER_DIGITS: usize = 6;
/// The largest number of this many digits fits into 64 bits.
const NUMBER_DIGITS_MAX: usize = 19;
/// The largest number that a name can have. It has no successor: backups after it have the same
/// one, and among each other the order of their times.
const NUMBER_MAX: u64 = 9_999_999_999_999_999_999;
/// What a time in a name looks like; each 0 stands for a digit.
const STAMP_SHAPE: &[u8] = b"00000000T000000Z";

/// The folder of the backups of one database.
pub(crate) struct BackupFolder {
    path: PathBuf,
    /// The prefix of the names. A word in it separates scheduled backups from files that people
    /// make by hand.
    prefix: String,
}

impl BackupFolder {
    /// The folder of the backups of a database; it need not exist yet.
    pub(crate) fn of(path: &Path, database: &Path) -> Self {
        let stem = database.file_stem().map_or("persona".into(), |stem| stem.to_string_lossy());
        Self { path: path.into(), prefix: format!("{stem}-auto-") }
    }

    /// The name of the next backup, even if another process is still making one.
    pub(crate) fn next(&self, made_at: Timestamp) -> Result<PathBuf> {
        let numbers =
            |added| self.numbered(added).map(|files| files.last().map_or(0, |(number, _)| *number));
        let last = numbers("")?.max(numbers(atomic_file::SUFFIX)?);
        let number = last.saturating_add(1).min(NUMBER_MAX);
        Ok(self.path.join(format!("{}{number:0NUMBER_DIGITS$}-{}.db", self.prefix, stamp(made_at))))
    }

    /// The newest backup.
    pub(crate) fn newest(&self) -> Result<Option<PathBuf>> {
        Ok(self.numbered("")?.pop().map(|(_, path)| path))
    }

    /// Removes the oldest backups beyond those that are kept, and never the one that was just made.
    /// A backup that cannot be removed stays, and the next round tries again.
    pub(crate) fn remove_oldest(&self, keep: usize, just_made: &Path) {
        let files = self.numbered("").unwrap_or_default();
        for (_, file) in
            files.iter().rev().filter(|(_, file)| file != just_made).skip(keep.saturating_sub(1))
        {
            match std::fs::remove_file(file) {
                Ok(()) => tracing::debug!(file = %file.display(), "removed an old backup"),
                Err(error) => {
                    tracing::warn!(file = %file.display(), error = %error, "could not remove an old backup");
                }
            }
        }
    }

    /// Removes the remains of killed attempts. A file that another process is still writing is
    /// locked and stays.
    pub(crate) fn remove_abandoned(&self) {
        for target in self.own_files(atomic_file::SUFFIX).unwrap_or_default() {
            let file = with_suffix(&target, atomic_file::SUFFIX);
            match AtomicFile::remove_abandoned(&target) {
                Ok(true) => {
                    tracing::info!(file = %file.display(), "removed what a killed backup left");
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(file = %file.display(), error = %error, "could not remove what a killed backup left");
                }
            }
        }
    }

    /// The backups with their numbers, in the order in which they were made; see
    /// [`Self::own_files`].
    fn numbered(&self, added: &str) -> Result<Vec<(u64, PathBuf)>> {
        let files = self.own_files(added)?;
        let mut files: Vec<_> = files
            .into_iter()
            .filter_map(|path| Some((self.number_of(path.file_name()?.to_str()?)?, path)))
            .collect();
        files.sort_unstable();
        Ok(files)
    }

    /// The paths of all files that are named like a backup of this schedule with something added to
    /// the name; the paths are without what is added.
    fn own_files(&self, added: &str) -> Result<Vec<PathBuf>> {
        let own = |entry: std::fs::DirEntry| {
            let name = entry.file_name();
            let name = name.to_str()?.strip_suffix(added)?;
            // A symbolic link does not count, because its target is no backup of this schedule.
            let is_own = self.number_of(name).is_some()
                && entry.file_type().is_ok_and(|kind| kind.is_file());
            is_own.then(|| self.path.join(name))
        };
        Ok(std::fs::read_dir(&self.path)?.filter_map(|entry| own(entry.ok()?)).collect())
    }

    /// The number of the backup with this name, `None` when it is no backup of this schedule.
    /// Earlier versions of the program gave none; their backups are older than all others, and
    /// among each other in the order of their times.
    fn number_of(&self, name: &str) -> Option<u64> {
        let rest = name.strip_prefix(&self.prefix)?.strip_suffix(".db")?;
        let (number, stamp) =
            rest.split_once('-').map_or((None, rest), |(number, stamp)| (Some(number), stamp));
        let fits = |(byte, wanted): (u8, &u8)| {
            if *wanted == b'0' { byte.is_ascii_digit() } else { byte == *wanted }
        };
        if stamp.len() != STAMP_SHAPE.len() || !stamp.bytes().zip(STAMP_SHAPE).all(fits) {
            return None;
        }
        let Some(number) = number else { return Some(0) };
        let is_number = (NUMBER_DIGITS..=NUMBER_DIGITS_MAX).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse().ok().filter(|_| is_number)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use persona_model::Timestamp;

    use super::BackupFolder;

    #[test]
    fn the_name_after_the_largest_number_is_one_of_the_schedule() {
        let folder = tempfile::tempdir().expect("a folder");
        let backups = BackupFolder::of(folder.path(), Path::new("/data/persona.db"));
        std::fs::write(
            folder.path().join("persona-auto-9999999999999999999-20261124T120000Z.db"),
            "",
        )
        .expect("written");
        let next = backups.next(Timestamp::from_micros(1_795_543_841_000_000)).expect("readable");
        std::fs::write(&next, "").expect("written");
        assert_eq!(backups.newest().expect("readable"), Some(next));
    }

    #[test]
    fn only_names_of_the_schedule_have_a_number() {
        let folder = BackupFolder::of(Path::new("backups"), Path::new("/data/persona.db"));
        for (name, number) in [
            ("persona-auto-000007-20261124T120000Z.db", Some(7)),
            ("persona-auto-1000000-20261124T120000Z.db", Some(1_000_000)),
            ("persona-auto-20261124T120000Z.db", Some(0)),
            ("persona-auto-00007-20261124T120000Z.db", None),
            ("persona-auto-+00007-20261124T120000Z.db", None),
            ("persona-auto-00000000000000000007-20261124T120000Z.db", None),
            ("persona-auto-000007-20261124T12000.db", None),
            ("persona-auto-000007-20261124T120000Z.db.bak", None),
            ("other-auto-000007-20261124T120000Z.db", None),
            ("monday.db", None),
        ] {
            assert_eq!(folder.number_of(name), number, "{name}");
        }
    }
}
