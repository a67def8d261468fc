//! Why a run ends without a verdict.

use std::io;
use std::path::PathBuf;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be used.
    #[error("could not use {}", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
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
    /// The server cannot be reached, or not any more.
    #[error("the server {server} went away: {why}")]
    Gone {
        /// Which one.
        server: String,
        /// Why.
        why: String,
    },
    /// There was no space for what the clients write.
    #[error("there is no space left for {what} after {writes} acknowledged writes")]
    NoSpace {
        /// The server, as a report names it.
        what: String,
        /// How many there were.
        writes: u64,
    },
    /// Something else answers there.
    #[error("{server} is no Persona Store: {why}")]
    Foreign {
        /// Which one.
        server: String,
        /// What it said.
        why: String,
    },
}
