//! What a running server tells of itself: figures, warnings, and the files that others make of
//! them.

mod checkpoints;
mod figures;
mod write_lock;
