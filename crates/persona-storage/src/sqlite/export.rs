//! Every persona of one snapshot, as a stream.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::error::from_driver;
use super::reading::Reading;
use super::{connection, row};
use crate::export::{Outlet as Queue, Unsent};
use crate::{Answer, Error, Export};

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

/// Starts an export on a thread of its own, with a connection of its own.
///
/// `log` is a second connection, because one that reads a snapshot cannot ask for the size of the log.
pub(super) fn start(connection: Connection, log: Connection, reading: Reading, include_deleted: bool) -> Export {
    let (queue, export) = Export::channel();
    tokio::task::spawn_blocking(move || {
        let _reading = reading;
        let log_bytes_before = connection::wal_bytes(&log).unwrap_or(u64::MAX);
        let mut outlet = Outlet { queue, log, log_bytes_before, waited: Duration::ZERO, looked_at: Instant::now() };
        let end = send_all(&connection, include_deleted, &mut outlet);
        // Closed before the end is told: after that the caller may close the file.
        drop(connection);
        match end {
            Ok(()) => outlet.queue.end(Ok(())),
            Err(Ended::Failed(error)) => outlet.queue.end(Err(error)),
            Err(Ended::Dropped) => {}
        }
    });
    export
}

/// Why an export ended before its end.
enum Ended {
    /// Nobody reads any more.
    Dropped,
    /// It failed, and the reader has to know.
    Failed(Error),
}

struct Outlet {
    queue: Queue,
    log: Connection,
    log_bytes_before: u64,
    /// How long the reader was waited for, in sum.
    waited: Duration,
    looked_at: Instant,
}

impl Outlet {
    fn send(&mut self, answer: Answer) -> Result<(), Ended> {
        let (began, waited_before) = (Instant::now(), self.waited);
        let mut item = answer;
        loop {
            let sent = self.queue.send_within(item, LOOK_EVERY);
            self.waited = waited_before + began.elapsed();
            match sent {
                // Looked at here too: a reader that takes a little all the time is waited for without a pause.
                Ok(()) => return if self.is_in_the_way() { Err(too_slow()) } else { Ok(()) },
                Err(Unsent::Left) => return Err(Ended::Dropped),
                Err(Unsent::NoRoom(_)) if began.elapsed() >= READER_WAIT_MAX || self.is_in_the_way() => return Err(too_slow()),
                Err(Unsent::NoRoom(unsent)) => item = unsent,
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
