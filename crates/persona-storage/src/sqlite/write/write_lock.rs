//! The write lock: a lock in front of SQLite's own writer lock, at which nobody starves.
//!
//! SQLite waits for its lock by polling, which is unfair and has a tail of seconds. The write lock
//! waits in the kernel, on `flock(2)` of a file beside the database, and a killed holder lets go at
//! once. The file is never the database itself and is never removed, so that all processes always
//! lock the same file.
//!
//! The kernel wakes who waits, but does not hold the lock back for them: whoever has just been in,
//! and is still running, would be quicker. So they let the others in first.
//!
//! Every writer of every process goes through it: workers, keeper, command line.

use std::cell::Cell;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sqlite::files::ownership::open_or_make;
use crate::sqlite::files::paths::with_suffix;
use crate::{NoObserver, Observer};

/// Pause between attempts where waiting needs a deadline, which the kernel's blocking lock does not
/// have.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(2);

/// How long who has just been in lets others go first, at most: longer than a waiter needs to wake
/// up on a busy machine.
const COURTESY_MAX: Duration = Duration::from_millis(2);
/// Pause between two looks whether one of them is in.
const COURTESY_PAUSE: Duration = Duration::from_micros(50);

/// One opened write lock. Each thread that writes has its own: the lock belongs to the opened file.
pub struct WriteLock {
    file: File,
    observer: Arc<dyn Observer>,
    /// When this one was last left.
    left_at: Cell<Option<Instant>>,
}

/// The right to write; dropping it lets the next one in.
pub struct WriteGuard<'a> {
    write_lock: &'a WriteLock,
    since: Instant,
}

impl WriteLock {
    /// What is added to the name of a database for the name of its write lock.
    pub(crate) const SUFFIX: &str = "-gate";

    /// Opens the write lock of a database, and makes its file when it is the first; then it belongs
    /// to whom the database belongs to.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn open(database: &Path) -> std::io::Result<Self> {
        let file = open_or_make(&Self::path(database), database)?;
        Ok(Self { file, observer: Arc::new(NoObserver), left_at: Cell::default() })
    }

    /// Reports who waits and who is in, while it lasts: others must be able to say whom they wait
    /// for.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Where the write lock of a database lies: beside it, with `-gate` added to the name.
    pub fn path(database: &Path) -> PathBuf {
        with_suffix(database, Self::SUFFIX)
    }

    /// Waits for its turn, as long as it takes.
    ///
    /// # Errors
    ///
    /// The file system does not know locks.
    pub fn lock(&self) -> std::io::Result<WriteGuard<'_>> {
        self.let_others_go_first();
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

    /// Waits until one of those who wait is in, if this one has just been.
    fn let_others_go_first(&self) {
        let Some(left_at) = self.left_at.take() else { return };
        while left_at.elapsed() < COURTESY_MAX && self.observer.a_waiter_is_waking() {
            std::thread::sleep(COURTESY_PAUSE);
        }
    }

    /// Tries to enter until a deadline; `None` when others were in all the time. Not fair: for init
    /// only, which comes before the first writer.
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
    /// How long the write lock has been held.
    pub fn held(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        // Cannot fail on a descriptor that holds the lock; and if it did, the lock would go with
        // the process.
        let _ = self.write_lock.file.unlock();
        self.write_lock.observer.write_lock_held(self.since.elapsed());
        self.write_lock.left_at.set(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    use super::{COURTESY_MAX, WriteLock};
    use crate::Observer;

    /// Somebody waits, and is in after three looks.
    #[derive(Default)]
    struct Waking {
        looks: AtomicU32,
    }

    impl Observer for Waking {
        fn a_waiter_is_waking(&self) -> bool {
            self.looks.fetch_add(1, Ordering::Relaxed) < 3
        }
    }

    #[test]
    fn who_has_just_been_in_lets_others_go_first_and_nobody_else_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let waking = Arc::new(Waking::default());
        let write_lock = WriteLock::open(&folder.path().join("persona.db"))
            .expect("a write lock")
            .observed_by(waking.clone());
        let looks_of_entering = || {
            let before = waking.looks.load(Ordering::Relaxed);
            drop(write_lock.lock().expect("locks work"));
            waking.looks.load(Ordering::Relaxed) - before
        };
        assert_eq!(looks_of_entering(), 0, "it was not in before");
        assert!(write_lock.left_at.get().is_some(), "now it was");
        // However slowly this test runs, it is just now.
        write_lock.left_at.set(Some(Instant::now() + Duration::from_mins(1)));
        assert_eq!(looks_of_entering(), 4);
        write_lock.left_at.set(Instant::now().checked_sub(COURTESY_MAX));
        assert_eq!(looks_of_entering(), 0, "long after, nobody is still waking up");
    }

    #[test]
    fn only_one_holder_is_let_in_and_the_next_enters_when_it_leaves() {
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
