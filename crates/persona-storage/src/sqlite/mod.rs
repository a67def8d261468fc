//! The SQLite backend: one file, several processes.
//!
//! What lives here: every SQL statement, every pragma, every lock. What must not: HTTP,
//! configuration, formatting of answers.
//!
//! Start reading at [`SqliteStore`] (`store.rs`). A write goes `store.rs` -> `write/` (queue, one
//! writing process at a time, one transaction for many requests) -> `tables/` and `search/`
//! (rows). A read of one persona goes `store.rs` -> `read/` -> `tables/personas.rs`.
//!
//! - `write/`: the way of a write, from the queue to the answer.
//! - `read/`: the way of a read, and the limits of reads that last.
//! - `tables/`: the statements on each table.
//! - `search/`: the full-text indexes.
//! - `start/`: a file is made ready: created, converted to WAL mode, migrated.
//! - `maintenance/`: checkpoints, the disk reserve, expiry, the slow search for damage.
//! - `files/`: names, owners and locks of files, without SQLite.
//! - `check/`: the check of a file.
//! - `backup/`: copies, made and put back.
//! - `transfer/`: a file as one side of `persona move`.
//! - `sync.rs`: syncs of the files ahead of those that SQLite makes itself.
//! - `wal_index.rs`: the index of the WAL: room for it, and its header, which names what was
//!   committed last.
//!
//! Invariant: in a process that has SQLite open, only SQLite opens the database, `-wal` and `-shm`
//! files; closing any other descriptor of them would drop the POSIX locks of the whole process
//! (SQLite documentation, "How To Corrupt", 2.2).

mod at_rest;
mod backup;
mod check;
mod connection;
mod database_error;
mod error;
mod files;
pub mod inspect;
mod journal_mode;
pub mod lock_probe;
mod maintenance;
mod read;
mod search;
mod settings;
mod start;
mod store;
mod sync;
mod system_error;
mod tables;
pub(crate) mod transfer;
mod wal_index;
mod write;

pub use at_rest::{AtRest, is_at_rest};
pub use backup::create::{BackupReport, back_up};
pub use backup::hold::is_there;
pub use backup::restore::{RestoreReport, restore};
pub use backup::schedule::{BackupPlan, BackupSchedule};
pub use check::{CheckProblem, CheckReport, check, check_beside};
pub use database_error::DatabaseError;
pub use files::access::{refuse_unreadable, refuse_unwritable};
pub use files::file_system::FileSystem;
pub use files::obstacle::Obstacle;
pub use files::own_files::{real_path, refuse_output, second_name};
pub use files::paths::{FileId, with_suffix};
pub use files::second_name::SecondName;
pub use maintenance::process::{Maintenance, ReplacedFile};
pub use maintenance::retention::prunable;
pub use settings::{Durability, Settings};
pub use start::initialise::{InitReport, initialise, valid_tokens};
pub use start::library::{library_is_safe, library_version};
pub use store::SqliteStore;
pub use write::write_lock::{WriteGuard, WriteLock};

pub use crate::disk_space::Space;
pub use crate::progress::{Progress, Step, Watcher};
