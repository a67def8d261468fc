//! The gate: a first-come first-served lock in front of SQLite's own writer lock.
//!
//! SQLite waits for its lock by polling, which is unfair and has a tail of seconds. The gate waits in the kernel, on
//! `flock(2)` of a file beside the database: waiters are served in order, and a killed holder lets go at once. The file
//! is never the database itself and is never removed, so that all processes always lock the same file.
//!
//! Every writer of every process goes through it: workers, keeper, command line.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{NoObserver, Observer};

/// Pause between attempts where waiting needs a deadline, which the kernel's blocking lock does not have.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(2);

/// One opened gate. Each thread that writes has its own: the lock belongs to the opened file.
pub struct Gate {
    file: File,
    observer: Arc<dyn Observer>,
}

/// The right to write; dropping it lets the next one in.
pub struct Pass<'a> {
    gate: &'a Gate,
    since: Instant,
}

impl Gate {
    /// Opens the gate of a database, and makes its file when it is the first.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn open(database: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(Self::path(database))?;
        Ok(Self { file, observer: Arc::new(NoObserver) })
    }

    /// Reports who waits and who is in, while it lasts: others must be able to say whom they wait for.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Where the gate of a database lies: beside it, with `-gate` added to the name.
    pub fn path(database: &Path) -> PathBuf {
        let mut name = database.as_os_str().to_owned();
        name.push("-gate");
        name.into()
    }

    /// Waits for its turn, as long as it takes.
    ///
    /// # Errors
    ///
    /// The file system does not know locks.
    pub fn enter(&self) -> std::io::Result<Pass<'_>> {
        let waiting = Instant::now();
        self.observer.gate_waiting();
        loop {
            match self.file.lock() {
                Ok(()) => {
                    let since = Instant::now();
                    self.observer.gate_waited(since - waiting);
                    return Ok(Pass { gate: self, since });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Tries to enter until a deadline; `None` when others were in all the time. Not fair: for init only, which comes
    /// before the first writer.
    ///
    /// # Errors
    ///
    /// The file system does not know locks.
    pub fn enter_until(&self, deadline: Instant) -> std::io::Result<Option<Pass<'_>>> {
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(Some(Pass { gate: self, since: Instant::now() })),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(ATTEMPT_PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Pass<'_> {
    /// How long the gate has been held.
    pub fn held(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // Cannot fail on a descriptor that holds the lock; and if it did, the lock would go with the process.
        let _ = self.gate.file.unlock();
        self.gate.observer.gate_held(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Gate;

    #[test]
    fn only_one_holder_is_let_in_and_the_next_enters_when_it_leaves() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        let (first, second) = (Gate::open(&database).expect("a gate"), Gate::open(&database).expect("a gate"));
        let pass = first.enter().expect("locks work");
        assert!(second.enter_until(Instant::now()).expect("locks work").is_none());
        let waiting = std::thread::spawn(move || second.enter().map(|pass| pass.held() < Duration::from_mins(1)));
        drop(pass);
        assert!(waiting.join().expect("no panic").expect("locks work"));
    }
}
