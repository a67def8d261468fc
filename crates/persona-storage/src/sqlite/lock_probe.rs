//! Which process holds a lock on a database, asked from outside.
//!
//! Only a process without an SQLite connection may ask, such as the supervisor. Closing the file
//! `-shm` drops every POSIX lock that the process has on that file, so in a process with an open
//! connection the question would break SQLite's locking.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use rustix::process::{Flock, FlockOffsetType, FlockType, Pid, fcntl_getlk};

use super::files::paths::with_suffix;
use super::{FileId, WriteLock};

/// The byte of `-shm` that a writer locks (SQLite documentation, "WAL-mode File Format", section
/// 2.3.2).
const WRITER_LOCK_BYTE: u64 = 120;

/// The kernel adds this to the name of a program file that was replaced while the program runs.
const DELETED: &str = " (deleted)";

/// How often the kernel's table of locks is read until a holder is found. The table comes in pieces
/// of a page, and where other processes give up locks between two pieces, lines move forward past
/// the place that is read next. A lock of which no piece tells in several looks is not held.
const LOOKS_MAX: usize = 4;

/// A process that holds a lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The identity of the process.
    pub pid: u32,
    /// The file name of its program; "unknown" where the kernel does not tell.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (pid {})", self.name, self.pid)
    }
}

impl Holder {
    /// The process with this identity.
    pub fn of(pid: u32) -> Self {
        // `comm` of a child of the supervisor is the name of the link that started it, so the name
        // of the program's file tells more.
        let file = fs::read_link(format!("/proc/{pid}/exe"))
            .ok()
            .and_then(|file| Some(file.file_name()?.to_string_lossy().into_owned()));
        let short = || {
            fs::read_to_string(format!("/proc/{pid}/comm"))
                .map_or_else(|_| "unknown".into(), |name| name.trim_end().into())
        };
        Self { pid, name: file.map_or_else(short, |file| file.trim_end_matches(DELETED).into()) }
    }
}

/// The process that holds SQLite's own writer lock on a database.
///
/// # Errors
///
/// There is no file `-shm`, or it cannot be opened.
pub fn holder_of_sqlite_write_lock(database: &Path) -> io::Result<Option<Holder>> {
    let index = OpenOptions::new().read(true).write(true).open(with_suffix(database, "-shm"))?;
    let wanted = Flock {
        start: WRITER_LOCK_BYTE,
        length: 1,
        pid: None,
        typ: FlockType::WriteLock,
        offset_type: FlockOffsetType::Set,
    };
    let held = fcntl_getlk(&index, &wanted)?;
    Ok(held.and_then(|lock| lock.pid).and_then(number_of).map(Holder::of))
}

/// The process that holds the write lock of a database, whatever program it is.
///
/// The answer comes from the kernel's table of locks, because `flock(2)` itself does not tell.
pub fn holder_of_write_lock(database: &Path) -> Option<Holder> {
    holder_of_flock(&WriteLock::path(database))
}

/// The process that holds an exclusive lock of `flock(2)` on a file.
pub fn holder_of_flock(path: &Path) -> Option<Holder> {
    let file = FileId::of(path).ok()??;
    (0..LOOKS_MAX).find_map(|_| {
        let table = fs::read_to_string("/proc/locks").ok()?;
        table
            .lines()
            .filter_map(|line| holder_in(line, file.inode()))
            .find(|pid| is_open_in(file, *pid))
            .map(Holder::of)
    })
}

/// The process of a line like `1: FLOCK  ADVISORY  WRITE 30109 fe:00:5349505 0 EOF`, if it holds an
/// exclusive lock on this inode. The line of a process that waits has an arrow in front.
fn holder_in(line: &str, inode: u64) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [_, "FLOCK", _, "WRITE", pid, file, ..]
            if file.rsplit(':').next()?.parse() == Ok(inode) =>
        {
            pid.parse().ok()
        }
        _ => None,
    }
}

/// Whether a process has a file open, as far as this user may see.
pub fn is_open_in(file: FileId, pid: u32) -> bool {
    files_open_in(pid).any(|open| open == file)
}

/// Every file that a process has open, as far as this user may see.
pub fn files_open_in(pid: u32) -> impl Iterator<Item = FileId> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    entries.filter_map(|entry| FileId::of(&entry.ok()?.path()).ok()?)
}

fn number_of(pid: Pid) -> Option<u32> {
    u32::try_from(pid.as_raw_nonzero().get()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Holder, holder_in, holder_of_sqlite_write_lock, holder_of_write_lock, is_open_in};
    use crate::sqlite::{FileId, Settings, WriteLock, initialise};

    #[test]
    fn the_holder_of_the_write_lock_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        let write_lock = WriteLock::open(&database).expect("a write lock");
        assert_eq!(holder_of_write_lock(&database), None);
        let guard = write_lock.lock().expect("locks work");
        assert_eq!(
            holder_of_write_lock(&database).map(|holder| holder.pid),
            Some(std::process::id())
        );
        drop(guard);
        assert_eq!(holder_of_write_lock(&database), None);
    }

    #[test]
    fn a_file_at_rest_has_no_holder_of_the_writer_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        assert!(holder_of_sqlite_write_lock(&database).is_err(), "there is no -shm");
        initialise(&Settings::new(&database)).expect("a new file");
        assert_eq!(holder_of_sqlite_write_lock(&database).expect("-shm exists"), None);
    }

    #[test]
    fn a_line_of_the_table_of_locks_is_read() {
        let line = "1: FLOCK  ADVISORY  WRITE 30109 fe:00:5349505 0 EOF";
        assert_eq!((holder_in(line, 5_349_505), holder_in(line, 5)), (Some(30109), None));
        assert_eq!(
            holder_in("1: -> FLOCK  ADVISORY  WRITE 30110 fe:00:5349505 0 EOF", 5_349_505),
            None
        );
        assert_eq!(
            holder_in("2: POSIX  ADVISORY  WRITE 30109 fe:00:5349505 120 120", 5_349_505),
            None
        );
    }

    #[test]
    fn a_process_is_known_by_the_name_of_its_program_and_its_files() {
        let own = std::process::id();
        assert_ne!(Holder::of(own).name, "unknown");
        assert_eq!(Holder::of(u32::MAX).name, "unknown");
        let file = tempfile::NamedTempFile::new().expect("a file");
        let id = FileId::of(file.path()).expect("readable").expect("it is there");
        assert!(is_open_in(id, own));
        drop(file);
        assert!(!is_open_in(id, own));
    }
}
