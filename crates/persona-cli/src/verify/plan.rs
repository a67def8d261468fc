//! What is to be verified, and how.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use crate::client::ServerAddress;

/// What is to be verified, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which server.
    pub server: ServerUnderTest,
    /// How many clients work at once.
    pub clients: u32,
    /// For how long.
    pub duration: Duration,
    /// How many personas half of all requests are about.
    pub hot_keys: u32,
    /// What is killed meanwhile; nothing, unless the server is a scratch one.
    pub chaos: Chaos,
    /// What the random numbers follow from.
    pub seed: u64,
    /// Tells this run from all others, also from those with the same seed: names and idempotency
    /// keys must be new.
    pub run: u32,
}

/// Which server.
#[derive(Clone, Debug)]
pub enum ServerUnderTest {
    /// One that is started for this, and ended.
    Scratch(ScratchPlan),
    /// One that is running.
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
    /// Where its folder is made.
    pub folder: PathBuf,
    /// URL of an empty PostgreSQL database to use in place of a file in the folder.
    pub database: Option<String>,
    /// Its workers.
    pub workers: u16,
    /// More flags of `persona serve`.
    pub serve_flags: Vec<String>,
}

/// What is killed during the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Chaos {
    /// Nothing.
    #[default]
    None,
    /// Workers and the maintenance process.
    Workers,
    /// These and the supervisor, which is then started again.
    Supervisor,
}
