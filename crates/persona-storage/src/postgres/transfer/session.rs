//! One connection, driven from a thread that waits for it.
//!
//! Each piece of work is a transaction of its own with settings of its own, so that a pooler may
//! stand in between, and a statement takes as long as it takes.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Row;

use super::super::connection::{Connection, Parameter, Statement};
use super::super::driver_error::DriverError;
use super::super::found_by::{self, FoundBy};
use super::super::io_thread::IoThread;
use super::super::pool::Pool;
use super::super::{DatabaseError, Settings, migrate, start};
use crate::transfer::TransferError;
use crate::{Error, NoObserver};

/// Longest wait for the connection that holds the fence.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(10);
/// No limits of the session hold for a transfer, which the user that started it looks after.
pub(super) const BEGIN: &str =
    "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// A session of a transfer.
pub(super) struct Session {
    pub settings: Settings,
    connection: Option<Connection>,
    pool: Pool,
    /// Declared last and so dropped last: the connections live there.
    io_thread: IoThread,
}

impl Session {
    /// Connects to a server that can be used.
    pub(super) fn open(settings: &Settings) -> Result<Self, TransferError> {
        let system = |reason: String| DatabaseError::System { place: settings.place(), reason };
        let io_thread = IoThread::start().map_err(|error| system(error.to_string()))?;
        let pool = Pool::new(settings, io_thread.handle(), Arc::new(NoObserver))?;
        let connection =
            io_thread.handle().block_on(start::connect(&pool, settings))?.without_limit();
        Ok(Self { settings: settings.clone(), connection: Some(connection), pool, io_thread })
    }

    /// What kind of schema is there.
    pub(super) fn find(&self) -> Result<migrate::Found, TransferError> {
        Ok(self.io_thread.handle().block_on(migrate::find(self.connection()?, &self.settings))?)
    }

    fn connection(&self) -> Result<&Connection, DatabaseError> {
        self.connection.as_ref().ok_or_else(|| DatabaseError::Unreachable {
            place: self.settings.place(),
            reason: "the connection broke".into(),
        })
    }

    /// Executes statements without values.
    pub(super) fn execute(&mut self, sql: &str) -> Result<(), TransferError> {
        let done = self.io_thread.handle().block_on(self.connection()?.execute(sql));
        done.map_err(|error| self.broken(&error))
    }

    /// The rows of a statement.
    pub(super) fn rows(
        &mut self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, TransferError> {
        let rows = self
            .io_thread
            .handle()
            .block_on(self.connection()?.rows(Statement::Once(sql), parameters));
        rows.map_err(|error| self.broken(&error))
    }

    /// Writes what personas are found by.
    pub(super) fn put_found_by(&mut self, rows: &[FoundBy<'_>]) -> Result<(), TransferError> {
        let done = self.io_thread.handle().block_on(found_by::put(self.connection()?, rows));
        done.map_err(|error| self.broken(&error))
    }

    /// The version of a schema that is being filled, or was until now.
    pub(super) fn version_by_content(&mut self) -> Result<u32, TransferError> {
        let version =
            self.io_thread.handle().block_on(migrate::version_by_content(self.connection()?));
        version.map_err(|error| self.broken(&error))
    }

    /// Takes a schema from one version to that of this build, in the transaction that was begun.
    pub(super) fn apply(&mut self, from: u32) -> Result<(), TransferError> {
        let done = self.io_thread.handle().block_on(migrate::apply(
            self.connection()?,
            &self.settings,
            from,
        ));
        done.map_err(|error| {
            if let Some(connection) = self.connection.take() {
                connection.discard();
            }
            error.into()
        })
    }

    /// The rows of one statement in a transaction of its own.
    pub(super) fn read(
        &mut self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, TransferError> {
        self.execute(BEGIN)?;
        let rows = self.rows(sql, parameters)?;
        self.execute("COMMIT")?;
        Ok(rows)
    }

    /// Handles a failed transaction: the connection is closed, because it may be in the middle of a
    /// statement.
    fn broken(&mut self, error: &DriverError) -> TransferError {
        if let Some(connection) = self.connection.take() {
            connection.discard();
        }
        let taken = error.as_db_error().filter(|answer| answer.code().code() == "23505");
        match taken {
            Some(answer) => TransferError::Taken {
                place: self.settings.place(),
                reason: answer.detail().unwrap_or(answer.message()).to_owned(),
            },
            None => DatabaseError::from_driver(&self.settings, error).into(),
        }
    }

    /// A second connection, in the middle of a transaction that began with these statements.
    pub(super) fn second(&self, sql: &str) -> Result<Connection, TransferError> {
        let made = self.io_thread.handle().block_on(async {
            let connection = self
                .pool
                .connection(CONNECTION_WAIT_MAX)
                .await
                .map_err(|error| DatabaseError::from_pool(&self.settings, &error))?;
            let connection = connection.without_limit();
            match connection.execute(sql).await {
                Ok(()) => Ok(connection),
                Err(error) => {
                    connection.discard();
                    Err(DatabaseError::from_driver(&self.settings, &error))
                }
            }
        });
        Ok(made?)
    }

    /// Statements on a second connection.
    pub(super) fn execute_on(
        &self,
        connection: &Connection,
        sql: &str,
    ) -> Result<(), TransferError> {
        let done = self.io_thread.handle().block_on(connection.execute(sql));
        Ok(done.map_err(|error| DatabaseError::from_driver(&self.settings, &error))?)
    }

    /// The rows of a statement on a second connection.
    pub(super) fn rows_on(
        &self,
        connection: &Connection,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, TransferError> {
        let rows =
            self.io_thread.handle().block_on(connection.rows(Statement::Once(sql), parameters));
        Ok(rows.map_err(|error| DatabaseError::from_driver(&self.settings, &error))?)
    }

    /// An error about a value, as one of the transfer.
    pub(super) fn unreadable(&self, error: &Error) -> TransferError {
        DatabaseError::Backend { place: self.settings.place(), reason: error.to_string() }.into()
    }
}
