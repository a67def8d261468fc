//! The reasons for which a run ends without a verdict.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The reason why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be used.
    #[error("could not use {}", path.display())]
    Folder {
        /// The path of the folder.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The scratch server did not start.
    #[error("the scratch server did not start")]
    Start {
        /// Its exit code, when it ended.
        code: Option<i32>,
        /// The end of its log.
        log: String,
    },
    /// The server cannot be reached.
    #[error("the server {server} went away: {why}")]
    Gone {
        /// The URL of the server.
        server: String,
        /// The reason.
        why: String,
    },
    /// The disk of the server had no space for the writes.
    #[error("there is no space left for {what} after {writes} acknowledged writes")]
    NoSpace {
        /// The server, as a report names it.
        what: String,
        /// Number of writes that were made.
        writes: u64,
    },
    /// Followers are not told of the last changes.
    #[error("{server} told no follower of the last changes within {} s", waited.as_secs())]
    HeldUp {
        /// The server, as a report names it.
        server: String,
        /// How long they were waited for.
        waited: Duration,
    },
    /// The server does not let the run in.
    #[error("{server} does not let this program in: {why}")]
    Refused {
        /// The URL of the server.
        server: String,
        /// What is wrong with the token, or that there is none.
        why: String,
    },
    /// Another program answers at the address.
    #[error("{server} is no Persona Store: {why}")]
    Foreign {
        /// The URL of the server.
        server: String,
        /// The answer of the program.
        why: String,
    },
}
