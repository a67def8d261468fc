//! Whether a file holds what was acknowledged: SQLite's own checks, and everything that this
//! program promises of its rows.
//!
//! What lives here: reading and comparing. What must not: any change of the file; damage is
//! reported, never repaired.
//!
//! Start reading at [`check`] (`run.rs`). `persona.rs` compares one persona with itself, `chain.rs`
//! its revisions, `feed.rs` the feed with both. A running server is not disturbed: every persona
//! and every batch of revisions or changes is a read transaction of its own, so none keeps the log
//! from starting over for long.

mod chain;
mod feed;
mod persona;
mod report;
mod run;

pub use report::{CheckProblem, CheckReport};
pub use run::check;

pub(super) use persona::next_after;
pub(super) use run::{check_alone, examine, open_any, row_after};
