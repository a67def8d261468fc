//! Settings: defaults, user file, project file, environment, flags, each overriding the ones
//! before; and where each value came from.
//!
//! What lives here: the one table of settings ([`KEYS`]) and everything that walks it; the only
//! code that reads the environment. What must not: what the settings do.
//!
//! Start reading at [`KEYS`], then [`load`], which merges the sources and checks the result.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use persona_storage::HistoryLimits;
use persona_storage::postgres;
use persona_storage::sqlite::{self, BackupPlan, Durability};
use serde::{Deserialize, Serialize};

use persona_http::{Network, Rate, RateCells, RateLimits};

mod build;
mod database;
mod environment;
mod file;
mod flags;
mod key;
mod key_limits;
mod key_listen;
mod listen;
mod load;
mod log_format;
mod problem;
mod profile;
mod reference;
mod renamed;
mod setting;
mod value_kind;

pub use database::{Database, FIRST_TOKEN, shown};
pub use environment::{Environment, Hidden, TokenPlace};
pub use flags::Flags;
pub use key::{KEYS, Key, TOKEN_VARIABLE, ValueKind};
pub use load::{Loaded, load};
pub use log_format::LogFormat;
pub use problem::{ConfigError, Problem};
pub use profile::Profile;
pub use reference::reference;
pub use renamed::setting_of_earlier_name;
pub use setting::{Origin, Setting};

/// Most workers on one SQLite file: the writers of a file take turns, so more processes add waiting
/// and no speed.
pub const SQLITE_WORKERS_MAX: u16 = 4;

/// Most workers on a PostgreSQL database: as many as the scoreboard has entries for.
pub const POSTGRES_WORKERS_MAX: u16 = 64;

/// [`Durability`] as a child of the supervisor receives it; the storage crate serialises nothing.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Durability")]
enum DurabilityWords {
    Normal,
    Full,
}

/// All settings, with their types, checked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Config {
    /// Address to listen on. Default 127.0.0.1.
    pub host: IpAddr,
    /// TCP port to listen on; 0 lets the system choose. Default 8000.
    pub port: u16,
    /// Whether the settings choose `host` or `port`. Then the server makes a TCP socket even if it
    /// has a unix socket or one that was handed over.
    pub is_tcp_chosen: bool,
    /// The unix socket to make.
    pub uds: Option<UnixSocket>,
    /// The descriptor of a socket that was handed over.
    pub fd: Option<u32>,
    /// The address that other machines may reach: `host`, or that of a socket that was handed over.
    /// `None` where all addresses are loopback. This is no setting; it follows from the sockets.
    pub exposed: Option<IpAddr>,
    /// The certificate and its key, where connections are encrypted.
    pub tls: Option<TlsFiles>,
    /// Whether clients need no token as long as there is none, even if `host` is not loopback.
    /// Default false.
    pub allow_open: bool,
    /// Whether the state of the server and its metrics need no access token. Default false.
    pub open_monitoring: bool,
    /// Labels that only a token of the scope admin moves. Default none.
    pub protected_labels: Vec<String>,
    /// Proxies that are believed when they say for which client they ask. Default loopback.
    pub trusted_proxies: Vec<Network>,
    /// Names of hosts that requests may name besides those of loopback, in lower case; `None` for
    /// every host. Default: none of them if `host` is loopback, every host otherwise.
    pub allowed_hosts: Option<Vec<String>>,
    /// Origins of the pages that may use the server, or `*` alone. Default none.
    pub cors_origins: Vec<String>,
    /// The prefix that a proxy puts in front of every path, such as `/personas`; empty for none.
    pub root_path: String,
    /// Most connections of each worker. Default 1,024.
    pub connections_max: usize,
    /// Part of the connections that one client may hold while other clients wait, in percent.
    /// Default 50.
    pub connections_share: usize,
    /// Most followers of events of each worker. Default 768.
    pub event_streams_max: usize,
    /// Most followers of one client on each worker. Default 64.
    pub event_streams_per_client: usize,
    /// How long a connection may wait for its next request. Default 75 s.
    pub idle_timeout: Duration,
    /// Reads that a client may make in a second; 0 for no limit. Default 0.
    pub rate_reads: u32,
    /// Reads that a client may make at once; 0 for as many as in one second. Default 0.
    pub rate_reads_burst: u32,
    /// Writes that a client may make in a second; 0 for no limit. Default 0.
    pub rate_writes: u32,
    /// Writes that a client may make at once; 0 for as many as in one second. Default 0.
    pub rate_writes_burst: u32,
    /// The server that commands talk to when the command line names neither a server nor a
    /// database.
    pub server: Option<String>,
    /// The database. Default `persona.db` in the current folder.
    pub database: Database,
    /// Worker processes, 1 to [`SQLITE_WORKERS_MAX`] or [`POSTGRES_WORKERS_MAX`]. Default min(4,
    /// cores).
    pub workers: u16,
    /// What an acknowledged write to a file survives. Default `normal`.
    #[serde(with = "DurabilityWords")]
    pub durability: Durability,
    /// Longest wait for SQLite's own lock and for a turn in the write queue, in milliseconds.
    /// Default 30,000.
    pub busy_timeout_ms: u64,
    /// Most time for a list or a search, and again for its highlights, in milliseconds. Default
    /// 5,000.
    pub read_timeout_ms: u64,
    /// Number of pages (of 4,096 bytes) in the WAL from which on the maintenance process makes a
    /// checkpoint. Default 1,000.
    pub wal_autocheckpoint: u32,
    /// MiB that writes leave free on the disk of a database file. Default 64.
    pub disk_reserve_mb: u64,
    /// Most idempotency keys that the database keeps, about. Default 10,000,000.
    pub idempotency_keys_max: u64,
    /// How long a revision is kept after another one replaced it; for ever when not set.
    pub history_keep: Option<Duration>,
    /// How many of the newest revisions of each persona are kept; 0, the default, for all.
    pub history_keep_newest: u64,
    /// Most bytes of a document as JSON. Default 4,194,304.
    pub document_bytes_max: usize,
    /// Wait for the write lock, in milliseconds, after which the log names the process that holds
    /// the lock. Default 1,000.
    pub write_lock_warn_ms: u64,
    /// How often the maintenance process makes a backup; never when not set.
    pub backup_every: Option<Duration>,
    /// How many scheduled backups are kept, at least 1. Default 24.
    pub backup_keep: usize,
    /// Where scheduled backups go; the name of the database with `-backups` added when not set.
    pub backup_dir: Option<PathBuf>,
    /// Whether answers name the worker (`X-Persona-Worker`) and its timing (`Server-Timing`).
    /// Default false.
    pub expose_worker: bool,
    /// Memory for large answers of one worker that are not sent yet, in MiB. Default 256.
    pub answer_memory_mb: usize,
    /// Memory of one worker for personas that it has read, in MiB; 0 for none. Only for a database
    /// in a file. Default 64.
    pub read_cache_mb: usize,
    /// How long a client may leave its answer unread before it is cut off, in milliseconds. Default
    /// 30,000.
    pub answer_patience_ms: u64,
    /// Most time that a stopping worker has for the requests at hand, in milliseconds. Default
    /// 10,000.
    pub drain_timeout_ms: u64,
    /// Lowest level that is logged: `error`, `warn`, `info`, `debug`, `trace` or `off`; or a filter
    /// such as `info,persona_storage=debug`. Default `info`.
    pub log_level: String,
    /// `text`, `json` or `auto` (text on a terminal, JSON otherwise). Default `auto`.
    pub log_format: LogFormat,
    /// Where the log goes; standard error when not set. Reopened on USR1.
    pub log_file: Option<PathBuf>,
    /// Whether each request gets a line in the log. Default false.
    pub access_log: bool,
    /// The fault that the store injects for tests, or `none`: a name of
    /// [`persona_storage::fault_injection::InjectedFault`]. Default none.
    #[cfg(feature = "faults")]
    pub fault: String,
}

/// A unix socket to make.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UnixSocket {
    /// The path of the socket.
    pub path: PathBuf,
    /// The mode of the socket file.
    pub mode: u32,
    /// The group of the socket file, by name or number; the group of the process when not set.
    pub group: Option<String>,
}

/// The files of a certificate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TlsFiles {
    /// The file with the certificate of the server and those of its authorities.
    pub cert: PathBuf,
    /// The file with the private key.
    pub key: PathBuf,
}

impl Config {
    /// Most workers that this database allows.
    pub fn workers_max(&self) -> u16 {
        match self.database {
            Database::File(_) => SQLITE_WORKERS_MAX,
            Database::Server(_) => POSTGRES_WORKERS_MAX,
        }
    }

    /// Whether requests need no access token as long as the database has none, not even one that
    /// has ended.
    pub fn is_open_without_tokens(&self) -> bool {
        self.exposed.is_none() || self.allow_open
    }

    /// Notes that other machines may reach this address, which belongs to a socket that was handed
    /// over. Then requests may name any host, unless the settings restrict it, as if `host` were
    /// this address.
    pub fn is_exposed_at(&mut self, address: IpAddr) {
        self.exposed = Some(address);
        // An empty list means that the settings chose nothing, because a list of no hosts cannot be
        // set.
        if self.allowed_hosts.as_ref().is_some_and(Vec::is_empty) {
            self.allowed_hosts = None;
        }
    }

    /// How many requests a client may make, counted in these cells.
    pub fn rates(&self, cells: Arc<dyn RateCells>) -> RateLimits {
        let rate = |per_second, burst| {
            let per_second = NonZeroU32::new(per_second)?;
            Some(Rate { per_second, burst: NonZeroU32::new(burst).unwrap_or(per_second) })
        };
        let reads = rate(self.rate_reads, self.rate_reads_burst);
        let writes = rate(self.rate_writes, self.rate_writes_burst);
        let is_limited = reads.is_some() || writes.is_some();
        RateLimits { reads, writes, cells: is_limited.then_some(cells) }
    }

    /// Memory for large answers of one worker that are not sent yet, in bytes.
    pub fn answer_memory_bytes(&self) -> usize {
        self.answer_memory_mb.saturating_mul(1024 * 1024)
    }

    /// The backups that the maintenance process is must make of a file, if any.
    pub fn backup_plan(&self) -> Option<BackupPlan> {
        let folder = self.backups_of(self.database.file()?);
        self.backup_every.map(|every| BackupPlan { every, keep: self.backup_keep, folder })
    }

    /// The folder of these backups of a file.
    pub fn backups_of(&self, path: &Path) -> PathBuf {
        let beside = || {
            let mut name = path.to_path_buf().into_os_string();
            name.push("-backups");
            name.into()
        };
        self.backup_dir.clone().unwrap_or_else(beside)
    }

    /// Which old revisions are kept.
    pub fn history_limits(&self) -> HistoryLimits {
        let keep_newest = Some(self.history_keep_newest).filter(|newest| *newest > 0);
        HistoryLimits { keep_for: self.history_keep, keep_newest }
    }

    /// The settings of storage for a file.
    pub fn file_settings(&self, path: &Path) -> sqlite::Settings {
        sqlite::Settings {
            turnstile: None,
            path: path.into(),
            durability: self.durability,
            busy_timeout: Duration::from_millis(self.busy_timeout_ms),
            read_timeout: Duration::from_millis(self.read_timeout_ms),
            wal_autocheckpoint: self.wal_autocheckpoint,
            disk_reserve_bytes: self.disk_reserve_mb * 1024 * 1024,
            idempotency_keys_max: self.idempotency_keys_max,
            history: self.history_limits(),
            read_cache_bytes: self.read_cache_mb.saturating_mul(1024 * 1024),
        }
    }

    /// The settings of storage for a database on a server; `application` is the name that the
    /// process gives the server.
    ///
    /// # Panics
    ///
    /// When the URL is invalid, which was checked when the settings were loaded.
    pub fn server_settings(url: &str, application: &str) -> postgres::Settings {
        postgres::Settings::parse(url)
            .expect("the URL was checked when the settings were loaded")
            .named(application)
    }
}
