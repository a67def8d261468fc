//! Copies of a database: made now (`create.rs`), made at regular times (`schedule.rs`,
//! `folder.rs`), and put back in its place (`restore.rs`, with `hold.rs`, which keeps others out).
//!
//! `snapshot.rs` makes the copy of one snapshot that the others start from, and proves it sound.

pub(super) mod create;
pub(super) mod folder;
pub(super) mod hold;
pub(super) mod restore;
pub(super) mod schedule;
pub(super) mod snapshot;
