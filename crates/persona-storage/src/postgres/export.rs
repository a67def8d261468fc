//! Every persona of one snapshot, as a stream.
//!
//! The export is a cursor of the database, read row by row: rows that the reader has not taken wait
//! in a bounded queue, then in the socket, then in the server. So neither side ever holds more than
//! a few personas, and an export that is dropped ends at once. It has a place among the exports of
//! the process until its connection has ended, however it ends.

use std::time::{Duration, Instant};

use persona_model::{
    HistoryFacts, LabelName, PastLabel, Revision, Timestamp, has_labels, history_line,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_postgres::Row;

use super::connection::{Connection, Statement};
use super::driver_error::DriverError;
use super::error::{Meaning, damaged, from_driver};
use super::lease::Leases;
use super::row;
use super::shares::Kind;
use crate::export::Outlet;
use crate::history_count::HistoryCount;
use crate::{Error, Export, ExportRequest, Exported, Representation};

/// Rows of one fetch. They are read one by one, so their number is no bound of memory.
const FETCH_ROWS: usize = 256;
/// Longest wait for a place: an export that has just ended frees its place at once, and others can
/// take hours.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(1);
/// Longest wait for a connection.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(5);
/// Most attempts to begin an export on another connection.
const OPEN_ATTEMPTS_MAX: usize = 3;

/// How far a reader may fall behind the minimum rate before it loses the export, because its
/// snapshot keeps the database from removing old rows.
const READER_LAG_MAX: Duration = Duration::from_secs(30);
/// The minimum rate of a reader, in bytes per second of waiting for it; the same as for a file.
const READER_BYTES_PER_SECOND_MIN: u32 = 64 * 1024;

/// Why an export ended before its end.
enum Ended {
    /// The client does not read any more.
    Dropped,
    /// The export failed, and the reader must get the error.
    Failed(Error),
}

impl From<DriverError> for Ended {
    fn from(error: DriverError) -> Self {
        Self::Failed(from_driver(error))
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Starts an export as a task of its own, with a connection of its own.
pub(super) async fn start(leases: &Leases, request: ExportRequest) -> Result<Export, Error> {
    let place = leases.place(Kind::Export, PLACE_WAIT_MAX).await?;
    // If the task is aborted, dropping the outlet tells the reader that the export is incomplete.
    let (outlet, export) = Export::channel();
    let (opened, is_open) = oneshot::channel();
    let exporting = leases.clone();
    // All of it in one task: a connection in the middle of a transaction must not go back to the
    // pool, also when the client gives up.
    leases.pool.io_thread().spawn(async move {
        match open(&exporting, &request).await {
            Ok(connection) => {
                // A client that has gone does not receive either, and that ends the export.
                let _ = opened.send(Ok(()));
                run(&exporting, connection, place, outlet, &request).await;
            }
            Err(error) => drop(opened.send(Err(error))),
        }
    });
    is_open.await.map_err(|_| Error::Closed("it is closing"))??;
    Ok(export)
}

/// Opens the cursor: the snapshot is that of now. A fetch takes as long as its reader, so it has no
/// limit of time on the server; the queue has one.
async fn open(leases: &Leases, request: &ExportRequest) -> Result<Connection, Error> {
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
         SET LOCAL statement_timeout = 0;
         DECLARE everything NO SCROLL CURSOR FOR {}",
        sql_of(request)
    );
    let mut attempts = 0;
    loop {
        attempts += 1;
        let connection = leases.connection(CONNECTION_WAIT_MAX).await?;
        match connection.execute(&sql).await {
            Ok(()) => return Ok(connection),
            Err(error) => {
                connection.discard();
                // A connection that broke while it was idle is found out by its next use.
                if attempts >= OPEN_ATTEMPTS_MAX || Meaning::of(&error) != Meaning::Away {
                    return Err(from_driver(error));
                }
            }
        }
    }
}

fn sql_of(request: &ExportRequest) -> String {
    let of_owners = format!("{} AND {}", of_owners(request), request.of_handle("p.handle"));
    match request.exported {
        Exported::Living => format!(
            "SELECT p.id, p.revision, p.deleted_at IS NOT NULL, p.head, p.document
             FROM persona_store.personas AS p
             WHERE p.deleted_at IS NULL AND {of_owners}
             ORDER BY p.created_at, p.id"
        ),
        Exported::All => format!(
            "SELECT p.id, p.revision, p.deleted_at IS NOT NULL, p.head, p.document
             FROM persona_store.personas AS p
             WHERE {of_owners}
             ORDER BY p.created_at, p.id"
        ),
        Exported::History => format!(
            "SELECT p.id, r.revision, r.deleted, r.head, r.document, p.revision, r.base, r.note, p.deleted_at IS NOT NULL,
                    CASE WHEN r.revision = p.revision OR (p.deleted_at IS NOT NULL AND r.revision = p.revision - 1)
                         THEN {LABELS} END,
                    r.parent
             FROM persona_store.changes AS c
             JOIN persona_store.personas AS p ON p.id = c.persona
             JOIN persona_store.revisions AS r ON r.persona = c.persona AND r.revision = c.revision
             WHERE c.label IS NULL AND r.head <> '' AND {of_owners}
             ORDER BY c.sequence"
        ),
    }
}

/// The labels of a persona `p`, in the order of their words.
const LABELS: &str = "
    (SELECT json_agg(json_build_array(m.label, m.revision, m.at, m.author) ORDER BY m.label)::text
     FROM persona_store.labels AS l
     JOIN persona_store.label_moves AS m ON m.persona = l.persona AND m.label = l.label AND m.version = l.version
     WHERE l.persona = p.id)";

/// What must hold of the owner of a persona `p`. A cursor takes no parameters, so the owners stand
/// in the statement: their names have neither quotes nor backslashes.
fn of_owners(request: &ExportRequest) -> String {
    let Some(owners) = request.owners() else { return "true".into() };
    let is_plain = |owner: &&&str| !owner.contains(['\'', '\\']);
    let owners: Vec<String> =
        owners.iter().filter(is_plain).map(|owner| format!("'{owner}'")).collect();
    if owners.is_empty() { "false".into() } else { format!("p.owner IN ({})", owners.join(", ")) }
}

/// The same answer as a line of a history.
fn in_history(
    found: &Row,
    answer: &Representation,
    count: &mut HistoryCount,
) -> Result<Representation, Error> {
    let last = row::revision(found, 5)?;
    let (base, before) = (row::optional_revision(found, 6)?, row::optional_revision(found, 10)?);
    count.count(answer.revision, before, last);
    let previous = before.filter(|before| before.next() != answer.revision);
    let labels = if has_labels(answer.revision, last, row::value(found, 8)?) {
        past_labels(row::value(found, 9)?)?
    } else {
        Vec::new()
    };
    let facts = HistoryFacts { last, previous, base, note: row::value(found, 7)?, labels };
    let line = history_line(&answer.body, &facts);
    Ok(Representation { body: line.into(), ..answer.clone() })
}

/// The labels of a persona, from the JSON that the statement makes of them.
fn past_labels(text: Option<&str>) -> Result<Vec<PastLabel>, Error> {
    type Row = (String, u64, i64, Option<String>);
    let unreadable = || damaged(&"the labels of a persona cannot be read");
    let rows: Vec<Row> = match text {
        None => Vec::new(),
        Some(text) => serde_json::from_str(text).map_err(|_| unreadable())?,
    };
    let label = |(name, revision, at, author): Row| {
        let (name, revision) = (LabelName::parse(&name).ok()?, Revision::new(revision)?);
        Some(PastLabel { name, revision, at: Timestamp::from_micros(at), author })
    };
    rows.into_iter().map(|row| label(row).ok_or_else(unreadable)).collect()
}

/// Sends everything, and ends the connection before the place is free again.
async fn run(
    leases: &Leases,
    connection: Connection,
    place: OwnedSemaphorePermit,
    outlet: Outlet,
    request: &ExportRequest,
) {
    let ended = match send_all(&connection, &outlet, request).await {
        Ok(()) => {
            drop((connection, place));
            return outlet.end(Ok(()));
        }
        Err(ended) => ended,
    };
    // The error is sent first, so that the reader does not wait for the server.
    if let Ended::Failed(error) = ended {
        outlet.end(Err(error));
    }
    leases.pool.cancel(&connection).await;
    connection.discard();
    drop(place);
}

async fn send_all(
    connection: &Connection,
    outlet: &Outlet,
    request: &ExportRequest,
) -> Result<(), Ended> {
    let (leave, mut left) = oneshot::channel();
    outlet.on_left(move || {
        // An error means that nothing waits for the message any more.
        let _ = leave.send(());
    });
    let fetch = format!("FETCH {FETCH_ROWS} FROM everything");
    let is_history = request.exported == Exported::History;
    let mut lag = Lag::default();
    let mut history = HistoryCount::default();
    loop {
        let mut rows = connection.stream(&fetch).await?;
        let mut count = 0;
        loop {
            let found = tokio::select! {
                found = rows.next() => found?,
                _ = &mut left => return Err(Ended::Dropped),
            };
            let Some(found) = found else { break };
            count += 1;
            let answer = row::representation(&found, 1, row::id(&found, 0)?)?;
            let answer =
                if is_history { in_history(&found, &answer, &mut history)? } else { answer };
            let (bytes, began) = (answer.body.len(), Instant::now());
            match tokio::time::timeout(lag.left(), outlet.send(answer)).await {
                Ok(sent) => sent.map_err(|_| Ended::Dropped)?,
                Err(_) => {
                    return Err(Ended::Failed(Error::Busy { what: "the reader of the export" }));
                }
            }
            lag.pass(began.elapsed(), bytes);
        }
        if count < FETCH_ROWS {
            if is_history {
                history.end(personas(connection, request).await?)?;
            }
            return Ok(connection.execute("COMMIT").await?);
        }
    }
}

/// How many personas there are, in the snapshot of the export.
async fn personas(connection: &Connection, request: &ExportRequest) -> Result<u64, Ended> {
    let sql = format!(
        "SELECT count(*) FROM persona_store.personas AS p WHERE {} AND {}",
        of_owners(request),
        request.of_handle("p.handle")
    );
    let rows = connection.rows(Statement::Once(&sql), &[]).await?;
    let found = rows.first().ok_or(Error::Closed("the schema is gone"))?;
    Ok(row::number(found, 0)?)
}

/// How far a reader is behind the minimum rate. Being ahead does not count, so a fast beginning
/// earns no later pause.
#[derive(Clone, Copy, Default, Debug)]
struct Lag(Duration);

impl Lag {
    /// Adds a wait for the reader and the bytes that it then took.
    fn pass(&mut self, waited: Duration, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.0 = (self.0 + waited)
            .saturating_sub(Duration::from_secs(1) * bytes / READER_BYTES_PER_SECOND_MIN);
    }

    fn left(self) -> Duration {
        READER_LAG_MAX.saturating_sub(self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Lag, READER_LAG_MAX};

    #[test]
    fn a_reader_that_trickles_loses_the_export_however_fast_it_began() {
        let mut lag = Lag::default();
        for _ in 0..1000 {
            lag.pass(Duration::ZERO, 1024 * 1024);
        }
        let mut waits = 0;
        while !lag.left().is_zero() {
            lag.pass(Duration::from_secs(5), 64 * 1024);
            waits += 1;
        }
        // Four of each five seconds are too many.
        assert_eq!(waits, 8);
        let mut lag = Lag::default();
        for _ in 0..1000 {
            lag.pass(Duration::from_secs(1), 64 * 1024);
        }
        assert_eq!(lag.left(), READER_LAG_MAX);
    }
}
