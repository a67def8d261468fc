//! Every persona of one snapshot, as a stream.
//!
//! A cursor of the database, so that neither side ever holds more than a few rows, and so that an export that is dropped
//! ends at once.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_postgres::Error as DriverError;

use super::error::{Meaning, from_driver, from_pool};
use super::pool::{Connection, Pool, Statement};
use super::row;
use crate::export::Outlet;
use crate::{Error, Export};

/// Rows of one fetch: the largest personas have megabytes.
const FETCH_ROWS: usize = 32;
/// A reader that takes nothing for this long loses the export: its snapshot keeps the database from tidying up.
const READER_WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest wait for a connection.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(5);
/// How often it is begun on another connection.
const OPEN_ATTEMPTS_MAX: usize = 3;

/// Why an export ended before its end.
enum Ended {
    /// Nobody reads any more.
    Dropped,
    /// It failed, and the reader has to know.
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
pub(super) async fn start(pool: &Pool, home: &Handle, include_deleted: bool) -> Result<Export, Error> {
    // Where this task is ended from outside, the outlet says that not everything came.
    let (outlet, export) = Export::channel();
    let (opened, is_open) = oneshot::channel();
    let pool = pool.clone();
    // All of it in one task: a connection in the middle of a transaction must not go back to the pool, whoever gives up.
    home.spawn(async move {
        let connection = match open(&pool, include_deleted).await {
            Ok(connection) => connection,
            Err(error) => return drop(opened.send(Err(error))),
        };
        // Who has gone meanwhile does not receive either, and that ends it.
        let _ = opened.send(Ok(()));
        match send_all(&connection, &outlet).await {
            Ok(()) => outlet.end(Ok(())),
            Err(Ended::Dropped) => connection.discard(),
            Err(Ended::Failed(error)) => {
                connection.discard();
                outlet.end(Err(error));
            }
        }
    });
    is_open.await.map_err(|_| Error::Closed("it is closing"))??;
    Ok(export)
}

/// Opens the cursor: the snapshot is that of now.
async fn open(pool: &Pool, include_deleted: bool) -> Result<Connection, Error> {
    let condition = if include_deleted { "" } else { "WHERE deleted_at IS NULL" };
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
         DECLARE everything NO SCROLL CURSOR FOR
         SELECT id, revision, deleted_at IS NOT NULL, head, document
         FROM persona_store.personas
         {condition}
         ORDER BY created_at, id"
    );
    let mut attempts = 0;
    loop {
        attempts += 1;
        let connection = pool.connection(CONNECTION_WAIT_MAX).await.map_err(from_pool)?;
        match connection.execute(&sql).await {
            Ok(()) => return Ok(connection),
            Err(error) => {
                connection.discard();
                // A connection that broke while nobody looked is found out by its next use.
                if attempts >= OPEN_ATTEMPTS_MAX || Meaning::of(&error) != Meaning::Away {
                    return Err(from_driver(error));
                }
            }
        }
    }
}

async fn send_all(connection: &Connection, outlet: &Outlet) -> Result<(), Ended> {
    let fetch = format!("FETCH {FETCH_ROWS} FROM everything");
    loop {
        let rows = connection.rows(Statement::Once(&fetch), &[]).await?;
        for found in &rows {
            let answer = row::answer(found, 1, row::id(found, 0)?)?;
            match tokio::time::timeout(READER_WAIT_MAX, outlet.send(answer)).await {
                Ok(sent) => sent.map_err(|_| Ended::Dropped)?,
                Err(_) => return Err(Ended::Failed(Error::Busy { what: "the reader of the export" })),
            }
        }
        if rows.len() < FETCH_ROWS {
            return Ok(connection.execute("COMMIT").await?);
        }
    }
}
