//! The lock of heavy writes: one heavy write at a time over all processes, from the moment at which
//! its result is worked out until its commit.
//!
//! Without this lock each process could have one heavy write at the write lock, and a light write
//! would wait for as many heavy ones as there are processes. With it, light writes are committed
//! between two heavy ones, because the second one is worked out only then. A result that was worked
//! out is also never made void by a heavy write of another process.
//!
//! The lock is `flock(2)` on a file beside the database. The kernel keeps the order of the waiters,
//! and releases the lock of a killed process at once. The lock keeps order and nothing else: a
//! heavy write that cannot have it goes on without it. That is so when the file cannot be opened,
//! such as one of another user, and when the holder does not release it in time, such as a
//! suspended command.

use std::fs::File;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::sqlite::files::ownership::open_or_make;
use crate::sqlite::files::paths::with_suffix;
use crate::{Error, Party, Turn, Turns};

/// Heavy writes at a time in one process, of which one at a time is the one over all processes.
const AT_ONCE: usize = 1;

/// Longest wait for the other processes. A heavy write takes a fraction of a second, so a holder
/// that needs longer than this is stopped.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The heavy write lock of one process.
pub(crate) struct HeavyWriteLock {
    database: PathBuf,
    turns: Turns,
    shared: Arc<Shared>,
}

/// What the waiting thread shares with the lock.
#[derive(Default)]
struct Shared {
    /// Whether a thread of this process is in the kernel's queue. There is one at most, so that a
    /// holder that never releases the lock costs one thread.
    is_waiting: AtomicBool,
    /// Whether the log has already reported that the lock could not be taken.
    was_told: AtomicBool,
}

/// The right to one heavy write, until the value is dropped.
#[derive(Debug)]
pub(crate) struct HeavyWriteGuard {
    /// The locked file; `None` when the write goes on without the lock. Released first, so that the
    /// next heavy write of this process finds it free.
    _file: Option<File>,
    _turn: Turn,
}

impl HeavyWriteLock {
    /// What is added to the name of a database for the name of this file.
    pub(crate) const SUFFIX: &str = "-heavy";

    pub(crate) fn of(database: &Path) -> Self {
        Self { database: database.into(), turns: Turns::new(AT_ONCE), shared: Arc::default() }
    }

    /// The file of the lock, beside the database. The first heavy write makes it, and nothing
    /// removes it.
    pub(crate) fn path(database: &Path) -> PathBuf {
        with_suffix(database, Self::SUFFIX)
    }

    /// Waits for the right to a heavy write: first for the other clients of this process, then for
    /// the other processes.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`]: the turn did not come before the deadline.
    pub(crate) async fn enter(
        &self,
        client: Option<Party>,
        deadline: Instant,
    ) -> std::result::Result<HeavyWriteGuard, Error> {
        let busy = || Error::Busy { what: "its turn to write" };
        let turn = self.turns.take(client, deadline).await.ok_or_else(busy)?;
        let without_lock_at = Instant::now() + WAIT_MAX;
        let Some(locked) = self.wait_in_a_thread() else {
            return Ok(HeavyWriteGuard { _file: None, _turn: turn });
        };
        match tokio::time::timeout_at(without_lock_at.min(deadline).into(), locked).await {
            Ok(file) => Ok(HeavyWriteGuard { _file: file.ok().flatten(), _turn: turn }),
            Err(_) if without_lock_at < deadline => {
                tracing::warn!(
                    file = %Self::path(&self.database).display(),
                    wait_s = WAIT_MAX.as_secs(),
                    "another process does not release the lock of heavy writes: heavy writes go on without it"
                );
                Ok(HeavyWriteGuard { _file: None, _turn: turn })
            }
            Err(_) => Err(busy()),
        }
    }

    /// The lock of a database if no process holds it, until the file is dropped.
    pub(crate) fn try_lock(database: &Path) -> Option<File> {
        let file = open_or_make(&Self::path(database), database).ok()?;
        file.try_lock().ok().map(|()| file)
    }

    /// Lets a thread wait in the kernel's queue, because that wait has no deadline. `None` when an
    /// earlier thread still waits there: its write has given up, and so would the next one.
    fn wait_in_a_thread(&self) -> Option<oneshot::Receiver<Option<File>>> {
        if self.shared.is_waiting.swap(true, AcqRel) {
            return None;
        }
        let (database, shared) = (self.database.clone(), Arc::clone(&self.shared));
        let (sender, receiver) = oneshot::channel();
        // A thread of its own: a runtime that shuts down waits for its blocking tasks.
        let waiter = std::thread::Builder::new().name("heavy-write-lock".into()).spawn(move || {
            let locked = lock(&database);
            if let Err(error) = &locked
                && !shared.was_told.swap(true, Relaxed)
            {
                let file = Self::path(&database);
                tracing::warn!(file = %file.display(), %error, "heavy writes take no turns with those of other processes");
            }
            shared.is_waiting.store(false, Release);
            // A write that has given up drops the file here, which releases the lock.
            let _ = sender.send(locked.ok());
        });
        if waiter.is_err() {
            self.shared.is_waiting.store(false, Release);
        }
        Some(receiver)
    }

    #[cfg(test)]
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }
}

/// Waits for the lock without a deadline. The file is opened for each turn, so that the lock ends
/// with the file.
fn lock(database: &Path) -> Result<File> {
    let file = open_or_make(&HeavyWriteLock::path(database), database)?;
    loop {
        match file.lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            locked => return locked.map(|()| file),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{HeavyWriteLock, lock};
    use crate::Error;

    fn soon() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_is_in_over_all_processes_and_a_turn_that_does_not_come_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        // Each has a file of its own, as two processes have.
        let (one, other) = (HeavyWriteLock::of(&database), HeavyWriteLock::of(&database));
        let guard = one.enter(None, soon()).await.expect("free");
        let late = other.enter(None, Instant::now() + Duration::from_millis(1)).await;
        assert!(matches!(late, Err(Error::Busy { .. })), "{late:?}");
        drop(guard);
        drop(other.enter(None, soon()).await.expect("its turn"));
        assert_eq!((one.turns().taken(), other.turns().taken()), (0, 0));
        assert!(lock(&database).is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_holder_that_never_releases_the_lock_stops_no_heavy_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        let held = lock(&database).expect("free");
        let heavy = HeavyWriteLock::of(&database);
        // The first write waits for as long as a heavy write of another process may take. The
        // second one does not wait again, so it is in before a deadline that has almost passed.
        drop(heavy.enter(None, soon()).await.expect("in without the lock"));
        let second = heavy.enter(None, Instant::now() + Duration::from_secs(1)).await;
        drop(second.expect("in without the lock"));
        drop(held);
        // The thread that waited takes the lock and drops it, and the lock is in use again.
        drop(lock(&database).expect("released"));
        let guard = heavy.enter(None, soon()).await.expect("in");
        drop(guard);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_stops_no_heavy_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        std::fs::create_dir(HeavyWriteLock::path(&database)).expect("a folder");
        assert!(lock(&database).is_err());
        drop(HeavyWriteLock::of(&database).enter(None, soon()).await.expect("it goes on"));
    }
}
