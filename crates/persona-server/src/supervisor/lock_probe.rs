//! Who holds a lock that others wait for, asked from outside.
//!
//! The supervisor may ask: it has no SQLite connection, so opening and closing `-shm` drops no lock
//! of its own. In a process with a connection this must never be called.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use persona_storage::sqlite::Gate;
use rustix::process::{Flock, FlockOffsetType, FlockType, Pid, fcntl_getlk};

/// The byte of `-shm` that a writer locks (SQLite documentation, "WAL-mode File Format", section
/// 2.3.2).
const WRITER_LOCK_BYTE: u64 = 120;

/// What the system adds to the name of a program whose file was replaced while it runs.
const DELETED: &str = " (deleted)";

/// A process that holds a lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// The name of its program, as the system knows it.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (pid {})", self.name, self.pid)
    }
}

impl Holder {
    /// A process, by its number.
    pub fn of(pid: u32) -> Self {
        // The system's short name of a child of ours is that of the link by which it was started,
        // so the file is better.
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

/// Who holds SQLite's writer lock on a database.
///
/// # Errors
///
/// There is no index, or it cannot be opened.
pub fn holder_of_writer_lock(database: &Path) -> io::Result<Option<Holder>> {
    let index = OpenOptions::new().read(true).write(true).open(beside(database, "-shm"))?;
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

/// Who holds the gate of a database, whatever program it is. Asked of the system's table of locks,
/// because `flock(2)` itself does not tell.
pub fn holder_of_gate(database: &Path) -> Option<Holder> {
    holder_of_flock(&Gate::path(database))
}

/// Who holds an exclusive lock of `flock(2)` on a file.
pub fn holder_of_flock(path: &Path) -> Option<Holder> {
    let file = Identity::of(path)?;
    let table = fs::read_to_string("/proc/locks").ok()?;
    let holder = table
        .lines()
        .filter_map(|line| holder_in(line, file.inode))
        .find(|pid| file.is_open_in(*pid));
    holder.map(Holder::of)
}

/// The process of a line like `1: FLOCK  ADVISORY  WRITE 30109 fe:00:5349505 0 EOF`, if it holds an
/// exclusive lock on this inode. Lines of those who wait have an arrow in front.
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

/// Which file a name leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The file with this name, without opening it; `None` when there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino() })
    }

    /// Whether a process has it open, as far as this user may see.
    pub fn is_open_in(self, pid: u32) -> bool {
        files_open_in(pid).any(|file| file == self)
    }
}

/// Every file that a process has open, as far as this user may see.
pub fn files_open_in(pid: u32) -> impl Iterator<Item = Identity> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    entries.filter_map(|entry| Identity::of(&entry.ok()?.path()))
}

/// A file beside the database, with this added to its name.
pub fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn number_of(pid: Pid) -> Option<u32> {
    u32::try_from(pid.as_raw_nonzero().get()).ok()
}

#[cfg(test)]
mod tests {
    use persona_storage::sqlite::{Gate, Settings, initialise};

    use super::{Holder, Identity, holder_in, holder_of_gate, holder_of_writer_lock};

    #[test]
    fn the_holder_of_the_gate_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        let gate = Gate::open(&database).expect("a gate");
        assert_eq!(holder_of_gate(&database), None);
        let pass = gate.enter().expect("locks work");
        assert_eq!(holder_of_gate(&database).map(|it| it.pid), Some(std::process::id()));
        drop(pass);
        assert_eq!(holder_of_gate(&database), None);
    }

    #[test]
    fn nobody_holds_the_writer_lock_of_a_file_at_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        assert!(holder_of_writer_lock(&database).is_err(), "there is no index");
        initialise(&Settings::new(&database)).expect("a new file");
        assert_eq!(holder_of_writer_lock(&database).expect("an index"), None);
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
        let identity = Identity::of(file.path()).expect("it is there");
        assert!(identity.is_open_in(own));
        drop(file);
        assert!(!identity.is_open_in(own));
    }
}
