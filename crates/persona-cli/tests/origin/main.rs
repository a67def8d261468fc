//! The promise, on the built program: what is acknowledged is kept, is seen at once on every
//! worker, and nobody is told that something is locked.
//!
//! The first five are the tests that the program was asked for before it existed.

#[path = "../common/mod.rs"]
mod common;
mod contention;
mod crashes;
mod persistence;
mod personas;
mod visibility;
mod wal;
