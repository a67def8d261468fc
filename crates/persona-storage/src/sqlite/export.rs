//! Every persona of one snapshot, as a stream.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::mpsc::{OwnedPermit, Sender, channel};

use super::error::from_driver;
use super::reading::Reading;
use super::{connection, row};
use crate::{Answer, Error, Export};

/// Personas that wait for a slow reader: at 10 KB each, about a megabyte.
const WAITING_MAX: usize = 128;
/// A reader that takes nothing for this long loses the export.
const READER_WAIT_MAX: Duration = Duration::from_secs(30);
/// A snapshot keeps the log from starting over. When the log is larger than this and the reader has been waited for so
/// long in sum, the reader loses the export too: then the writes of everybody else are worth more. Half of where the
/// keeper has the log start over, because writers go on until it has, and the log may not outgrow 64 MiB.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
const SLOW_READER_WAIT_MAX: Duration = Duration::from_millis(250);
/// From this size of the log on even a reader who was never waited for is in the way.
const LOG_BYTES_LAST: u64 = 44 * 1024 * 1024;
/// Nobody is in the way of writers who have not written this much since the export began.
const LOG_GROWTH_MIN: u64 = 8 * 1024 * 1024;
/// Pace at which the log is looked at: a fast disk takes a megabyte in this time.
const LOOK_EVERY: Duration = Duration::from_millis(20);

type Item = Result<Answer, Error>;

/// Starts an export on a thread of its own, with a connection of its own.
///
/// `log` is a second connection, because one that reads a snapshot cannot ask for the size of the log.
pub(super) async fn start(connection: Connection, log: Connection, reading: Reading, include_deleted: bool) -> Result<Export, Error> {
    // One place more than the queue uses: the last word of a failed export always fits, so that a broken stream can
    // never look like a complete one.
    let (sender, export) = channel(WAITING_MAX + 1);
    let last_word = sender.clone().reserve_owned().await.map_err(|_| Error::Closed("the export was dropped"))?;
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _reading = reading;
        let log_bytes_before = connection::wal_bytes(&log).unwrap_or(u64::MAX);
        let mut outlet = Outlet { runtime, sender, log, log_bytes_before, waited: Duration::ZERO, looked_at: Instant::now() };
        finish(last_word, send_all(&connection, include_deleted, &mut outlet));
    });
    Ok(export)
}

/// Why an export ended before its end.
enum Ended {
    /// Nobody reads any more.
    Dropped,
    /// It failed, and the reader has to know.
    Failed(Error),
}

fn finish(last_word: OwnedPermit<Item>, result: Result<(), Ended>) {
    if let Err(Ended::Failed(error)) = result {
        last_word.send(Err(error));
    }
}

struct Outlet {
    runtime: Handle,
    sender: Sender<Item>,
    log: Connection,
    log_bytes_before: u64,
    /// How long the reader was waited for, in sum.
    waited: Duration,
    looked_at: Instant,
}

impl Outlet {
    fn send(&mut self, answer: Answer) -> Result<(), Ended> {
        let (began, waited_before) = (Instant::now(), self.waited);
        let mut item = Ok(answer);
        loop {
            let sent = self.runtime.block_on(self.sender.send_timeout(item, LOOK_EVERY));
            self.waited = waited_before + began.elapsed();
            match sent {
                // Looked at here too: a reader that takes a little all the time is waited for without a pause.
                Ok(()) => return if self.is_in_the_way() { Err(too_slow()) } else { Ok(()) },
                Err(SendTimeoutError::Closed(_)) => return Err(Ended::Dropped),
                Err(SendTimeoutError::Timeout(_)) if began.elapsed() >= READER_WAIT_MAX || self.is_in_the_way() => return Err(too_slow()),
                Err(SendTimeoutError::Timeout(unsent)) => item = unsent,
            }
        }
    }

    /// Whether the log has outgrown what this reader may cost, which is less for one who is waited for.
    fn is_in_the_way(&mut self) -> bool {
        if self.looked_at.elapsed() < LOOK_EVERY {
            return false;
        }
        self.looked_at = Instant::now();
        let allowed = if self.waited < SLOW_READER_WAIT_MAX { LOG_BYTES_LAST } else { LOG_BYTES_MAX };
        // It cannot be told while a writer publishes its commit; the next look will.
        let Ok(bytes) = connection::wal_bytes(&self.log) else { return false };
        // Smaller than at the beginning when the log has started over, which a snapshot of its very end allows.
        self.log_bytes_before = self.log_bytes_before.min(bytes);
        bytes > allowed && bytes - self.log_bytes_before > LOG_GROWTH_MIN
    }
}

fn too_slow() -> Ended {
    Ended::Failed(Error::Busy { what: "the reader of the export" })
}

fn send_all(connection: &Connection, include_deleted: bool, outlet: &mut Outlet) -> Result<(), Ended> {
    let failed = |error| Ended::Failed(from_driver(error));
    // One statement is one snapshot. Row numbers grow in order of creation.
    let mut statement = connection
        .prepare(
            "SELECT id, revision, deleted_at IS NOT NULL, head, document, checksum
             FROM personas
             WHERE ?1 OR deleted_at IS NULL
             ORDER BY row_id",
        )
        .map_err(failed)?;
    let mut rows = statement.query([include_deleted]).map_err(failed)?;
    while let Some(found) = rows.next().map_err(failed)? {
        let answer = row::id(found, 0).and_then(|id| row::answer(found, 1, id)).map_err(failed)?;
        outlet.send(answer)?;
    }
    Ok(())
}
