//! The files that belong to a database, and the names by which they are reached.
//!
//! SQLite keeps `-wal`, `-shm` and this program keeps `-gate` beside the *name* of a database, so
//! one file must be reached by one name only: [`real_path`] follows symbolic links once, where a
//! name comes in, and [`refuse_second_name`] refuses a file that has a second name by a hard link
//! or by a mount of its own. [`refuse_output`] keeps every other output of the program away from a
//! database and from what belongs to one.
//!
//! What reads here opens files with plain calls: only before this process opens the database with
//! SQLite.

use std::fs::File;
use std::io::{ErrorKind, Read, Result as IoResult};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use rustix::io::Errno;

use super::paths::{COMPANIONS, FileId, with_suffix};
use super::second_name::SecondName;
use crate::sqlite::files::paths::folder_of;
use crate::sqlite::write::heavy_write_lock::HeavyWriteLock;
use crate::sqlite::{DatabaseError, WriteLock};

/// Most symbolic links that are followed one after the other, as in the kernel
/// (`path_resolution(7)`).
const LINKS_MAX: usize = 40;
/// The first bytes of a database file (SQLite documentation, "Database File Format", section
/// 1.3.1).
const DATABASE_MAGIC: &[u8] = b"SQLite format 3\0";
/// The first bytes of a WAL, in either byte order (the same, section 4.1).
const WAL_MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];

/// The path at which the file itself lies, or will lie: the last part of a path is followed while
/// it is a symbolic link, also where the link leads to nothing yet. A folder that is a link needs
/// no following, because what lies beside a file in it is reached by the same link.
///
/// # Errors
///
/// The links go in a circle, or a link cannot be read.
pub fn real_path(path: &Path) -> IoResult<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        match std::fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            // EINVAL means that the path is no link. Other faults of the path are reported when it
            // is opened.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
            Err(_) => return Ok(path),
        }
    }
    Err(Errno::LOOP.into())
}

/// How the file at a path is reached by more than one name; `None` for one name, and for no file.
///
/// # Errors
///
/// The file cannot be looked at.
pub fn second_name(path: &Path) -> IoResult<Option<SecondName>> {
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    if metadata.is_file() && metadata.nlink() > 1 {
        return Ok(Some(SecondName::HardLinks(metadata.nlink())));
    }
    let is_mount_point = match statx(CWD, path, AtFlags::empty(), StatxFlags::TYPE) {
        Ok(found) => found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
        // A kernel before 4.11 has no statx, and one before 5.8 does not tell of mount points.
        Err(Errno::NOSYS) => false,
        Err(error) => return Err(error.into()),
    };
    Ok((metadata.is_file() && is_mount_point).then_some(SecondName::MountPoint))
}

/// Refuses a database that is reached by more than one name: a process that uses the other name
/// would have another WAL and another write lock, and both would overwrite each other's writes.
pub(crate) fn refuse_second_name(path: &Path) -> Result<(), DatabaseError> {
    match second_name(path).map_err(|source| DatabaseError::from_file(path, source))? {
        Some(name) => Err(DatabaseError::SecondName { path: path.into(), name }),
        None => Ok(()),
    }
}

/// Everything that belongs to a database while it is in use, by name.
fn own_files(database: &Path) -> impl Iterator<Item = PathBuf> {
    let companions = COMPANIONS.into_iter().map(|suffix| with_suffix(database, suffix));
    [database.to_path_buf(), WriteLock::path(database), HeavyWriteLock::path(database)]
        .into_iter()
        .chain(companions)
}

/// Refuses a copy over the database that is copied, or over what belongs to it.
pub(crate) fn refuse_own_files(database: &Path, file: &Path) -> Result<(), DatabaseError> {
    for own in own_files(database) {
        let identity =
            |path| FileId::of(path).map_err(|source| DatabaseError::from_file(path, source));
        if file == own
            || identity(file)?.is_some_and(|file| identity(&own).is_ok_and(|own| own == Some(file)))
        {
            return Err(DatabaseError::OwnFile { path: file.into() });
        }
    }
    Ok(())
}

/// Refuses to write something else, such as an export or a log, over a database, a backup, or what
/// belongs to either; whatever name reaches it, and even if it is not the database that the program
/// works with.
///
/// Must be called before this process opens any database.
///
/// # Errors
///
/// [`DatabaseError::OwnFile`], or the file cannot be looked at.
pub fn refuse_output(database: Option<&Path>, output: &Path) -> Result<(), DatabaseError> {
    let unreadable = |source| DatabaseError::from_file(output, source);
    let output = real_path(output).map_err(unreadable)?;
    if let Some(database) = database {
        refuse_own_files(database, &output)?;
    }
    if is_beside_a_database(&output) || is_of_sqlite(&output).map_err(unreadable)? {
        return Err(DatabaseError::OwnFile { path: output });
    }
    Ok(())
}

/// Whether a name is that of a companion of a database that exists, also where the companion itself
/// does not yet.
fn is_beside_a_database(path: &Path) -> bool {
    let Some(name) = path.to_str() else { return false };
    let suffixes = COMPANIONS.into_iter().chain([WriteLock::SUFFIX, HeavyWriteLock::SUFFIX]);
    suffixes
        .filter_map(|suffix| name.strip_suffix(suffix))
        .any(|base| is_of_sqlite(Path::new(base)).unwrap_or_default())
}

/// Whether a file is a database or a WAL of SQLite, by its first bytes.
fn is_of_sqlite(path: &Path) -> IoResult<bool> {
    let is_file = match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        metadata => metadata?.is_file(),
    };
    if !is_file {
        // A pipe or a terminal is no database, and reading from one would wait.
        return Ok(false);
    }
    let mut first = Vec::with_capacity(DATABASE_MAGIC.len());
    File::open(path)?.take(DATABASE_MAGIC.len() as u64).read_to_end(&mut first)?;
    Ok(first == DATABASE_MAGIC || WAL_MAGIC.iter().any(|magic| first.starts_with(magic)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{DatabaseError, SecondName, real_path, refuse_output, second_name};
    use crate::sqlite::{Settings, initialise};

    #[test]
    fn links_are_followed_to_the_file_itself_also_where_there_is_none_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("data")).expect("a folder");
        symlink("data/real.db", path("relative.db")).expect("a link");
        symlink(path("relative.db"), path("absolute.db")).expect("a link");
        for name in ["relative.db", "absolute.db"] {
            assert_eq!(real_path(&path(name)).expect("followed"), path("data/real.db"), "{name}");
        }
        assert_eq!(real_path(&path("none.db")).expect("no link"), path("none.db"));
        symlink("circle.db", path("circle.db")).expect("a link");
        assert!(real_path(&path("circle.db")).is_err());
    }

    #[test]
    fn a_hard_link_is_a_second_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        assert_eq!(second_name(&settings.path).expect("a file"), None);
        fs::hard_link(&settings.path, folder.path().join("second.db")).expect("a link");
        assert_eq!(second_name(&settings.path).expect("a file"), Some(SecondName::HardLinks(2)));
        let refused = initialise(&settings).expect_err("two names");
        assert!(matches!(refused, DatabaseError::SecondName { .. }), "{refused}");
        fs::remove_file(folder.path().join("second.db")).expect("removed");
        initialise(&settings).expect("one name again");
    }

    #[test]
    fn no_output_goes_over_a_database_or_what_belongs_to_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        initialise(&Settings::new(path("persona.db"))).expect("a new file");
        fs::copy(path("persona.db"), path("backup.db")).expect("copied");
        fs::write(path("log.txt"), "a line").expect("written");
        symlink("persona.db", path("link.txt")).expect("a link");
        fs::hard_link(path("persona.db"), path("hard.txt")).expect("a link");
        for name in [
            "persona.db",
            "persona.db-wal",
            "persona.db-shm",
            "persona.db-gate",
            "persona.db-heavy",
            "backup.db",
            "link.txt",
            "hard.txt",
        ] {
            let refused = refuse_output(None, &path(name));
            assert!(matches!(refused, Err(DatabaseError::OwnFile { .. })), "{name}: {refused:?}");
        }
        for name in ["log.txt", "new.txt", "other-wal", "/dev/null"] {
            refuse_output(Some(&path("persona.db")), &path(name)).expect(name);
        }
    }
}
