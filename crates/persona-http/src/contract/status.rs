//! The body of `GET /api/v1/status`.
//!
//! Members that only a database in a file has are null where the database is on a server, because a
//! zero would be misread as a measurement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;

/// The state of the database and of every process of the server.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Version of the server.
    pub version: String,
    /// When the server started.
    pub started_at: Time,
    /// How long the server has been running, in milliseconds.
    pub uptime_ms: u64,
    /// The kind of database: sqlite, postgresql or memory.
    pub backend: String,
    /// Version of the database engine.
    pub engine_version: String,
    /// The journal mode of SQLite, read back from the database; null where the database is no file.
    pub journal_mode: Option<String>,
    /// The durability class.
    pub durability: String,
    /// What the durability class promises.
    pub durability_meaning: String,
    /// Version of the schema of the database.
    pub schema_version: u32,
    /// Number of personas that are not deleted.
    pub personas: u64,
    /// Size of the database in bytes.
    pub database_bytes: u64,
    /// About how many bytes the personas take up, without their indexes; on a database server, with
    /// what is free in their table.
    pub personas_bytes: u64,
    /// The same of all revisions that are kept.
    pub history_bytes: u64,
    /// Bytes of the write-ahead log in use; null where the database is no file.
    pub wal_bytes: Option<u64>,
    /// Bytes that the write-ahead log is kept below.
    pub wal_bytes_max: Option<u64>,
    /// Number of pages in the write-ahead log from which on a checkpoint copies them into the
    /// database.
    pub wal_autocheckpoint: Option<u32>,
    /// Name of the file system that the database lies on.
    pub file_system: Option<String>,
    /// Space on the disk of the database; null where that is no file.
    pub disk: Option<Disk>,
    /// The server that the database is on; null where it is a file.
    pub server: Option<DatabaseServer>,
    /// The checkpoints of the write-ahead log; null where the database is no file.
    pub checkpoints: Option<Checkpoints>,
    /// The processes that wait for the write lock now, and the one that holds it; null where the
    /// database is no file.
    pub write_lock: Option<Vec<WriteLockUser>>,
    /// How long writers waited for each other.
    pub contention: Contention,
    /// The backups of the server; null where the database is no file.
    pub backups: Option<Backups>,
    /// Damaged personas that the maintenance process or a worker found, counted once by each
    /// process. A number above 0 needs attention.
    pub damage_found: Option<u64>,
    /// The caches of reads of all workers; null where the database is no file.
    pub read_cache: Option<ReadCache>,
    /// Requests that are being answered now.
    pub requests_in_flight: u64,
    /// Streams of events that are open now, of all workers.
    pub event_streams: u64,
    /// The process that looks after the database; null where none runs.
    pub maintenance: Option<Process>,
    /// The processes that answer requests. A worker that is being replaced is there twice.
    pub workers: Vec<Process>,
}

/// Space on the disk of the database.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Disk {
    /// Bytes that the server may still write; null where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Bytes that writes leave free.
    pub reserve_bytes: u64,
    /// The state of the disk. With short, writes are answered 507 and reads go on.
    pub state: DiskState,
}

/// Whether there is space for writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum DiskState {
    /// There is enough space for writes.
    Ok,
    /// There is too little space for writes.
    Short,
}

/// The server that the database is on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseServer {
    /// Hosts and name of the database, for a client that may do everything with the scope admin;
    /// null for others.
    pub place: Option<String>,
    /// Connections to it now, of all its clients.
    pub connections: u64,
    /// Most connections that it takes.
    pub connections_max: u64,
}

/// Checkpoints since the server started: a checkpoint copies the write-ahead log into the database.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoints {
    /// Checkpoints that copied everything.
    pub complete: u64,
    /// Checkpoints that a reader on an old snapshot kept from copying everything.
    pub blocked: u64,
    /// Checkpoints that failed.
    pub failed: u64,
    /// When the last complete checkpoint ended.
    pub last: Option<Time>,
    /// How long ago the last complete checkpoint ended, in milliseconds.
    pub last_age_ms: Option<u64>,
    /// How long checkpoints took.
    pub took_micros: Percentiles,
}

/// A process that waits for the write lock, or holds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WriteLockUser {
    /// 0 for the maintenance process, 1 and up for workers.
    pub slot: u16,
    /// Process id.
    pub pid: u32,
    /// How long the process has been waiting; 0 when it does not wait.
    pub waiting_micros: u64,
    /// How long the process has held the write lock; 0 when it does not hold the lock.
    pub holding_micros: u64,
}

/// How long writers of all processes waited for each other since the server started, and how often
/// in vain.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Contention {
    /// How long writes waited for their transaction.
    pub queue_wait_micros: Percentiles,
    /// How long writers waited for the write lock, the lock between the processes.
    pub write_lock_wait_micros: Option<Percentiles>,
    /// How long writers held the write lock.
    pub write_lock_hold_micros: Option<Percentiles>,
    /// Time from BEGIN to the end of COMMIT.
    pub transaction_micros: Percentiles,
    /// Attempts that met a lock of SQLite, held by a process without the write lock.
    pub lock_retries: Option<u64>,
    /// Writes that did not get their turn in time; answered with 503.
    pub writes_given_up: u64,
    /// Quarters of an hour of the last six hours in which there were writes, the oldest first.
    pub recent: Option<Vec<WriteLockWindow>>,
}

/// A quarter of an hour at the write lock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WriteLockWindow {
    /// When the quarter of an hour began.
    pub began: Time,
    /// How often a writer asked for the write lock.
    pub waits: u64,
    /// 99th percentile of the wait for the write lock in the worst minute.
    pub write_lock_wait_p99_micros: u64,
    /// Writes that did not get their turn in time.
    pub writes_given_up: u64,
    /// Attempts that met a lock of SQLite, held by a process without the write lock.
    pub lock_retries: u64,
}

/// The server's own backups; all 0 and null where the server makes none.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Backups {
    /// When the newest one was made.
    pub last_at: Option<Time>,
    /// Number of backups that were made and checked since the server started.
    pub made: u64,
    /// Number of backups that failed since the server started.
    pub failed: u64,
}

/// The caches of reads of all workers since the server started. An answer from a cache is as recent
/// as one from the database.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReadCache {
    /// Memory that the caches use now, in bytes.
    pub bytes: u64,
    /// Reads that were answered from a cache.
    pub hits: u64,
    /// Reads that had to ask the database.
    pub misses: u64,
    /// Times that a worker dropped the entries that had changed since its last look.
    pub synchronisations: u64,
    /// Times that a worker dropped everything: another program had written to the file, or too much
    /// was changed at once.
    pub clears: u64,
}

/// Upper bounds in microseconds, known to one digit; null when nothing was measured.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// Number of measurements.
    pub count: u64,
    /// Half of the measurements took no longer.
    pub p50: Option<u64>,
    /// Ninety-nine in a hundred measurements took no longer.
    pub p99: Option<u64>,
    /// All but one in a thousand measurements took no longer.
    pub p999: Option<u64>,
}

/// One process of the server.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// 0 for the maintenance process, 1 and up for workers.
    pub slot: u16,
    /// Process id.
    pub pid: u32,
    /// When the process started.
    pub started_at: Time,
    /// How long the process has been running, in milliseconds.
    pub uptime_ms: u64,
    /// How often this slot was filled again.
    pub restarts: u64,
    /// Requests answered by this slot since the server started.
    pub requests: u64,
    /// Connections that are open now.
    pub connections: u64,
    /// Writes of this slot since the server started.
    pub writes: u64,
    /// Writes that wait for their transaction now.
    pub queue_depth: u64,
    /// Age of the oldest list or export that is still running, in microseconds.
    pub longest_read_micros: u64,
    /// How long this slot waited for the write lock.
    pub write_lock_wait_micros: Option<Percentiles>,
    /// How long this slot held the write lock.
    pub write_lock_hold_micros: Option<Percentiles>,
}
