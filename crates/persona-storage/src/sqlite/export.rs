//! Every persona of one snapshot, as a stream.

use std::time::Duration;

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{OwnedPermit, Sender, channel};

use super::error::from_driver;
use super::reading::Reading;
use super::row;
use crate::{Answer, Error, Export};

/// Personas that wait for a slow reader: at 10 KB each, about a megabyte.
const WAITING_MAX: usize = 128;
/// A snapshot keeps the log from being cut back, so a reader that takes nothing for this long loses the export.
const READER_WAIT_MAX: Duration = Duration::from_secs(30);

type Item = Result<Answer, Error>;

/// Starts an export on a thread of its own, with a connection of its own.
pub(super) async fn start(connection: Connection, reading: Reading, include_deleted: bool) -> Result<Export, Error> {
    // One place more than the queue uses: the last word of a failed export always fits, so that a broken stream can
    // never look like a complete one.
    let (sender, export) = channel(WAITING_MAX + 1);
    let last_word = sender.clone().reserve_owned().await.map_err(|_| Error::Closed("the export was dropped"))?;
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _reading = reading;
        let outlet = Outlet { runtime, sender };
        finish(last_word, send_all(&connection, include_deleted, &outlet));
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
}

impl Outlet {
    fn send(&self, answer: Answer) -> Result<(), Ended> {
        use tokio::sync::mpsc::error::SendTimeoutError;
        match self.runtime.block_on(self.sender.send_timeout(Ok(answer), READER_WAIT_MAX)) {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_)) => Err(Ended::Dropped),
            Err(SendTimeoutError::Timeout(_)) => Err(Ended::Failed(Error::Busy { what: "the reader of the export" })),
        }
    }
}

fn send_all(connection: &Connection, include_deleted: bool, outlet: &Outlet) -> Result<(), Ended> {
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
