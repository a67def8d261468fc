//! The maintenance of the backend that the settings name.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use persona_model::Clock;
use persona_storage::sqlite::{self, ReplacedFile};
use persona_storage::{Error, HistoryLimits, HistoryPruned, Observer, postgres};

use crate::backend::DatabaseError;
use crate::config::{Config, Database};

/// The maintenance of a database while other processes use it.
pub enum Maintenance {
    /// Of a file.
    File(Box<sqlite::Maintenance>),
    /// Of a database on a server.
    Server(Box<postgres::Maintenance>),
}

impl Maintenance {
    /// Opens the connections that maintenance needs.
    ///
    /// # Errors
    ///
    /// As for [`backend::open`](crate::backend::open).
    pub fn open(
        config: &Config,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        turnstile: Option<PathBuf>,
    ) -> Result<Self, DatabaseError> {
        Ok(match &config.database {
            Database::File(path) => Self::File(Box::new(sqlite::Maintenance::open(
                &sqlite::Settings { turnstile, ..config.file_settings(path) },
                clock,
                observer,
            )?)),
            Database::Server(url) => Self::Server(Box::new(postgres::Maintenance::open(
                &Config::server_settings(url, "persona maintenance")
                    .keeping_history(config.history_limits()),
                clock,
            )?)),
        })
    }

    /// Which file of the database was removed or replaced, if any; `None` for a database on a
    /// server.
    pub fn replaced_file(&mut self) -> Option<ReplacedFile> {
        match self {
            Self::File(maintenance) => maintenance.replaced_file(),
            Self::Server(_) => None,
        }
    }

    /// Whether the schema is still the one that this build knows.
    ///
    /// # Errors
    ///
    /// The database failed or cannot be reached; a later call may succeed.
    pub fn knows_the_schema(&self) -> Result<bool, Error> {
        match self {
            Self::File(maintenance) => maintenance.knows_the_schema(),
            Self::Server(maintenance) => maintenance.knows_the_schema(),
        }
    }

    /// Does the maintenance that is due, and returns the time until the next call.
    ///
    /// # Errors
    ///
    /// The database failed; a later call may succeed, except after [`Error::Unsynced`] and
    /// [`Error::OutcomeUnknown`].
    pub fn tick(&mut self) -> Result<Duration, Error> {
        match self {
            Self::File(maintenance) => maintenance.tick(),
            Self::Server(maintenance) => maintenance.tick(),
        }
    }

    /// Drops all old revisions that the limits let go.
    ///
    /// # Errors
    ///
    /// As for [`Self::tick`]; what was dropped before stays dropped.
    pub fn prune_now(&mut self, limits: HistoryLimits) -> Result<HistoryPruned, Error> {
        match self {
            Self::File(maintenance) => maintenance.prune_now(limits, false),
            Self::Server(maintenance) => maintenance.prune_now(limits, false),
        }
    }

    /// Copies the whole WAL of a file into the database and empties it, and tells whether that is
    /// done. A database on a server has none.
    ///
    /// # Errors
    ///
    /// As for [`Self::tick`].
    pub fn checkpoint_now(&mut self) -> Result<bool, Error> {
        match self {
            Self::File(maintenance) => maintenance.checkpoint_now(),
            Self::Server(_) => Ok(false),
        }
    }

    /// Ends maintenance. For a file, the WAL is copied into the database first.
    ///
    /// # Errors
    ///
    /// [`Error::Unsynced`]: a sync failed; the next start copies the WAL.
    pub fn close(self) -> Result<(), Error> {
        match self {
            Self::File(maintenance) => maintenance.close(),
            Self::Server(maintenance) => {
                drop(maintenance);
                Ok(())
            }
        }
    }
}
