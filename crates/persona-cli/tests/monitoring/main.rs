//! What a running server tells of itself: figures, warnings, and the files that others make of
//! them.

#[path = "../common/mod.rs"]
mod common;

mod checkpoints;
mod contrib;
mod figures;
mod write_lock;
