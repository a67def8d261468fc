//! Flags of the commands that look after a file or a server.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::count::at_least_one;
use super::{CredentialFlags, DatabaseFile, Target};

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub struct Backup {
    /// File to write.
    pub file: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    pub force: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseFile,
}

/// Arguments of `restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// Backup to restore.
    pub file: PathBuf,
    /// Copy and check everything, change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseFile,
}

/// Arguments of `prune`.
#[derive(Args, Debug)]
pub struct Prune {
    /// How long a revision is kept after another one replaced it, such as 365d; by default as the
    /// settings say.
    #[arg(long, value_name = "TIME")]
    pub keep: Option<String>,
    /// How many of the newest revisions of each persona are kept; by default as the settings say.
    #[arg(long, value_name = "COUNT")]
    pub keep_newest: Option<String>,
    /// Tell what would go, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Database, also beside a running server: a path or a postgres:// URL.
    #[arg(long, value_name = "PLACE")]
    pub database: Option<String>,
    /// Settings file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// File to check, such as a backup; by default the database.
    pub file: Option<PathBuf>,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseFile,
}

/// Arguments of `move`.
#[derive(Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag, and they are independent of each other"
)]
pub struct Move {
    /// Database to move from: sqlite:persona.db or postgres://user@host/database.
    #[arg(long, value_name = "PLACE")]
    pub from: String,
    /// Database to move to; a SQLite file must not exist yet.
    #[arg(long, value_name = "PLACE")]
    pub to: String,
    /// Move while a server uses the source; at the end writers wait for at most two seconds.
    #[arg(long)]
    pub live: bool,
    /// Read everything, look at the target, change nothing.
    #[arg(long, conflicts_with = "live")]
    pub dry_run: bool,
    /// Add the personas to those that are in the target already.
    #[arg(long)]
    pub into_existing: bool,
    /// Throw away what an unfinished move left in the target.
    #[arg(long)]
    pub start_over: bool,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// Folder for the scratch database, so that its file system is verified; by default the current
    /// folder.
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    pub dir: Option<PathBuf>,
    /// Empty PostgreSQL database to verify in place of a scratch file; what is written stays there.
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    pub database: Option<String>,
    /// Running server to verify in place of a scratch one; start it with --expose-worker.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// What it comes to that server with.
    #[command(flatten)]
    pub credentials: CredentialFlags,
    /// Workers of the scratch server, 1 to 4, on PostgreSQL up to 64; by default 4.
    #[arg(long, value_name = "NUMBER", conflicts_with = "server", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: Option<u16>,
    /// Durability class of the scratch server: normal or full; by default normal.
    #[arg(long, value_name = "WORD", conflicts_with = "server", value_parser = ["normal", "full"])]
    pub durability: Option<String>,
    /// Memory in which each worker of the scratch server keeps personas that it has read, in MiB; 0
    /// for none. By default 64.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["server", "database"])]
    pub read_cache_mb: Option<u64>,
    /// Clients that work at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub clients: u32,
    /// Length of the load, in seconds.
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = at_least_one)]
    pub seconds: u64,
    /// Number of personas that half of all requests go to.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub hot_keys: u32,
    /// Kill processes during the load: workers and the maintenance process, with =supervisor the
    /// supervisor too.
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "workers")]
    pub chaos: Option<ChaosWord>,
    /// Seed of all random choices; by default a new one for each run.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Fault of the scratch server; exists in test builds only.
    #[cfg(feature = "faults")]
    #[arg(long, value_name = "NAME", hide = true)]
    pub fault: Option<String>,
}

/// What `verify --chaos` kills.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChaosWord {
    /// Workers and the maintenance process.
    Workers,
    /// The supervisor too, which is then started again.
    Supervisor,
}

/// Arguments of `health`.
#[derive(Args, Debug)]
pub struct Health {
    /// Server to ask; by default the one that the settings describe.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Settings file to use in place of persona.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What it comes to the server with.
    #[command(flatten)]
    pub credentials: CredentialFlags,
}

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// Compare every index entry, row, hash and revision too; takes as long as reading the whole
    /// file.
    #[arg(long)]
    pub full: bool,
    /// What to examine; a server that has the file open is found by itself.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `top`.
#[derive(Args, Debug)]
pub struct Top {
    /// Print the figures of one second and end.
    #[arg(long)]
    pub once: bool,
    /// Server to watch; by default the one that the settings describe.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Settings file to use in place of persona.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What it comes to the server with.
    #[command(flatten)]
    pub credentials: CredentialFlags,
}

/// Arguments of `bench`.
#[derive(Args, Debug)]
pub struct Bench {
    /// Server to measure; by default the one that the settings describe.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Settings file to use in place of persona.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What it comes to the server with.
    #[command(flatten)]
    pub credentials: CredentialFlags,
    /// Connections to send requests over.
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,
    /// Requests a second to start, whether or not earlier ones are answered.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    /// How long to go on, in seconds.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// How many of a hundred requests change a persona; the others read one.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub write_percent: u8,
    /// Personas to create for this, and to delete at the end.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub personas: u32,
    /// Leave the personas; they have the tag persona-bench.
    #[arg(long)]
    pub keep: bool,
}
