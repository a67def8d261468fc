//! The status of the database server.

use tokio_postgres::Row;

use super::connection::{Connection, Statement};
use super::driver_error::DriverError;
use super::lease::Leases;
use super::pool::Pool;
use super::shares::Kind;
use super::{Settings, migrate, row};
use crate::{BackendDetails, Error, HistorySize, Status};

/// Two narrow indexes instead of one look at every row tell how many are alive.
const FACTS: &str = "
    SELECT current_setting('server_version'),
           (SELECT count(*) FROM persona_store.personas) - (SELECT count(*) FROM persona_store.personas WHERE deleted_at IS NOT NULL),
           pg_database_size(current_database()),
           (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'),
           current_setting('max_connections')::bigint,
           current_setting('fsync'), current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
           (SELECT count(*) FROM persona_store.tokens),
           (SELECT count(*) FROM persona_store.tokens
            WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)),
           pg_table_size('persona_store.personas'), pg_table_size('persona_store.revisions')";

/// The number of tokens that are valid by the clock of the server, in a schema of any version that
/// has tokens.
const VALID_TOKENS: &str = "
    SELECT count(*) FROM persona_store.tokens
    WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)";

/// The durability of acknowledged writes, from the server's own settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Durability {
    None,
    Normal,
    Full,
    Replicated,
}

impl Durability {
    fn of(fsync: &str, synchronous_commit: &str, standbys: &str) -> Self {
        match (fsync, synchronous_commit) {
            ("off", _) => Self::None,
            (_, "off") => Self::Normal,
            (_, "on" | "remote_apply") if !standbys.is_empty() => Self::Replicated,
            _ => Self::Full,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Normal => "normal",
            Self::Full => "full",
            Self::Replicated => "replicated",
        }
    }

    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::None => {
                "fsync is off: a crash of the database's machine can lose or damage everything"
            }
            Self::Normal => {
                "synchronous_commit is off: a crash of the database server may take back the last moments"
            }
            Self::Full => "acknowledged writes survive process crashes and power cuts",
            Self::Replicated => {
                "acknowledged writes survive power cuts and the loss of the database's primary"
            }
        }
    }
}

/// The values of a row of [`FACTS`].
pub(super) struct Facts {
    pub server_version: String,
    pub personas: u64,
    pub database_bytes: u64,
    connections: u64,
    pub connections_max: u64,
    pub durability: Durability,
    pub tokens: u64,
    pub tokens_kept: u64,
    pub history: HistorySize,
}

/// Counts the tokens that are valid now.
pub(super) async fn valid_tokens(connection: &Connection) -> Result<u64, DriverError> {
    let rows = connection.rows(Statement::Once(VALID_TOKENS), &[]).await?;
    let count = rows.first().map_or(Ok(0), |found| row::driver_value::<i64>(found, 0))?;
    Ok(count.unsigned_abs())
}

/// Reads them from a database that has the schema.
pub(super) async fn read(connection: &Connection) -> Result<Facts, DriverError> {
    let rows = connection.rows(Statement::Once(FACTS), &[]).await?;
    facts(&rows[0])
}

fn facts(found: &Row) -> Result<Facts, DriverError> {
    let number = |column: usize| found.try_get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(Facts {
        server_version: found.try_get(0)?,
        personas: number(1)?,
        database_bytes: number(2)?,
        connections: number(3)?,
        connections_max: number(4)?,
        durability: Durability::of(found.try_get(5)?, found.try_get(6)?, found.try_get(7)?),
        tokens: number(9)?,
        tokens_kept: number(8)?,
        history: HistorySize { living_bytes: number(10)?, history_bytes: number(11)? },
    })
}

/// The status for clients.
pub(super) async fn status(leases: &Leases, settings: &Settings) -> Result<Status, Error> {
    let rows = leases.read(Kind::Look, Statement::Once(FACTS), &[]).await?;
    let facts = rows.first().map(facts).transpose().map_err(super::error::from_driver)?;
    let facts = facts.ok_or(Error::Closed("the schema is gone"))?;
    Ok(Status {
        backend: "postgresql",
        engine_version: facts.server_version,
        durability: facts.durability.as_str(),
        durability_meaning: facts.durability.meaning(),
        schema_version: migrate::VERSION,
        personas: facts.personas,
        database_bytes: facts.database_bytes,
        history: facts.history,
        details: BackendDetails::Server {
            place: settings.place(),
            connections: facts.connections,
            connections_max: facts.connections_max,
        },
    })
}

/// Asks for the version of the schema.
pub(super) const SCHEMA_VERSION: &str = "SELECT schema_version::bigint FROM persona_store.about";

/// Whether the schema is the one that this build knows.
pub(super) async fn knows_the_schema(pool: &Pool) -> Result<bool, Error> {
    is_known_schema(&pool.read(Statement::Kept(SCHEMA_VERSION), &[]).await?)
}

/// The same, by the answer to [`SCHEMA_VERSION`].
pub(super) fn is_known_schema(rows: &[Row]) -> Result<bool, Error> {
    let version = rows.first().map(|found| row::number(found, 0)).transpose()?;
    Ok(version == Some(u64::from(migrate::VERSION)))
}
