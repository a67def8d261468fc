//! Leases of long reads: each holds a place of its kind, a connection and a deadline.
//!
//! All of it belongs to the work and not to the request. If the work is given up, because its time
//! is over or its client has left, the server is told to end it, and place and connection are held
//! until it has.
//!
//! A request to cancel reaches whatever the session does when it arrives, also late (PostgreSQL
//! documentation, "Canceling Requests in Progress"). So a connection that was the aim of one is
//! closed and never used again: it cannot hit a write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::Settings;
use super::connection::{Connection, Parameter, Statement};
use super::driver_error::DriverError;
use super::error::from_pool;
use super::pool::{Pool, READ_WAIT_MAX, Reading};
use super::shares::{Kind, Shares};
use crate::{Error, ReadRoom};

/// How long a read may go on after its client has left, before it is cancelled. Most reads are over
/// by then, and their connection can be used again.
const GRACE: Duration = Duration::from_millis(50);

/// Gives out leases.
#[derive(Clone)]
pub(super) struct Leases {
    pub pool: Pool,
    shares: Arc<Shares>,
    /// Longest time of one statement.
    limit: Duration,
    /// Longest work of the server on any statement.
    statement_wait: Duration,
}

impl Leases {
    pub(super) fn new(pool: Pool, settings: &Settings) -> Self {
        let (limit, statement_wait) = (settings.read_time, settings.statement_wait());
        Self { pool, shares: Arc::new(Shares::of(settings.pool_max)), limit, statement_wait }
    }

    /// How many lists and exports have a place at once.
    pub(super) fn room(&self) -> ReadRoom {
        self.shares.room
    }

    /// The rows of a read that may last. It is repeated where that can help.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when no place was free in time, [`Error::ReadTimedOut`] when the read took
    /// too long and was cancelled.
    pub(super) async fn read(
        &self,
        kind: Kind,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Error> {
        let mut reading = Reading::begin();
        loop {
            let place = self.place(kind, reading.wait()).await?;
            let connection = match self.pool.connection(reading.wait()).await {
                Ok(connection) => connection,
                Err(error) => {
                    reading.again(error)?;
                    continue;
                }
            };
            let mut lease =
                Lease { pool: self.pool.clone(), held: Some((connection, place)), grace: GRACE };
            let began = Instant::now();
            let Some(read) = lease.rows(statement, parameters, self.limit).await else {
                return Err(Error::ReadTimedOut { limit: self.limit });
            };
            match read {
                Ok(rows) => return Ok(rows),
                Err(error)
                    if error.code() == Some(&SqlState::QUERY_CANCELED)
                        && began.elapsed() >= self.statement_wait.min(READ_WAIT_MAX) =>
                {
                    return Err(Error::ReadTimedOut {
                        limit: self.statement_wait.min(began.elapsed()),
                    });
                }
                Err(error) => reading.again(error.into())?,
            }
        }
    }

    /// A place for a read of this kind.
    pub(super) async fn place(
        &self,
        kind: Kind,
        wait: Duration,
    ) -> Result<OwnedSemaphorePermit, Error> {
        self.shares.place(kind, wait).await
    }

    /// A connection for the holder of a place.
    pub(super) async fn connection(&self, wait: Duration) -> Result<Connection, Error> {
        self.pool.connection(wait).await.map_err(from_pool)
    }
}

/// The place and the connection of a statement. If the lease is dropped early, both are held until
/// the statement has ended.
struct Lease {
    pool: Pool,
    held: Option<(Connection, OwnedSemaphorePermit)>,
    /// How long the statement may still take when this is dropped.
    grace: Duration,
}

impl Lease {
    /// The rows of a statement; `None` where it took longer than this limit.
    async fn rows(
        &mut self,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
        limit: Duration,
    ) -> Option<Result<Vec<Row>, DriverError>> {
        let (connection, _) = self.held.as_ref()?;
        let Ok(rows) = tokio::time::timeout(limit, connection.rows(statement, parameters)).await
        else {
            self.grace = Duration::ZERO;
            return None;
        };
        if let Some((connection, place)) = self.held.take() {
            if rows.as_ref().is_err_and(Reading::broke) {
                connection.discard();
            }
            drop(place);
        }
        Some(rows)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((connection, place)) = self.held.take() {
            let (pool, grace) = (self.pool.clone(), self.grace);
            self.pool.io_thread().spawn(async move {
                end(&pool, connection, grace).await;
                drop(place);
            });
        }
    }
}

/// Ends the statement that a connection is busy with.
async fn end(pool: &Pool, connection: Connection, grace: Duration) {
    if tokio::time::timeout(grace, connection.settles()).await.is_ok_and(|settled| settled.is_ok())
    {
        return;
    }
    pool.cancel(&connection).await;
    // Silence is bounded as that of any statement, and then counted as abandoned.
    let _ = connection.settles().await;
    connection.discard();
}
