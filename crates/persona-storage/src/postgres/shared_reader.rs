//! The shared reader: one connection that the short reads of a process share.
//!
//! A short read is one statement that waits for no row's lock and answers with one row. Such
//! statements can follow each other on one connection without waiting for each other's answers
//! (PostgreSQL documentation, "Pipelining"), and under load many of them go out, and come back, in
//! one piece. With a connection for each as many sessions of the server would have to be woken up,
//! on cores that have better things to do: ADR 0020.
//!
//! Each statement has a snapshot of its own, taken when the server comes to it, so a read here is
//! as strict as any.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::TimeoutType;
use tokio::sync::Mutex;
use tokio_postgres::Row;

use super::Settings;
use super::connection::{Connection, Parameter, Statement};
use super::connection_manager::PoolError;
use super::pool::{Pool, READ_WAIT_MAX, Reading};
use super::shares::has_shared_reader;
use crate::Error;

/// The shared reader, over which short reads go.
pub(super) struct SharedReader {
    pool: Pool,
    /// The shared connection, out of the pool from the first read on and replaced when it breaks;
    /// `None` where the pool is too small for one, or where a pooler stands between, which hands
    /// each statement to whichever session it likes.
    shared: Option<Mutex<Option<Arc<Connection>>>>,
}

impl SharedReader {
    /// Makes a reader without a connection yet.
    pub(super) fn new(pool: Pool, settings: &Settings) -> Self {
        let shared =
            (settings.has_sessions && has_shared_reader(settings.pool_max)).then(Mutex::default);
        Self { pool, shared }
    }

    /// Makes the shared connection now, so that short reads work even when the pool is exhausted.
    pub(super) async fn connect(&self) -> Result<(), PoolError> {
        match &self.shared {
            Some(shared) => self.connection(shared, READ_WAIT_MAX).await.map(drop),
            None => Ok(()),
        }
    }

    /// Whether there is a shared connection, made or not.
    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// The rows of a short read. It is repeated where that can help.
    pub(super) async fn read(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Error> {
        let statement = Statement::Kept(sql);
        let Some(shared) = &self.shared else { return self.pool.read(statement, parameters).await };
        let mut reading = Reading::begin();
        loop {
            match self.try_read(shared, statement, parameters, reading.wait()).await {
                Ok(rows) => return Ok(rows),
                Err(error) => reading.again(error)?,
            }
        }
    }

    async fn try_read(
        &self,
        shared: &Mutex<Option<Arc<Connection>>>,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
        wait: Duration,
    ) -> Result<Vec<Row>, PoolError> {
        let connection = self.connection(shared, wait).await?;
        let rows = connection.rows(statement, parameters).await;
        if rows.as_ref().is_err_and(Reading::broke) {
            replace(shared, &connection).await;
        }
        Ok(rows?)
    }

    /// The connection, made by the first that wants one while the others wait.
    async fn connection(
        &self,
        shared: &Mutex<Option<Arc<Connection>>>,
        wait: Duration,
    ) -> Result<Arc<Connection>, PoolError> {
        let made = async {
            let mut current = shared.lock().await;
            if let Some(connection) = &*current {
                return Ok(Arc::clone(connection));
            }
            // The wait for an answer is limited, because other reads follow on the same connection.
            let made = self.pool.connection(wait).await?.answering_within(READ_WAIT_MAX);
            Ok(Arc::clone(current.insert(Arc::new(made))))
        };
        tokio::time::timeout(wait, made)
            .await
            .unwrap_or(Err(PoolError::Timeout(TimeoutType::Create)))
    }
}

/// Drops a broken connection, unless another read has done so.
async fn replace(shared: &Mutex<Option<Arc<Connection>>>, broken: &Arc<Connection>) {
    broken.spoil();
    let mut current = shared.lock().await;
    if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, broken)) {
        *current = None;
    }
}
