//! Readers: connections that cannot write.
//!
//! Two kinds. A **short** read (one persona by its identity) runs inline on the calling thread's own connection: no
//! pool, no hand-over, no cache, so it costs one SELECT and is strict by construction. A **long** read (a list, a page
//! of history, an export) runs on a thread for blocking work with a connection from a small pool, so that it never
//! holds up a short one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use thread_local::ThreadLocal;
use tokio::sync::Semaphore;

use super::connection::{self, Purpose};
use super::reading::{Reading, Readings};
use super::{Settings, StartError};
use crate::{Error, NoObserver, Observer};

/// Long reads that run at once in one process; more would only fight for the same few cores.
const LONG_READS_MAX: usize = 4;
/// How long a long read waits for its turn.
const LONG_READ_WAIT_MAX: Duration = Duration::from_secs(10);

/// The readers of one process.
pub(super) struct Readers {
    settings: Settings,
    short: ThreadLocal<Connection>,
    long: Arc<LongReaders>,
    readings: Arc<Readings>,
}

struct LongReaders {
    turns: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(settings: Settings, observer: Arc<dyn Observer>) -> Self {
        let long = LongReaders { turns: Semaphore::new(LONG_READS_MAX), idle: Mutex::default() };
        let readings = Readings::new(observer);
        Self { settings, short: ThreadLocal::new(), long: Arc::new(long), readings }
    }

    /// A new connection that only reads.
    pub(super) fn open(&self) -> Result<Connection, StartError> {
        connection::open(&self.settings, Purpose::Read, Arc::new(NoObserver))
    }

    /// Notes that a snapshot is read from, until the result is dropped.
    pub(super) fn begin_reading(&self) -> Reading {
        self.readings.begin()
    }

    /// Runs a short read on this thread.
    pub(super) fn short<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        read(self.short.get_or_try(|| self.open()).map_err(unopened)?)
    }

    /// Runs a long read on another thread.
    ///
    /// # Cancellation
    ///
    /// Dropping the future lets the read finish in vain; it holds no lock that anybody waits for.
    pub(super) async fn long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = tokio::time::timeout(LONG_READ_WAIT_MAX, self.long.turns.acquire())
            .await
            .map_err(|_| Error::Busy { what: "its turn to read" })?
            .map_err(|_| Error::Closed("it is closing"))?;
        let idle = self.long.idle.lock().ok().and_then(|mut idle| idle.pop());
        let connection = match idle {
            Some(connection) => connection,
            None => self.open().map_err(unopened)?,
        };
        let long = Arc::clone(&self.long);
        let reading = self.begin_reading();
        let result = tokio::task::spawn_blocking(move || {
            let result = read(&connection);
            drop(reading);
            if let Ok(mut idle) = long.idle.lock() {
                idle.push(connection);
            }
            result
        });
        let result = result.await.map_err(|error| Error::Backend(Box::new(error)))?;
        drop(turn);
        result
    }
}

/// A connection that cannot be opened although others are open.
fn unopened(error: StartError) -> Error {
    Error::Backend(Box::new(error))
}
