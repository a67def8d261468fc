//! The write lock: a lock in front of SQLite's own writer lock. Every waiter gets its turn.
//!
//! SQLite waits for its lock by polling, which is unfair and has a tail of seconds. A wait for the
//! write lock happens in the kernel, on `flock(2)` of a file beside the database. The kernel
//! releases the lock of a killed process at once. The file is never the database itself and is
//! never removed, so that all processes always lock the same file. Its name ends in `-gate`: that
//! name is a protocol between versions of this program.
//!
//! The kernel wakes a waiter, but does not keep the lock for it: a writer that has just released
//! the lock and still runs would take it again first. So the writers of one server lock another
//! file first, the turnstile, and release it when they have the write lock (ADR 0055). The one that
//! is next holds it, so no writer of its server comes between. It keeps order and nothing else: a
//! writer without a turnstile, such as a command, is excluded by the write lock alone, and where
//! the turnstile cannot be locked, the writer goes on without.
//!
//! Every writer of every process takes this lock: workers, the maintenance process, the command
//! line.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sqlite::files::ownership::open_or_make;
use crate::sqlite::files::paths::with_suffix;
use crate::{NoObserver, Observer};

/// Pause between two attempts where the wait has a deadline, which the kernel's blocking lock does
/// not have.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(2);

/// One opened write lock. Each thread that writes has its own, because the lock belongs to the
/// opened file.
pub struct WriteLock {
    file: File,
    /// Locked before the file by all writers of a server; `None` outside of one.
    turnstile: Option<File>,
    observer: Arc<dyn Observer>,
}

/// The right to write. Dropping it releases the lock.
pub struct WriteGuard<'a> {
    write_lock: &'a WriteLock,
    since: Instant,
}

impl WriteLock {
    /// What is added to the name of a database for the name of its lock file.
    pub(crate) const SUFFIX: &str = "-gate";

    /// Opens the write lock of a database. The first process makes the file, with the owner of the
    /// database.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn open(database: &Path) -> std::io::Result<Self> {
        let file = open_or_make(&Self::path(database), database)?;
        Ok(Self { file, turnstile: None, observer: Arc::new(NoObserver) })
    }

    /// Reports waits and holds to the observer.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Takes turns with the other writers that lock this turnstile first. Without one, or where it
    /// cannot be opened, the writer is let in by the write lock alone.
    #[must_use]
    pub fn behind(self, turnstile: Option<&Path>) -> Self {
        let open = |path| {
            File::open(path)
                .inspect_err(|error| tracing::warn!(%error, "writers do not take turns"))
                .ok()
        };
        Self { turnstile: turnstile.and_then(open), ..self }
    }

    /// The lock file of a database: beside it, with `-gate` added to the name.
    pub fn path(database: &Path) -> PathBuf {
        with_suffix(database, Self::SUFFIX)
    }

    /// Waits for the lock, as long as it takes.
    ///
    /// # Errors
    ///
    /// The file system does not know locks.
    pub fn lock(&self) -> std::io::Result<WriteGuard<'_>> {
        let waiting = Instant::now();
        self.observer.write_lock_waiting();
        // The turnstile is released when the value is dropped, after the write lock was taken.
        let _next = self.turnstile.as_ref().and_then(Next::wait);
        lock(&self.file)?;
        let since = Instant::now();
        self.observer.write_lock_waited(since - waiting);
        Ok(WriteGuard { write_lock: self, since })
    }

    /// Tries to lock until a deadline; `None` when the lock was held all the time.
    ///
    /// This is not fair, so it is only for a process without competing writers, such as init.
    ///
    /// # Errors
    ///
    /// The file system does not know locks.
    pub fn lock_until(&self, deadline: Instant) -> std::io::Result<Option<WriteGuard<'_>>> {
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(Some(WriteGuard { write_lock: self, since: Instant::now() })),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(ATTEMPT_PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

/// The turnstile, locked: this writer is the next one of its server.
struct Next<'a>(&'a File);

impl<'a> Next<'a> {
    /// Waits for the turnstile; `None` where the system refuses.
    fn wait(turnstile: &'a File) -> Option<Self> {
        lock(turnstile).is_ok().then_some(Self(turnstile))
    }
}

impl Drop for Next<'_> {
    fn drop(&mut self) {
        // An error is ignored, because the kernel releases the lock with the process.
        let _ = self.0.unlock();
    }
}

/// Locks a file, as long as that takes.
fn lock(file: &File) -> std::io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            locked => return locked,
        }
    }
}

impl WriteGuard<'_> {
    /// How long the lock has been held.
    pub fn held(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        // Unlocking cannot fail on a descriptor that holds the lock. If it did, the kernel would
        // release the lock at the end of the process.
        let _ = self.write_lock.file.unlock();
        self.write_lock.observer.write_lock_held(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::WriteLock;

    /// The write lock as a process of the server in this folder has it.
    fn of_server(folder: &Path) -> WriteLock {
        let turnstile = folder.join("turnstile");
        File::create(&turnstile).expect("a file");
        WriteLock::open(&folder.join("persona.db")).expect("a write lock").behind(Some(&turnstile))
    }

    /// Waits until another opening of this file is locked.
    fn until_locked(file: &Path) {
        let file = File::open(file).expect("it is there");
        let began = Instant::now();
        while file.try_lock().is_ok() {
            file.unlock().expect("it was locked");
            assert!(began.elapsed() < Duration::from_mins(1), "no writer came");
            thread::yield_now();
        }
    }

    /// The order in which two writers get the write lock: one waits, and the other holds the lock,
    /// releases it and wants it again at once.
    fn order(folder: &Path) -> Vec<&'static str> {
        let (first, second) = (of_server(folder), of_server(folder));
        let (had, order) = mpsc::channel();
        let guard = first.lock().expect("locks work");
        let waiting = thread::spawn({
            let had = had.clone();
            move || {
                let _guard = second.lock().expect("locks work");
                had.send("the waiting one").expect("it is counted");
            }
        });
        until_locked(&folder.join("turnstile"));
        drop(guard);
        let guard = first.lock().expect("locks work");
        had.send("the one that was in").expect("it is counted");
        drop(guard);
        waiting.join().expect("no panic");
        drop(had);
        order.iter().collect()
    }

    #[test]
    fn a_writer_that_has_just_been_in_never_overtakes_the_next_one() {
        let folder = tempfile::tempdir().expect("a folder");
        for round in 0..50 {
            let order = order(folder.path());
            assert_eq!(order, ["the waiting one", "the one that was in"], "round {round}");
        }
    }

    #[test]
    fn a_writer_without_a_turnstile_is_let_in_by_the_write_lock_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let command = WriteLock::open(&folder.path().join("persona.db")).expect("a write lock");
        let of_server = of_server(folder.path());
        let guard = of_server.lock().expect("locks work");
        assert!(command.lock_until(Instant::now()).expect("locks work").is_none());
        drop(guard);
        // What a stopped process of the server would hold.
        let turnstile = File::open(folder.path().join("turnstile")).expect("it is there");
        turnstile.lock().expect("locks work");
        drop(command.lock().expect("locks work"));
    }

    #[test]
    fn one_holder_at_a_time_has_the_lock_and_the_next_gets_it_on_release() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        let (first, second) = (
            WriteLock::open(&database).expect("a write lock"),
            WriteLock::open(&database).expect("a write lock"),
        );
        let guard = first.lock().expect("locks work");
        assert!(second.lock_until(Instant::now()).expect("locks work").is_none());
        let waiting = std::thread::spawn(move || {
            second.lock().map(|guard| guard.held() < Duration::from_mins(1))
        });
        drop(guard);
        assert!(waiting.join().expect("no panic").expect("locks work"));
    }
}
