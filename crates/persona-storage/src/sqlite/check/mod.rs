//! The check of a file: SQLite's own checks, and all invariants that this program keeps in its
//! rows.
//!
//! What lives here: reading and comparing. What must not: any change of the file; damage is
//! reported, never repaired.
//!
//! Start reading at [`check`] (`run.rs`); `beside.rs` is for a process that has the file open.
//! `persona.rs` compares one persona with itself, `chain.rs` its revisions, `feed.rs` the feed with
//! both, `words.rs` the full-text indexes with documents, `labels.rs` labels with their moves;
//! `source_file.rs` opens what is only read, `steps.rs` counts the steps of a long statement.
//! A running server is not disturbed: every persona and every batch of revisions, changes or words
//! is a read transaction of its own, so none keeps the WAL from its reset for long.

mod beside;
mod chain;
mod feed;
mod labels;
mod persona;
mod report;
mod run;
mod source_file;
mod steps;
mod table_rows;
mod words;

pub use beside::check_beside;
pub use report::{CheckProblem, CheckReport};
pub use run::check;

pub(super) use persona::next_after;
pub(super) use run::{Scope, check_alone, examine, row_after};
pub(super) use source_file::SourceFile;
