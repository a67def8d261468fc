//! One connection: single statements on it, and how it ends when it is broken or silent.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::Object;
use futures_core::Stream;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};

use super::abandoned::AbandonedConnections;
use super::connection_manager::PooledConnection;
use super::driver_error::DriverError;
use super::row;
use crate::observer::Counted;

/// A value of a statement with its type.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The text of a statement, and whether it is prepared and kept.
#[derive(Clone, Copy)]
pub(super) enum Statement<'a> {
    /// A frequent statement, prepared once for each connection.
    Kept(&'a str),
    /// A statement that was built for this request, or is rare.
    Once(&'a str),
}

/// A connection, until it goes back to the pool.
pub(super) struct Connection {
    /// The connection; `None` once it is discarded.
    client: Option<PooledConnection>,
    _in_use: Counted,
    has_sessions: bool,
    answer_wait: Option<Duration>,
    abandoned: Arc<AbandonedConnections>,
    /// Whether an answer did not come, so that no further statement may be sent.
    is_silent: AtomicBool,
    /// Whether the connection is broken, so that it is closed instead of going back to the pool.
    is_spoilt: AtomicBool,
}

impl Connection {
    pub(super) fn new(
        client: PooledConnection,
        in_use: Counted,
        has_sessions: bool,
        answer_wait: Duration,
        abandoned: Arc<AbandonedConnections>,
    ) -> Self {
        Self {
            client: Some(client),
            _in_use: in_use,
            has_sessions,
            answer_wait: Some(answer_wait),
            abandoned,
            is_silent: AtomicBool::new(false),
            is_spoilt: AtomicBool::new(false),
        }
    }

    /// The rows of a statement. With [`Statement::Once`], or without sessions, the statement is one
    /// message and leaves nothing prepared on the server.
    pub(super) async fn rows(
        &self,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, DriverError> {
        let client = self.client();
        match statement {
            Statement::Kept(sql) if self.has_sessions => {
                let types: Vec<Type> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
                let prepared = self.in_time(client.prepare_typed_cached(sql, &types)).await?;
                let values: Vec<&(dyn ToSql + Sync)> =
                    parameters.iter().map(|(value, _)| *value).collect();
                self.in_time(client.query(&prepared, &values)).await
            }
            Statement::Kept(sql) | Statement::Once(sql) => {
                self.in_time(client.query_typed(sql, parameters)).await
            }
        }
    }

    /// The rows of a statement without values, one after the other: rows that are not taken yet
    /// stay on the server.
    pub(super) async fn stream(&self, sql: &str) -> Result<Rows<'_>, DriverError> {
        let nothing: [(&(dyn ToSql + Sync), Type); 0] = [];
        let rows = self.in_time(self.client().query_typed_raw(sql, nothing)).await?;
        Ok(Rows { connection: self, rows: Box::pin(rows) })
    }

    /// Executes a batch of statements without values.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), DriverError> {
        self.in_time(self.client().batch_execute(sql)).await
    }

    /// Waits until every statement is answered; answers come in the order of the statements.
    pub(super) async fn settles(&self) -> Result<(), DriverError> {
        self.in_time(self.client().simple_query("")).await.map(drop)
    }

    /// Whether this session has the settings of this program; behind a pooler it may not have them.
    pub(super) async fn is_our_session(&self) -> Result<bool, DriverError> {
        if !self.has_sessions {
            return Ok(true);
        }
        let sql = "SELECT coalesce(current_setting('persona_store.session', true), '') = 'on'";
        let rows = self.rows(Statement::Once(sql), &[]).await?;
        rows.first().map_or(Ok(false), |found| row::driver_value(found, 0))
    }

    /// Sets the longest wait for an answer, for short statements: after it, no answer is expected.
    pub(super) fn answering_within(mut self, limit: Duration) -> Self {
        self.answer_wait = self.answer_wait.map(|wait| wait.min(limit));
        self
    }

    /// Removes the limit on the wait, for work of any length.
    pub(super) fn without_limit(mut self) -> Self {
        self.answer_wait = None;
        self
    }

    /// Closes the connection instead of giving it back, because it is broken or in the middle of a
    /// transaction.
    pub(super) fn discard(mut self) {
        self.close();
    }

    /// Marks a shared connection as broken, so that its last holder closes it instead of giving it
    /// back.
    pub(super) fn spoil(&self) {
        self.is_spoilt.store(true, Ordering::Relaxed);
    }

    /// Closes the connection. If it is silent, all idle connections are closed too, because they
    /// lead to the same server.
    fn close(&mut self) {
        let Some(client) = self.client.take() else { return };
        if !*self.is_silent.get_mut() {
            drop(Object::take(client));
            return;
        }
        if let Some(pool) = Object::pool(&client) {
            pool.retain(|_, _| false);
        }
        self.abandoned.keep(Object::take(client));
    }

    pub(super) fn client(&self) -> &PooledConnection {
        self.client.as_ref().expect("it is there until it is discarded")
    }

    /// Waits for an answer within the limit. A statement that is given up is never cancelled,
    /// because a commit that waits for a standby would then succeed without it.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, DriverError> {
        let Some(wait) = self.answer_wait else { return Ok(answer.await?) };
        let Ok(answer) = tokio::time::timeout(wait, answer).await else {
            self.is_silent.store(true, Ordering::Relaxed);
            return Err(DriverError::Silent);
        };
        Ok(answer?)
    }
}

/// Rows that come one after the other.
pub(super) struct Rows<'a> {
    connection: &'a Connection,
    rows: Pin<Box<RowStream>>,
}

impl Rows<'_> {
    /// The next row; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, DriverError> {
        let row = std::future::poll_fn(|task| self.rows.as_mut().poll_next(task));
        self.connection.in_time(async { row.await.transpose() }).await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if *self.is_silent.get_mut() || *self.is_spoilt.get_mut() {
            self.close();
        }
    }
}
