//! Chooses the backend that the settings name; no other place of the server does.
//!
//! What lives here: making a database ready and opening a store, each for a file and for a database
//! server; `backend_maintenance.rs` has its maintenance. What must not: how this is done
//! (`persona-storage`), and which process does it when (`init`, `maintenance`, `worker`, and the
//! command line).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use persona_model::Clock;
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{self, SqliteStore, library_version};
use persona_storage::{HistoryLimits, HistoryPruned, HistorySize, Observer, Store};
use serde::{Deserialize, Serialize};

use crate::config::{Config, Database};
use crate::exit_code::ExitCode;

pub use crate::backend_maintenance::Maintenance;

/// The facts that the init process found, which the user is told at the start.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Prepared {
    /// The engine of the database.
    pub engine: Engine,
    /// The version of the engine.
    pub engine_version: String,
    /// The durability of acknowledged writes, as the word of the setting.
    pub durability: String,
    /// The durability in a sentence: what an acknowledged write survives.
    pub durability_meaning: String,
    /// Whether the database is new.
    pub created: bool,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Number of personas that are not deleted; `None` if there are too many to count at the start.
    pub personas: Option<u64>,
    /// Number of access tokens that are valid now.
    pub tokens: u64,
    /// Number of access tokens, ended ones included. As long as there is one, requests need a
    /// token.
    pub tokens_kept: u64,
}

/// The engine of a database.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Engine {
    /// SQLite, in a file.
    Sqlite {
        /// Journal mode, as read back.
        journal_mode: String,
        /// Name of the file system.
        file_system: String,
    },
    /// PostgreSQL, on a server.
    #[default]
    Postgres,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database is a file.
    #[error(transparent)]
    File(#[from] sqlite::DatabaseError),
    /// The database is on a server.
    #[error(transparent)]
    Server(#[from] postgres::DatabaseError),
}

impl DatabaseError {
    /// What the user can do about the error, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Server(error) => error.hint(),
        }
    }

    /// The process that has the file open, if that is the reason and the system tells which process
    /// it is.
    pub fn holder(&self) -> Option<u32> {
        match self {
            Self::File(sqlite::DatabaseError::InUse { pid, .. }) => *pid,
            _ => None,
        }
    }

    /// The exit code of a program that needs the database.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::File(error) => ExitCode::of_start(error),
            Self::Server(error) => exit_code_of_server(error),
        }
    }
}

/// The exit code of a program that needs the database server.
pub fn exit_code_of_server(error: &postgres::DatabaseError) -> ExitCode {
    match error {
        postgres::DatabaseError::Unreachable { .. } => ExitCode::Unavailable,
        postgres::DatabaseError::NoDatabase { .. } => ExitCode::NotFound,
        postgres::DatabaseError::System { .. } | postgres::DatabaseError::Backend { .. } => {
            ExitCode::Failure
        }
        _ => ExitCode::Config,
    }
}

/// Makes the database ready for several processes. `writes` tells whether they write or only read.
/// Safe beside a running server.
///
/// # Errors
///
/// The database cannot be used; it was not changed.
pub fn initialise(config: &Config, writes: bool) -> Result<Prepared, DatabaseError> {
    match &config.database {
        Database::File(path) => {
            if writes {
                sqlite::refuse_unwritable(path)?;
            } else {
                sqlite::refuse_unreadable(path)?;
            }
            let report = sqlite::initialise(&config.file_settings(path))?;
            warn_of_long_histories(report.history, config);
            Ok(prepared_file(report, config))
        }
        Database::Server(url) => {
            let settings = Config::server_settings(url, "persona init");
            let report = postgres::initialise(&settings)?;
            warn_of_few_connections(&report, &settings, config.workers);
            warn_of_long_histories(report.history, config);
            Ok(prepared_server(report))
        }
    }
}

/// Number of access tokens that are valid now in a database that is not made ready yet, of whatever
/// version; `None` where [`initialise`] would make a new one. Migrates nothing.
///
/// # Errors
///
/// The database cannot be used.
pub fn valid_tokens(config: &Config) -> Result<Option<u64>, DatabaseError> {
    Ok(match &config.database {
        Database::File(path) => {
            sqlite::refuse_unwritable(path)?;
            sqlite::valid_tokens(&config.file_settings(path))?
        }
        Database::Server(url) => {
            postgres::valid_tokens(&Config::server_settings(url, "persona init"))?
        }
    })
}

/// Whether there is a database that [`initialise`] would not make anew. Changes nothing.
///
/// # Errors
///
/// The database server cannot be used.
pub fn is_made(config: &Config) -> Result<bool, DatabaseError> {
    match &config.database {
        Database::File(path) => Ok(sqlite::is_there(path)),
        Database::Server(_) => Ok(valid_tokens(config)?.is_some()),
    }
}

fn prepared_file(report: sqlite::InitReport, config: &Config) -> Prepared {
    if let Some(backup) = &report.backup {
        tracing::info!(backup = %backup.display(), "copied the old file before changing it");
    }
    note_migration(report.migrated_from, report.schema_version);
    if report.journal_mode == "wal" {
        // Operators and scripts search the log for exactly this message.
        tracing::info!(
            converted_from = report.converted_from,
            file_system = report.file_system,
            sqlite_version = library_version(),
            "SQLite WAL mode enabled for improved concurrency"
        );
    }
    let durability = config.durability;
    Prepared {
        engine: Engine::Sqlite {
            journal_mode: report.journal_mode,
            file_system: report.file_system,
        },
        engine_version: library_version().into(),
        durability: durability.as_str().into(),
        durability_meaning: durability.meaning().into(),
        created: report.created,
        database_bytes: report.database_bytes,
        personas: report.personas,
        tokens: report.tokens,
        tokens_kept: report.tokens_kept,
    }
}

fn prepared_server(report: postgres::InitReport) -> Prepared {
    note_migration(report.migrated_from, report.schema_version);
    if report.feed_advanced {
        tracing::info!(
            "the feed goes on at another number, because the database came from another cluster"
        );
    }
    Prepared {
        engine: Engine::Postgres,
        engine_version: report.server_version,
        durability: report.durability.into(),
        durability_meaning: report.durability_meaning.into(),
        created: report.created,
        database_bytes: report.database_bytes,
        personas: Some(report.personas),
        tokens: report.tokens,
        tokens_kept: report.tokens_kept,
    }
}

fn note_migration(from: Option<u32>, to: u32) {
    if let Some(version) = from {
        tracing::info!(from = version, to, "database schema brought up to date");
    }
}

/// Warns if the server allows too few connections: every worker may fill its pool, and the
/// maintenance process and an administrator need connections too.
fn warn_of_few_connections(
    report: &postgres::InitReport,
    settings: &postgres::Settings,
    workers: u16,
) {
    let wanted = u64::from(workers) * settings.pool_max() as u64;
    if wanted + postgres::RESERVED_CONNECTIONS > report.connections_max {
        tracing::warn!(
            wanted,
            connections_max = report.connections_max,
            "the workers may want more connections than the server takes; lower pool_max in the \
             URL or raise max_connections"
        );
    }
}

/// What to do about histories that have outgrown the personas.
pub const SHORTER_HISTORIES: &str =
    "set history_keep or history_keep_newest; `persona prune --dry-run` tells what would go";

/// Warns where the histories have outgrown the personas, and all of them are kept.
fn warn_of_long_histories(history: HistorySize, config: &Config) {
    if let Some(times) = history.outgrown().filter(|_| config.history_limits().keep_everything()) {
        tracing::warn!(
            times,
            bytes = history.history_bytes,
            hint = SHORTER_HISTORIES,
            "the revisions take many times as much as the personas"
        );
    }
}

/// Opens the database that [`initialise`] made ready, for a process that gives the database server
/// this name. The processes of a server share a turnstile, and a command has none.
///
/// # Errors
///
/// The database cannot be used. A database server that cannot be reached is no error: each request
/// tries again.
pub fn open(
    config: &Config,
    application: &str,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    turnstile: Option<PathBuf>,
) -> Result<Arc<dyn Store>, DatabaseError> {
    Ok(match &config.database {
        Database::File(path) => {
            let settings = sqlite::Settings { turnstile, ..config.file_settings(path) };
            Arc::new(SqliteStore::open(settings, clock, observer)?)
        }
        Database::Server(url) => {
            let settings = Config::server_settings(url, application)
                .reading_within(Duration::from_millis(config.read_timeout_ms))
                .keeping_keys(config.idempotency_keys_max);
            Arc::new(PostgresStore::open(settings, clock, observer)?)
        }
    })
}

/// Counts all old revisions that the limits let go, and changes nothing: a file is not even
/// checkpointed.
///
/// # Errors
///
/// The database cannot be used, or is of another version.
pub fn prunable(
    config: &Config,
    clock: Arc<dyn Clock>,
    limits: HistoryLimits,
) -> Result<HistoryPruned, DatabaseError> {
    Ok(match &config.database {
        Database::File(path) => {
            sqlite::refuse_unreadable(path)?;
            sqlite::prunable(&config.file_settings(path), clock, &limits)?
        }
        Database::Server(url) => {
            postgres::prunable(&Config::server_settings(url, "persona prune"), clock, limits)?
        }
    })
}
