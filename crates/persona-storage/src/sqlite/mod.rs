//! The SQLite backend: one file, several processes.
//!
//! What lives here: every SQL statement, every pragma, every lock. What must not: HTTP,
//! configuration, formatting of answers.
//!
//! Start reading at [`SqliteStore`] (`store.rs`). A write goes `store.rs` -> `writer.rs` (queue,
//! group commit) -> `gate.rs` (one process at a time) -> `batch.rs` (one transaction) ->
//! `transaction.rs` (one request) -> `personas.rs`, `revisions.rs`, `changes.rs`, `search.rs`,
//! `idempotency.rs` (rows). A read of one persona goes `store.rs` -> `reads/` -> `personas.rs`.
//!
//! Invariant: in a process that has SQLite open, only SQLite opens the database, `-wal` and `-shm`
//! files; closing any other descriptor of them would drop the POSIX locks of the whole process
//! (SQLite documentation, "How To Corrupt", 2.2).

mod access;
mod backup;
mod backup_folder;
mod batch;
mod brake;
mod changes;
mod check;
mod checkpoint;
mod checksum;
mod claim;
mod commit;
mod connection;
mod convert;
mod disk;
mod error;
mod export;
mod file_system;
mod foresight;
mod gate;
mod header;
mod heavy_gate;
mod idempotency;
pub mod inspect;
mod keeper;
mod library;
mod list;
mod log_index;
mod meta;
mod migrate;
mod own_files;
mod ownership;
mod personas;
mod place;
mod progress;
mod queue;
mod reads;
mod restore;
mod revisions;
mod row;
mod schedule;
mod scrub;
mod search;
mod settings;
mod snapshot;
mod start;
mod store;
mod system_error;
mod transaction;
pub(crate) mod transfer;
mod unfinished;
mod verdict;
mod watch;
mod writer;

pub use access::{Obstacle, refuse_unwritable};
pub use backup::{BackupReport, back_up};
pub use check::{CheckProblem, CheckReport, check};
pub use disk::Space;
pub use error::StartError;
pub use file_system::FileSystem;
pub use gate::{Gate, Pass};
pub use keeper::{Keeper, Lost};
pub use library::{library_is_safe, library_version};
pub use own_files::{SecondName, real_path, refuse_output, second_name};
pub use progress::{Progress, Step, Watcher};
pub use restore::{RestoreReport, is_there, restore};
pub use schedule::{BackupPlan, BackupSchedule};
pub use settings::{Durability, Settings};
pub use start::{InitReport, initialise};
pub use store::SqliteStore;
