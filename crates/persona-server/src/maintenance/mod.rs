//! The maintenance process, which maintains the database while the workers use it.
//!
//! What lives here: its two threads (`run.rs`) and the backups that are due (`backups.rs`). What
//! must not: the maintenance itself (`persona-storage`).

mod backups;
mod run;

pub use run::run;
