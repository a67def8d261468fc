//! The body of `GET /api/v1/status`.
//!
//! A member that only a database in a file has is null where the database is on a server: a zero
//! would say that there is such a thing.

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
    /// What keeps the personas.
    pub backend: String,
    /// Version of the database engine.
    pub engine_version: String,
    /// As read back from the database; null where that is no file.
    pub journal_mode: Option<String>,
    /// Durability class.
    pub durability: String,
    /// What the class promises.
    pub durability_meaning: String,
    /// Version of the schema of the database.
    pub schema_version: u32,
    /// Living personas.
    pub personas: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of the write-ahead log in use; null where the database is no file.
    pub wal_bytes: Option<u64>,
    /// Bytes that the write-ahead log is kept below.
    pub wal_bytes_max: Option<u64>,
    /// From how many pages in the log on they are copied back.
    pub wal_autocheckpoint: Option<u32>,
    /// Name of the file system that the database lies on.
    pub file_system: Option<String>,
    /// Space on the disk of the database; null where that is no file.
    pub disk: Option<Disk>,
    /// The server that the database is on; null where it is a file.
    pub server: Option<DatabaseServer>,
    /// How the write-ahead log was copied back; null where the database is no file.
    pub checkpoints: Option<Checkpoints>,
    /// The processes that wait for the turn to write, and the one that has it, at this moment; null
    /// where the database is no file.
    pub write_lock: Option<Vec<WriteLockUser>>,
    /// How long writers waited for each other.
    pub contention: Contention,
    /// The backups of the server; null where the database is no file.
    pub backups: Option<Backups>,
    /// Damaged personas that the maintenance process, or reads or writes of a worker, came across,
    /// counted once by each; anything above 0 needs a look.
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
    /// short: writes are answered 507, reads go on.
    pub state: DiskState,
}

/// Whether there is space for writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum DiskState {
    /// There is.
    Ok,
    /// There is not.
    Short,
}

/// The server that the database is on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseServer {
    /// Hosts and database.
    pub place: String,
    /// Connections to it now, of all its clients.
    pub connections: u64,
    /// Most connections that it takes.
    pub connections_max: u64,
}

/// How the write-ahead log was copied back since the server started.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoints {
    /// Copied everything.
    pub complete: u64,
    /// Kept from finishing by a reader on an old snapshot.
    pub blocked: u64,
    /// Ended by a failure of the database.
    pub failed: u64,
    /// When the last complete one ended.
    pub last: Option<Time>,
    /// How long ago that was, in milliseconds.
    pub last_age_ms: Option<u64>,
    /// How long they took.
    pub took_micros: Percentiles,
}

/// A process that waits for the turn to write, or has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WriteLockUser {
    /// 0 for the maintenance process, 1 and up for workers.
    pub slot: u16,
    /// Process id.
    pub pid: u32,
    /// How long it has been waiting; 0 when it does not wait.
    pub waiting_micros: u64,
    /// How long it has had the turn; 0 when it has not.
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
    /// Attempts that met a lock held outside the write lock.
    pub lock_retries: Option<u64>,
    /// Writes that did not get their turn in time; answered with 503.
    pub writes_given_up: u64,
    /// Quarters of an hour of the last six hours in which there were writes, the oldest first.
    pub recent: Option<Vec<WriteLockWindow>>,
}

/// A quarter of an hour at the write lock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WriteLockWindow {
    /// When it began.
    pub began: Time,
    /// How often a writer entered.
    pub waits: u64,
    /// Of the worst minute.
    pub write_lock_wait_p99_micros: u64,
    /// Writes that did not get their turn in time.
    pub writes_given_up: u64,
    /// Attempts that met a lock held outside the write lock.
    pub lock_retries: u64,
}

/// The server's own backups; all 0 and null where none are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Backups {
    /// When the newest one was made.
    pub last_at: Option<Time>,
    /// How many were made and checked since the server started.
    pub made: u64,
    /// How many failed since the server started.
    pub failed: u64,
}

/// The caches of reads of all workers since the server started. An answer from one is as new as one
/// from the database.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReadCache {
    /// Memory that they take up now.
    pub bytes: u64,
    /// Reads that were answered from one.
    pub hits: u64,
    /// Reads that had to ask the database.
    pub misses: u64,
    /// Times that a worker dropped what was changed since it last looked.
    pub synchronisations: u64,
    /// Times that a worker dropped everything: another program had written to the file, or too much
    /// was changed at once.
    pub clears: u64,
}

/// Upper bounds in microseconds, known to one digit; null when nothing was measured.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// Half of them took no longer.
    pub p50: Option<u64>,
    /// Ninety-nine in a hundred took no longer.
    pub p99: Option<u64>,
    /// All but one in a thousand took no longer.
    pub p999: Option<u64>,
}

/// One process of the server.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// 0 for the maintenance process, 1 and up for workers.
    pub slot: u16,
    /// Process id.
    pub pid: u32,
    /// When it started.
    pub started_at: Time,
    /// How long it has been running, in milliseconds.
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
    /// Age of the oldest list or export that still runs.
    pub longest_read_micros: u64,
    /// How long this slot waited for the write lock.
    pub write_lock_wait_micros: Option<Percentiles>,
    /// How long this slot held the write lock.
    pub write_lock_hold_micros: Option<Percentiles>,
}
