//! Making a file ready before any process works with it: a new file, a file of an older version, a
//! file in a rollback mode.
//!
//! Start reading at `initialise.rs`.

mod chain_revisions;
pub(super) mod convert;
pub(super) mod initialise;
pub(super) mod library;
pub(super) mod migrate;
