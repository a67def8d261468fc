//! The maintenance process, which maintains the database while the workers use it.
//!
//! What lives here: its two threads (`run.rs`), the backups that are due (`backups.rs`), and what
//! clients ask for (`tasks.rs`, with `check.rs`, and `under_way.rs` for how a task ends). What
//! must not: the maintenance itself (`persona-storage`).

mod backups;
mod check;
mod run;
mod tasks;
mod under_way;

pub use run::run;
