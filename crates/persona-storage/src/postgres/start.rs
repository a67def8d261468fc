//! Making a database ready, before any process works with it.

use std::sync::Arc;
use std::time::Duration;

use super::connection::{Connection, Statement};
use super::driver_error::DriverError;
use super::io_thread::IoThread;
use super::pool::Pool;
use super::{DatabaseError, Settings, migrate, row, status};
use crate::{HistorySize, NoObserver};

/// The oldest server that is supported: this program uses its features, such as 64-bit transaction
/// numbers.
const SERVER_VERSION_MIN: u32 = 15;
/// Longest wait for a connection while starting. Shorter than the supervisor waits for init, longer
/// than a slow host needs.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(10);

/// Connections that are to be left beside those of the workers: for the maintenance process,
/// commands, backups and an administrator.
pub const RESERVED_CONNECTIONS: u64 = 10;

/// The result of `initialise`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InitReport {
    /// There was no schema before.
    pub created: bool,
    /// The schema version that the database had, when it had to be migrated.
    pub migrated_from: Option<u32>,
    /// The schema version that it has now.
    pub schema_version: u32,
    /// The feed was continued at another number, because the database came from another cluster.
    pub feed_advanced: bool,
    /// Version of the server.
    pub server_version: String,
    /// Most connections that the server takes, of all clients.
    pub connections_max: u64,
    /// The durability of acknowledged writes, as a word.
    pub durability: &'static str,
    /// The durability in a sentence.
    pub durability_meaning: &'static str,
    /// Number of personas that are not deleted.
    pub personas: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Number of access tokens that are valid now.
    pub tokens: u64,
    /// Number of access tokens, ended ones included.
    pub tokens_kept: u64,
    /// How large the histories are, about.
    pub history: HistorySize,
}

/// Makes a database ready: checks the server, creates the schema or brings it up to date.
///
/// Safe beside a running server. A database that is refused is not changed.
///
/// # Errors
///
/// [`DatabaseError`] says what is wrong with the way to the server, with the server, or with the
/// database.
pub fn initialise(settings: &Settings) -> Result<InitReport, DatabaseError> {
    let system = |reason: String| DatabaseError::System { place: settings.place(), reason };
    let io_thread = IoThread::start().map_err(|error| system(error.to_string()))?;
    let pool = Pool::new(settings, io_thread.handle(), Arc::new(NoObserver))?;
    let settings = settings.clone();
    let prepared = io_thread.wait_for(async move { prepare(&pool, &settings).await });
    prepared.map_err(|error| system(error.to_string()))?
}

/// Number of access tokens that are valid now in a database as it is, of whatever version; `None`
/// where [`initialise`] would make a new schema. Changes nothing.
///
/// # Errors
///
/// As for [`initialise`].
pub fn valid_tokens(settings: &Settings) -> Result<Option<u64>, DatabaseError> {
    let system = |reason: String| DatabaseError::System { place: settings.place(), reason };
    let io_thread = IoThread::start().map_err(|error| system(error.to_string()))?;
    let pool = Pool::new(settings, io_thread.handle(), Arc::new(NoObserver))?;
    let settings = settings.clone();
    let asked = io_thread.wait_for(async move {
        let connection = connect(&pool, &settings).await?;
        match migrate::version_of(&connection, &settings).await? {
            0 => Ok(None),
            version if version < migrate::TOKENS_SINCE => Ok(Some(0)),
            _ => status::valid_tokens(&connection)
                .await
                .map(Some)
                .map_err(|error| DatabaseError::from_driver(&settings, &error)),
        }
    });
    asked.map_err(|error| system(error.to_string()))?
}

async fn prepare(pool: &Pool, settings: &Settings) -> Result<InitReport, DatabaseError> {
    let connection = connect(pool, settings).await?.without_limit();
    let migrated = migrate::migrate(&connection, settings).await;
    let migrated = match migrated {
        Ok(migrated) => migrated,
        Err(error) => {
            // The connection may be in the middle of a transaction.
            connection.discard();
            return Err(error);
        }
    };
    let facts = status::read(&connection)
        .await
        .map_err(|error| DatabaseError::from_driver(settings, &error))?;
    let created = migrated.from == Some(0);
    Ok(InitReport {
        created,
        migrated_from: migrated.from.filter(|_| !created),
        schema_version: migrate::VERSION,
        feed_advanced: migrated.feed_advanced,
        server_version: facts.server_version,
        connections_max: facts.connections_max,
        durability: facts.durability.as_str(),
        durability_meaning: facts.durability.meaning(),
        personas: facts.personas,
        database_bytes: facts.database_bytes,
        tokens: facts.tokens,
        tokens_kept: facts.tokens_kept,
        history: facts.history,
    })
}

/// Checks a database that init made ready. A database that cannot be reached is no error, because
/// it may come back.
pub(super) async fn check(pool: &Pool, settings: &Settings) -> Result<(), DatabaseError> {
    let checked = match connect(pool, settings).await {
        Ok(connection) => migrate::check(&connection, settings).await,
        Err(error) => Err(error),
    };
    match checked {
        Err(error) if error.is_temporary() => {
            tracing::warn!(%error, "the database is away; it is tried again with every request");
            Ok(())
        }
        checked => checked,
    }
}

/// A connection to a server that can be used: new enough, writable, and with texts in UTF-8.
pub(super) async fn connect(pool: &Pool, settings: &Settings) -> Result<Connection, DatabaseError> {
    let connection = pool
        .connection(CONNECTION_WAIT_MAX)
        .await
        .map_err(|error| DatabaseError::from_pool(settings, &error))?;
    let failed = |error: DriverError| DatabaseError::from_driver(settings, &error);
    if !connection.is_our_session().await.map_err(failed)? {
        let reason = "the settings of a session do not arrive".into();
        return Err(DatabaseError::Pooler { place: settings.place(), reason });
    }
    let sql =
        "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
                      pg_is_in_recovery(), current_setting('server_encoding')";
    let rows = connection.rows(Statement::Once(sql), &[]).await.map_err(failed)?;
    let found = rows.first().ok_or_else(|| DatabaseError::Backend {
        place: settings.place(),
        reason: "it says nothing of itself".into(),
    })?;
    let (number, version): (i64, String) = (
        row::driver_value(found, 0).map_err(failed)?,
        row::driver_value(found, 1).map_err(failed)?,
    );
    let (is_standby, encoding): (bool, String) = (
        row::driver_value(found, 2).map_err(failed)?,
        row::driver_value(found, 3).map_err(failed)?,
    );
    let place = settings.place();
    if number / 10_000 < i64::from(SERVER_VERSION_MIN) {
        return Err(DatabaseError::OldServer { place, found: version, needed: SERVER_VERSION_MIN });
    }
    if is_standby {
        return Err(DatabaseError::Standby { place });
    }
    if encoding != "UTF8" {
        return Err(DatabaseError::Encoding { place, encoding });
    }
    Ok(connection)
}
