//! What a backend says of itself.

use crate::HistorySize;
use crate::disk_space::Space;

/// What a backend says of itself; plain words and numbers for `/status`, `doctor` and the start
/// line.
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
    /// Living personas.
    pub personas: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// How large the histories are, about.
    pub history: HistorySize,
    /// What only this kind of backend has.
    pub details: BackendDetails,
}

/// What only one kind of backend has, by where it keeps its personas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BackendDetails {
    /// In the memory of this process.
    Memory,
    /// In a file.
    File {
        /// Journal mode as read back from a connection; `wal` on SQLite.
        journal_mode: String,
        /// Bytes of the WAL in use.
        wal_bytes: u64,
        /// Bytes that the WAL is kept below.
        wal_bytes_max: u64,
        /// From how many pages in the WAL on they are checkpointed.
        wal_autocheckpoint: u32,
        /// Name of the file system that the file lies on.
        file_system: String,
        /// What is free there, and what writes leave free.
        space: Space,
    },
    /// On a database server.
    Server {
        /// Hosts and database; never the password.
        place: String,
        /// Connections to the server now, of all clients.
        connections: u64,
        /// Most connections that it takes.
        connections_max: u64,
    },
}
