//! The promise, on the built program: what is acknowledged is kept, is seen at once on every
//! worker, and no client is told that something is locked.
//!
//! The first five are the tests that the program was asked for before it existed.

mod contention;
mod crashes;
mod persistence;
mod visibility;
mod wal;
