//! The gate of heavy writes: one of them at a time over all processes, from when it is worked out
//! until it is committed.
//!
//! With one heavy write of each process at the gate of all writers, a light one would wait for as
//! many as there are processes. With one over all, light writes go through between two heavy ones:
//! the next one is only worked out then. So nothing that was worked out is made void by a heavy
//! write of another process either.
//!
//! As the gate of all writers it waits in the kernel, and a killed holder lets go at once. It keeps
//! order and nothing else: a heavy write behind a lock that cannot be had, such as that of a file
//! of another user, goes on without it.

use std::fs::File;
use std::io::{ErrorKind, Result};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crate::sqlite::files::ownership::open_or_make;
use crate::sqlite::files::paths::with_suffix;
use crate::{Error, Turn, Turns};

/// Heavy writes at a time in one process, of which one at a time is the one over all processes.
const AT_ONCE: usize = 1;

/// The gate of heavy writes, as one process knows it.
pub(crate) struct HeavyGate {
    database: PathBuf,
    turns: Turns,
    /// Whether the log says already that the lock could not be had.
    was_told: Arc<AtomicBool>,
}

/// The right to one heavy write, until this is dropped.
#[derive(Debug)]
pub(crate) struct HeavyPass {
    /// Locked; given up first, so that the next of this process finds it free.
    _file: Option<File>,
    _turn: Turn,
}

impl HeavyGate {
    /// What is added to the name of a database for the name of its gate of heavy writes.
    pub(crate) const SUFFIX: &str = "-heavy";

    pub(crate) fn of(database: &Path) -> Self {
        Self { database: database.into(), turns: Turns::new(AT_ONCE), was_told: Arc::default() }
    }

    /// Where it lies: beside the database. The file is made by the first heavy write, and never
    /// removed.
    pub(crate) fn path(database: &Path) -> PathBuf {
        with_suffix(database, Self::SUFFIX)
    }

    /// Waits for its turn, first in this process, by clients, and then among processes.
    ///
    /// # Errors
    ///
    /// The turn did not come before the deadline, or too many wait for theirs; or a fault of the
    /// program.
    pub(crate) async fn enter(
        &self,
        client: Option<IpAddr>,
        deadline: Instant,
    ) -> std::result::Result<HeavyPass, Error> {
        let busy = || Error::Busy { what: "its turn to write" };
        let turn = self.turns.take(client, deadline).await.ok_or_else(busy)?;
        let (database, was_told) = (self.database.clone(), Arc::clone(&self.was_told));
        // The kernel's lock has no deadline: a request that gives up leaves the thread to it, with
        // the turn of this process.
        let waiting = tokio::task::spawn_blocking(move || {
            let locked = lock(&database);
            if let Err(error) = &locked
                && !was_told.swap(true, Relaxed)
            {
                tracing::warn!(file = %Self::path(&database).display(), %error, "heavy writes take no turns with those of other processes");
            }
            HeavyPass { _file: locked.ok(), _turn: turn }
        });
        let pass = tokio::time::timeout_at(deadline.into(), waiting).await.map_err(|_| busy())?;
        pass.map_err(|error| Error::Backend(Box::new(error)))
    }

    #[cfg(test)]
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }
}

/// Opened for each turn, so that nothing has to be kept in order between two, and the lock goes
/// with the file.
fn lock(database: &Path) -> Result<File> {
    let file = open_or_make(&HeavyGate::path(database), database)?;
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

    use super::{HeavyGate, lock};
    use crate::Error;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_is_in_over_all_processes_and_a_turn_that_does_not_come_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        // Each has a file of its own, as two processes have.
        let (one, other) = (HeavyGate::of(&database), HeavyGate::of(&database));
        let soon = || Instant::now() + Duration::from_mins(1);
        let pass = one.enter(None, soon()).await.expect("free");
        let late = other.enter(None, Instant::now() + Duration::from_millis(1)).await;
        assert!(matches!(late, Err(Error::Busy { .. })), "{late:?}");
        // What gave up still has the turn of its process, until it is its turn among processes.
        assert_eq!(other.turns().taken(), 1);
        drop(pass);
        drop(other.enter(None, soon()).await.expect("its turn"));
        assert_eq!((one.turns().taken(), other.turns().taken()), (0, 0));
        assert!(lock(&database).is_ok());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_in_no_heavy_writes_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("persona.db");
        std::fs::create_dir(HeavyGate::path(&database)).expect("a folder");
        let soon = Instant::now() + Duration::from_mins(1);
        assert!(lock(&database).is_err());
        drop(HeavyGate::of(&database).enter(None, soon).await.expect("it goes on"));
    }
}
