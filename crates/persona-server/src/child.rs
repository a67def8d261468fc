//! The common parts of all children of the supervisor: heartbeat, errors, log.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::backend::DatabaseError;
use crate::config::{Database, FIRST_TOKEN};
use crate::exit_code::ExitCode;
use crate::log::Log;

/// Time between two heartbeats of a process on the scoreboard.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// Why a child ends before its work is done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be used.
    #[error("could not start: {0}")]
    Start(#[from] DatabaseError),
    /// The server would be open to other machines without a token.
    #[error("could not start: {address} is no loopback address, and no access token counts")]
    NoToken {
        /// The address on which the server would listen.
        address: IpAddr,
        /// The database that has no token.
        database: Database,
        /// Whether there is no database yet either.
        is_new: bool,
    },
    /// The system refused a thread, a signal handler or the socket of the supervisor.
    #[error("the system failed: {0}")]
    System(#[from] io::Error),
    /// A sync failed, so every process must open the file again.
    #[error("the disk failed to sync, so the file has to be opened again")]
    Unsynced,
    /// The outcome of a commit is unknown, so every process must open the file again.
    #[error("what became of a commit is unknown, so the file has to be opened again")]
    Doubt,
    /// The schema is not the one of this program any more, or the file was moved. The next start
    /// finds out which.
    #[error("the schema of the database is not what it was any more")]
    Schema,
    /// A thread of the process ended that must run until the end.
    #[error("a thread ended unexpectedly")]
    Thread,
}

impl Error {
    /// What the user can do about the error, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Start(start) => start.hint(),
            Self::NoToken { database, is_new, .. } => {
                let create = if *is_new { " --create" } else { "" };
                let command = format!("{FIRST_TOKEN}{create}");
                Some(format!(
                    "make a token: {}; \
                     or add --allow-open to serve every client that can reach the port",
                    database.in_command(&command)
                ))
            }
            _ => None,
        }
    }

    /// The exit code of a child after this error, by which the supervisor decides.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Start(start) => start.exit_code(),
            Self::Unsynced | Self::Doubt => ExitCode::DiskFailed,
            Self::Schema | Self::NoToken { .. } => ExitCode::Config,
            Self::System(_) | Self::Thread => ExitCode::Failure,
        }
    }
}

/// Opens the log file again.
pub fn reopen_log(log: &Log) {
    if let Err(error) = log.reopen() {
        tracing::error!(error = %error, "could not open the log file again; the old one is used further");
    }
}
