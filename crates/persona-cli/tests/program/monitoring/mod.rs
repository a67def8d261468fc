//! The monitoring of a running server: figures, warnings, and the files in `contrib/` that use
//! them.

mod checkpoints;
mod figures;
mod write_lock;
