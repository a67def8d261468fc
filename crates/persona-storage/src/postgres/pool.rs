//! The pool of connections: its size, the waits for a connection, and how connections are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{self, Timeouts};
use tokio::runtime::Handle;
use tokio_postgres::Row;

use super::abandoned::AbandonedConnections;
use super::cancel::Cancels;
use super::connection::{Connection, Parameter, Statement};
use super::connection_manager::{ConnectionManager, PoolError};
use super::driver_error::DriverError;
use super::error::{Meaning, from_pool};
use super::settings::ANSWER_GRACE;
use super::{DatabaseError, Settings, tls};
use crate::observer::Counted;
use crate::{Connected, Error, Observer};

/// Longest wait of a read for a connection: a client that would wait longer is answered that it
/// should try again later.
pub(super) const READ_WAIT_MAX: Duration = Duration::from_secs(5);
/// How often a read is tried: once on a connection that was broken and not noticed, and
/// once more on one that broke while the server restarted.
const READ_ATTEMPTS_MAX: usize = 3;
/// The settings of every session of this program. The server gives up a statement, a wait for a
/// lock and an idle transaction that take longer than these limits. After a client is gone, the
/// server notices within the last of these limits and stops the client's statement.
const SESSION: &str = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s \
                       -c client_connection_check_interval=5s -c default_transaction_isolation=read\\ committed \
                       -c persona_store.session=on";

/// The connections of one process.
#[derive(Clone)]
pub(super) struct Pool {
    connections: managed::Pool<ConnectionManager>,
    has_sessions: bool,
    /// Longest wait for the answer to a statement.
    answer_wait: Duration,
    abandoned: Arc<AbandonedConnections>,
    cancels: Arc<Cancels>,
    observer: Arc<dyn Observer>,
    /// How often the server reported that it stopped waiting for a standby; then a commit is less
    /// durable than it should be.
    unreplicated: Arc<AtomicU64>,
}

impl Pool {
    /// A pool with its connections on this runtime; no connection is made yet.
    pub(super) fn new(
        settings: &Settings,
        io_thread: &Handle,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, DatabaseError> {
        observer.connections_max(settings.pool_max);
        let unreplicated = Arc::new(AtomicU64::new(0));
        let tls = tls::connector(settings)?;
        let abandoned =
            Arc::new(AbandonedConnections::new(settings, io_thread, Arc::clone(&observer)));
        let cancels = Arc::new(Cancels::new(settings.driver.clone(), tls.clone()));
        let mut driver = settings.driver.clone();
        if settings.has_sessions {
            let chosen = driver.get_options().unwrap_or_default();
            driver.options(format!(
                "{SESSION} -c statement_timeout={}ms {chosen}",
                settings.statement_wait().as_millis()
            ));
        }
        let manager = ConnectionManager {
            config: driver,
            abandoned: Arc::clone(&abandoned),
            tls,
            hosts: Arc::default(),
            unreplicated: Arc::clone(&unreplicated),
        };
        let builder =
            managed::Pool::builder(manager).max_size(settings.pool_max).runtime(Runtime::Tokio1);
        let connections = builder.build().map_err(|error| DatabaseError::System {
            place: settings.place(),
            reason: error.to_string(),
        })?;
        let answer_wait = settings.statement_wait() + ANSWER_GRACE;
        Ok(Self {
            connections,
            has_sessions: settings.has_sessions,
            answer_wait,
            abandoned,
            cancels,
            observer,
            unreplicated,
        })
    }

    /// A connection, if one is free or can be made in time.
    pub(super) async fn connection(&self, wait: Duration) -> Result<Connection, PoolError> {
        self.connection_within(wait, wait).await
    }

    /// A connection, with one limit for the wait for a place in the pool and one for the wait for
    /// the server.
    pub(super) async fn connection_within(
        &self,
        place: Duration,
        server: Duration,
    ) -> Result<Connection, PoolError> {
        let timeouts = Timeouts { wait: Some(place), create: Some(server), recycle: Some(server) };
        let (began, waiting) = (Instant::now(), Counted::begin(&self.observer, Connected::Waiting));
        let got = self.connections.timeout_get(&timeouts).await;
        drop(waiting);
        self.observer.connection_waited(began.elapsed());
        let client = got?;
        let in_use = Counted::begin(&self.observer, Connected::InUse);
        let abandoned = Arc::clone(&self.abandoned);
        Ok(Connection::new(client, in_use, self.has_sessions, self.answer_wait, abandoned))
    }

    /// The rows of a statement that only reads. It is repeated where that can help.
    pub(super) async fn read(
        &self,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Error> {
        let mut reading = Reading::begin();
        loop {
            match self.try_read(statement, parameters, reading.wait()).await {
                Ok(rows) => return Ok(rows),
                Err(error) => reading.again(error)?,
            }
        }
    }

    async fn try_read(
        &self,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
        wait: Duration,
    ) -> Result<Vec<Row>, PoolError> {
        let connection = self.connection(wait).await?;
        let rows = connection.rows(statement, parameters).await;
        if rows.as_ref().is_err_and(Reading::broke) {
            connection.discard();
        }
        Ok(rows?)
    }

    /// Asks the server to end what a connection is busy with. The connection must not be used for
    /// anything else afterwards: the request can arrive late.
    pub(super) async fn cancel(&self, connection: &Connection) {
        self.cancels.ask(connection.client()).await;
    }

    /// The handle for tasks that outlive their request.
    pub(super) fn io_thread(&self) -> &Handle {
        &self.abandoned.io_thread
    }

    /// How often up to now the server stopped waiting for a standby.
    pub(super) fn unreplicated(&self) -> u64 {
        self.unreplicated.load(Ordering::Acquire)
    }

    /// Makes no more connections.
    pub(super) fn close(&self) {
        self.connections.close();
    }
}

/// The attempts of a read so far.
pub(super) struct Reading {
    began: Instant,
    attempts: usize,
}

impl Reading {
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), attempts: 0 }
    }

    /// How long it may still wait for a connection.
    pub(super) fn wait(&self) -> Duration {
        READ_WAIT_MAX.saturating_sub(self.began.elapsed())
    }

    /// Whether the connection that gave this error must not be used any more.
    pub(super) fn broke(error: &DriverError) -> bool {
        matches!(Meaning::of(error), Meaning::Away | Meaning::Sessions)
    }

    /// Counts an error, and fails when another attempt would be useless.
    pub(super) fn again(&mut self, error: PoolError) -> Result<(), Error> {
        self.attempts += 1;
        let helps = matches!(&error, PoolError::Backend(cause) if matches!(Meaning::of(cause), Meaning::Away | Meaning::Again));
        if helps && self.attempts < READ_ATTEMPTS_MAX && !self.wait().is_zero() {
            Ok(())
        } else {
            Err(from_pool(error))
        }
    }
}
