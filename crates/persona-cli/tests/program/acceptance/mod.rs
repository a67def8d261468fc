//! The promise of the built program: an acknowledged write is kept, is seen at once on every
//! worker, and no client is told that something is locked.
//!
//! The first five tests were asked for before the program existed.

mod contention;
mod crashes;
mod persistence;
mod visibility;
mod wal;
