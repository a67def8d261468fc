//! What every child of the supervisor needs, whatever its role: its pace, its errors, its log.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::backend::DatabaseError;
use crate::exit_code::ExitCode;
use crate::log::Log;

/// Pace of the sign of life that a process gives on the scoreboard.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// Why a child ends before its work is done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be used.
    #[error("could not start: {0}")]
    Start(#[from] DatabaseError),
    /// Clients of other machines could do everything.
    #[error("could not start: {address} is no loopback address, and no access token counts")]
    NoToken {
        /// The address that the server was to listen on.
        address: IpAddr,
    },
    /// The system did not give what is needed: a thread, a signal, the supervisor's socket.
    #[error("the system failed: {0}")]
    System(#[from] io::Error),
    /// A sync failed, so every process has to open the file again.
    #[error("the disk failed to sync, so the file has to be opened again")]
    Unsynced,
    /// Whether a commit was kept is unknown, so every process has to open the file again.
    #[error("what became of a commit is unknown, so the file has to be opened again")]
    Doubt,
    /// The file is another program's now, or was moved away. The next start finds out which.
    #[error("the schema of the database is not what it was any more")]
    Schema,
    /// A thread of the process ended that must not.
    #[error("a thread ended unexpectedly")]
    Thread,
}

impl Error {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Start(start) => start.hint(),
            Self::NoToken { .. } => Some(
                "make a token: persona token create --name NAME --scope admin; \
                 or add --allow-open to serve every client that can reach the port"
                    .into(),
            ),
            _ => None,
        }
    }

    /// How a child ends that meets it; the supervisor decides by this code.
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
