//! The state of a store: its status, its room for reads, and why it takes no more writes.

use crate::sqlite::Space;

/// The status of a backend: plain texts and numbers for `/status`, `doctor` and the start line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// `sqlite`, `postgresql` or `memory`.
    pub backend: &'static str,
    /// Version of the database engine.
    pub engine_version: String,
    /// Durability class: `normal` or `full`; on PostgreSQL also `replicated` or `none`.
    pub durability: &'static str,
    /// What the class promises, in a sentence.
    pub durability_meaning: &'static str,
    /// Version of the schema.
    pub schema_version: u32,
    /// Number of personas that are not deleted.
    pub personas: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// The facts that only this kind of backend has.
    pub details: BackendDetails,
}

/// The facts that only one kind of backend has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BackendDetails {
    /// The personas are in the memory of this process.
    Memory,
    /// The personas are in a file.
    File {
        /// Journal mode as read back from a connection; `wal` on SQLite.
        journal_mode: String,
        /// Bytes of the WAL in use.
        wal_bytes: u64,
        /// Bytes that the WAL is kept below.
        wal_bytes_max: u64,
        /// Number of pages in the WAL from which on a checkpoint is made.
        wal_autocheckpoint: u32,
        /// Name of the file system that the file lies on.
        file_system: String,
        /// The free space of the disk, and the reserve.
        space: Space,
    },
    /// The personas are on a database server.
    Server {
        /// Hosts and database; never the password.
        place: String,
        /// Connections to the server now, of all clients.
        connections: u64,
        /// Most connections that the server accepts.
        connections_max: u64,
    },
}

/// Why a store takes no more writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// A sync failed: what reached the disk is unknown, so every process must open the file again.
    Disk,
    /// The outcome of a commit is unknown, so every process must open the file again, which decides
    /// the outcome.
    Doubt,
    /// The writer ended because of a bug; only this process is concerned.
    Writer,
    /// Another version of the program changed the schema; every process of this version must end.
    Schema,
}

/// How many long reads of each kind one process does at once: more of them wait or are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRoom {
    /// Lists and searches.
    pub lists: usize,
    /// Exports.
    pub exports: usize,
    /// Single personas with a large document.
    pub large: usize,
}
