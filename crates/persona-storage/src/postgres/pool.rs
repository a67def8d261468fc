//! Connections: how many, how long they are waited for, and single statements on them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use futures_core::Stream;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Error as DriverError, Row, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::abandoned::AbandonedConnections;
use super::cancel::Cancels;
use super::error::{Meaning, from_pool, silent};
use super::hosts::Hosts;
use super::{DatabaseError, Settings, tls};
use crate::observer::Counted;
use crate::{Connected, Error, Observer};

/// Longest wait of a read for a connection: a client that waits longer is better told to come
/// again.
pub(super) const READ_WAIT_MAX: Duration = Duration::from_secs(5);
/// How often a read is tried: once on a connection that was broken without anybody noticing, and
/// once more on one that broke while the server restarted.
const READ_ATTEMPTS_MAX: usize = 3;
/// What every session of ours is set to. A statement, a lock and an idle transaction that take
/// longer are given up by the server; and a statement whose client is gone is not worked on for
/// longer than the last of these.
const SESSION: &str = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s \
                       -c client_connection_check_interval=5s -c default_transaction_isolation=read\\ committed \
                       -c persona_store.session=on";
/// How much longer than the server works on a statement its answer is waited for: past it, the
/// server or the way to it is silent, which the system notices only when nobody is there at all.
pub(super) const ANSWER_GRACE: Duration = Duration::from_secs(2);

/// A value of a statement with its type.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The connections of one process.
#[derive(Clone)]
pub(super) struct Pool {
    connections: deadpool_postgres::Pool,
    has_sessions: bool,
    /// Longest wait for the answer to a statement.
    answer_wait: Duration,
    abandoned: Arc<AbandonedConnections>,
    cancels: Arc<Cancels>,
    observer: Arc<dyn Observer>,
    /// How often the server said that it gave up to wait for a standby: then a commit is not what
    /// it should be.
    unreplicated: Arc<AtomicU64>,
}

impl Pool {
    /// A pool whose connections live on this runtime; none is made yet.
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
        let connect = AtHome {
            abandoned: Arc::clone(&abandoned),
            tls: tls.clone(),
            hosts: Arc::default(),
            unreplicated: Arc::clone(&unreplicated),
        };
        let cancels = Arc::new(Cancels::new(settings.driver.clone(), tls));
        let mut driver = settings.driver.clone();
        if settings.has_sessions {
            let chosen = driver.get_options().unwrap_or_default();
            driver.options(format!(
                "{SESSION} -c statement_timeout={}ms {chosen}",
                settings.statement_wait().as_millis()
            ));
        }
        let manager = Manager::from_connect(
            driver,
            connect,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let builder = deadpool_postgres::Pool::builder(manager)
            .max_size(settings.pool_max)
            .runtime(Runtime::Tokio1);
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

    /// A connection, if one is to be had in time.
    pub(super) async fn connection(&self, wait: Duration) -> Result<Connection, PoolError> {
        let timeouts = Timeouts { wait: Some(wait), create: Some(wait), recycle: Some(wait) };
        let (began, waiting) = (Instant::now(), Counted::begin(&self.observer, Connected::Waiting));
        let got = self.connections.timeout_get(&timeouts).await;
        drop(waiting);
        self.observer.connection_waited(began.elapsed());
        let client = got?;
        let in_use = Counted::begin(&self.observer, Connected::InUse);
        let (has_sessions, answer_wait, abandoned) =
            (self.has_sessions, Some(self.answer_wait), Arc::clone(&self.abandoned));
        Ok(Connection {
            client: Some(client),
            _in_use: in_use,
            has_sessions,
            answer_wait,
            abandoned,
            is_silent: AtomicBool::new(false),
            is_spoilt: AtomicBool::new(false),
        })
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

    /// For tasks that outlive who asked for them.
    pub(super) fn io_thread(&self) -> &Handle {
        &self.abandoned.io_thread
    }

    /// How often, up to now, a commit was not waited for as the server's settings want.
    pub(super) fn unreplicated(&self) -> u64 {
        self.unreplicated.load(Ordering::Acquire)
    }

    /// Makes no more connections.
    pub(super) fn close(&self) {
        self.connections.close();
    }
}

/// A read with what was tried so far.
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

    /// Fails when another attempt would be of no use.
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

/// The text of a statement, and whether it is worth to be kept prepared.
#[derive(Clone, Copy)]
pub(super) enum Statement<'a> {
    /// One of few: prepared once for each connection.
    Kept(&'a str),
    /// Put together for this request, or rare.
    Once(&'a str),
}

/// A connection, until it goes back to the pool.
pub(super) struct Connection {
    /// There until it is discarded.
    client: Option<Object>,
    _in_use: Counted,
    has_sessions: bool,
    answer_wait: Option<Duration>,
    abandoned: Arc<AbandonedConnections>,
    /// An answer did not come: nothing more is to be asked.
    is_silent: AtomicBool,
    /// It is broken: whoever lets it go last closes it.
    is_spoilt: AtomicBool,
}

impl Connection {
    /// The rows of a statement. With [`Statement::Once`], or without sessions, in one message that
    /// leaves nothing behind.
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

    /// The rows of a statement without values, one after the other: what is not taken stays with
    /// the server.
    pub(super) async fn stream(&self, sql: &str) -> Result<Rows<'_>, DriverError> {
        let nothing: [(&(dyn ToSql + Sync), Type); 0] = [];
        let rows = self.in_time(self.client().query_typed_raw(sql, nothing)).await?;
        Ok(Rows { connection: self, rows: Box::pin(rows) })
    }

    /// Does a batch of statements without values.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), DriverError> {
        self.in_time(self.client().batch_execute(sql)).await
    }

    /// Waits until everything that was asked is answered: answers come in the order of questions.
    pub(super) async fn settles(&self) -> Result<(), DriverError> {
        self.in_time(self.client().simple_query("")).await.map(drop)
    }

    /// Whether this is a session that has our settings, and not one of a pooler that keeps its
    /// sessions to itself.
    pub(super) async fn is_our_session(&self) -> Result<bool, DriverError> {
        if !self.has_sessions {
            return Ok(true);
        }
        let sql = "SELECT coalesce(current_setting('persona_store.session', true), '') = 'on'";
        let rows = self.rows(Statement::Once(sql), &[]).await?;
        rows.first().map_or(Ok(false), |found| found.try_get(0))
    }

    /// For statements that are short: a longer wait for an answer than this means that none will
    /// come.
    pub(super) fn answering_within(mut self, limit: Duration) -> Self {
        self.answer_wait = self.answer_wait.map(|wait| wait.min(limit));
        self
    }

    /// For work that takes as long as it takes.
    pub(super) fn without_limit(mut self) -> Self {
        self.answer_wait = None;
        self
    }

    /// Closes it instead of giving it back: it is broken, or in the middle of something.
    pub(super) fn discard(mut self) {
        self.close();
    }

    /// Says that it is broken, where several hold it: the last of them closes it instead of giving
    /// it back.
    pub(super) fn spoil(&self) {
        self.is_spoilt.store(true, Ordering::Relaxed);
    }

    /// Closes it, and with one that is silent all that are idle: they lead to the same server.
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

    fn client(&self) -> &Object {
        self.client.as_ref().expect("it is there until it is discarded")
    }

    /// What is given up is never cancelled: a commit that waits for a standby would go through
    /// without it.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, DriverError>>,
    ) -> Result<T, DriverError> {
        let Some(wait) = self.answer_wait else { return answer.await };
        tokio::time::timeout(wait, answer).await.unwrap_or_else(|_| {
            self.is_silent.store(true, Ordering::Relaxed);
            Err(silent())
        })
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

/// Makes connections that live on the runtime of the I/O thread, whoever asks for them.
struct AtHome {
    abandoned: Arc<AbandonedConnections>,
    tls: MakeRustlsConnect,
    hosts: Arc<Hosts>,
    unreplicated: Arc<AtomicU64>,
}

type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), DriverError>> + Send + 'a>>;

impl Connect for AtHome {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let (config, tls) = (config.clone(), self.tls.clone());
        let (hosts, unreplicated) = (Arc::clone(&self.hosts), Arc::clone(&self.unreplicated));
        let abandoned = Arc::clone(&self.abandoned);
        let made = self.abandoned.io_thread.spawn(async move {
            if abandoned.is_full() {
                tracing::debug!("no new connection: the server has not answered on too many");
                return Err(silent());
            }
            let (client, mut connection) = hosts.connect(&config, &tls).await?;
            let open = Counted::begin(&abandoned.observer, Connected::Open);
            let driven = tokio::spawn(async move {
                let _open = open;
                while let Some(message) =
                    std::future::poll_fn(|context| connection.poll_message(context)).await
                {
                    match message {
                        Ok(AsyncMessage::Notice(notice)) => {
                            // Its words depend on the server's language; the routine that says it
                            // does not.
                            if notice.routine() == Some("SyncRepWaitForLSN") {
                                unreplicated.fetch_add(1, Ordering::Release);
                            }
                            tracing::debug!(
                                code = notice.code().code(),
                                "the database has a notice"
                            );
                        }
                        Ok(_) => {}
                        Err(error) => {
                            tracing::debug!(%error, "a connection to the database broke");
                            break;
                        }
                    }
                }
            });
            if abandoned.fills_the_server(&client).await {
                tracing::debug!("no new connection: too many commits of ours wait for a standby");
                return Err(silent());
            }
            Ok((client, driven))
        });
        Box::pin(async move {
            match made.await {
                Ok(made) => made,
                // The store was closed meanwhile. Whoever still waits has a limit to that.
                Err(_) => std::future::pending().await,
            }
        })
    }
}
