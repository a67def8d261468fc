//! The maintenance process, which maintains the database while the workers use it.
//!
//! What lives here: its two threads (`run.rs`), the backups that are due (`backups.rs`), and what
//! clients ask for (`tasks.rs`, with `check.rs`, and `rest.rs` for the pauses in between). What
//! must not: the maintenance itself (`persona-storage`).

mod backups;
mod check;
mod rest;
mod run;
mod tasks;

pub use run::run;
