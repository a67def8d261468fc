//! The write lock: a lock in front of SQLite's own writer lock. Every waiter gets its turn.
//!
//! SQLite waits for its lock by polling, which is unfair and has a tail of seconds. A wait for the
//! write lock happens in the kernel, on `flock(2)` of a file beside the database. The kernel
//! releases the lock of a killed process at once. The file is never the database itself and is
//! never removed, so that all processes always lock the same file. Its name ends in `-gate`: that
//! name is a protocol between versions of this program.
//!
//! The kernel wakes a waiter, but does not keep the lock for it: a writer that has just released
//! the lock and still runs would take it again first. So a writer yields to waiters before it locks
//! again (ADR 0022).
//!
//! Every writer of every process takes this lock: workers, the maintenance process, the command
//! line.

use std::cell::Cell;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sqlite::files::ownership::open_or_make;
use crate::sqlite::files::paths::with_suffix;
use crate::{NoObserver, Observer, WaiterView};

/// Pause between two attempts where the wait has a deadline, which the kernel's blocking lock does
/// not have.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(2);

/// Longest time for which a writer yields to waiters: longer than a waiter needs to wake up on a
/// busy machine.
const YIELD_MAX: Duration = Duration::from_millis(2);
/// Pause between two looks at whether a waiter has taken the lock.
const YIELD_PAUSE: Duration = Duration::from_micros(50);

/// One opened write lock. Each thread that writes has its own, because the lock belongs to the
/// opened file.
pub struct WriteLock {
    file: File,
    observer: Arc<dyn Observer>,
    waiters: Arc<dyn WaiterView>,
    /// The time at which this one was last released.
    released_at: Cell<Option<Instant>>,
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
        Ok(Self {
            file,
            observer: Arc::new(NoObserver),
            waiters: Arc::new(NoObserver),
            released_at: Cell::default(),
        })
    }

    /// Reports waits and holds to the observer, and asks it whether other processes wait.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { waiters: Arc::clone(&observer) as Arc<dyn WaiterView>, observer, ..self }
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
        self.yield_to_waiters();
        let waiting = Instant::now();
        self.observer.write_lock_waiting();
        loop {
            match self.file.lock() {
                Ok(()) => {
                    let since = Instant::now();
                    self.observer.write_lock_waited(since - waiting);
                    return Ok(WriteGuard { write_lock: self, since });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until a waiter has the lock, if this writer has just released it.
    fn yield_to_waiters(&self) {
        let Some(released_at) = self.released_at.take() else { return };
        while released_at.elapsed() < YIELD_MAX && self.waiters.a_waiter_is_waking() {
            std::thread::sleep(YIELD_PAUSE);
        }
    }

    /// Tries to lock until a deadline; `None` when the lock was held all the time.
    ///
    /// Not fair: only for a process that comes before the first writer, such as init.
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
        self.write_lock.released_at.set(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    use super::{WriteLock, YIELD_MAX};
    use crate::{Observer, WaiterView};

    /// A waiter that has the lock after three looks.
    #[derive(Default)]
    struct Waking {
        looks: AtomicU32,
    }

    impl Observer for Waking {}

    impl WaiterView for Waking {
        fn a_waiter_is_waking(&self) -> bool {
            self.looks.fetch_add(1, Ordering::Relaxed) < 3
        }
    }

    #[test]
    fn a_writer_that_has_just_left_yields_to_waiters_and_no_other_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let waking = Arc::new(Waking::default());
        let write_lock = WriteLock::open(&folder.path().join("persona.db"))
            .expect("a write lock")
            .observed_by(waking.clone());
        let looks_while_locking = || {
            let before = waking.looks.load(Ordering::Relaxed);
            drop(write_lock.lock().expect("locks work"));
            waking.looks.load(Ordering::Relaxed) - before
        };
        assert_eq!(looks_while_locking(), 0, "it did not hold the lock before");
        assert!(write_lock.released_at.get().is_some(), "now it did");
        // However slowly this test runs, the release counts as just now.
        write_lock.released_at.set(Some(Instant::now() + Duration::from_mins(1)));
        assert_eq!(looks_while_locking(), 4);
        write_lock.released_at.set(Instant::now().checked_sub(YIELD_MAX));
        assert_eq!(looks_while_locking(), 0, "long after a release no waiter is still waking up");
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
