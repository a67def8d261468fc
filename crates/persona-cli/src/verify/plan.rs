//! The plan of a run: what is verified, and how.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use crate::client::ServerAddress;

/// The plan of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server to verify.
    pub server: ServerUnderTest,
    /// Number of concurrent clients.
    pub clients: u32,
    /// Length of the load.
    pub duration: Duration,
    /// Number of hot personas: half of all requests go to them.
    pub hot_keys: u32,
    /// Which processes are killed during the load; none unless the server is a scratch one.
    pub chaos: Chaos,
    /// The seed of all random numbers.
    pub seed: u64,
    /// A number that identifies this run, even among runs with the same seed, because names and
    /// idempotency keys must be new.
    pub run: u32,
}

/// The server to verify.
#[derive(Clone, Debug)]
pub enum ServerUnderTest {
    /// A scratch server, which the run starts and ends.
    Scratch(ScratchPlan),
    /// A running server.
    Server(ServerAddress),
}

impl Display for ServerUnderTest {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scratch(scratch) => {
                write!(out, "a scratch database in {}", scratch.folder.display())
            }
            Self::Server(address) => address.fmt(out),
        }
    }
}

/// How a scratch server is started.
#[derive(Clone, Debug)]
pub struct ScratchPlan {
    /// The folder in which the folder of the server is made.
    pub folder: PathBuf,
    /// URL of an empty PostgreSQL database to use in place of a file in the folder.
    pub database: Option<String>,
    /// Number of workers.
    pub workers: u16,
    /// More flags of `persona serve`.
    pub serve_flags: Vec<String>,
}

/// Which processes are killed during the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Chaos {
    /// None.
    #[default]
    None,
    /// Workers and the maintenance process.
    Workers,
    /// Workers, the maintenance process and the supervisor, which is then started again.
    Supervisor,
}
