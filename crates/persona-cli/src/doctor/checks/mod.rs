//! The checks: pure functions over the facts, one file for each group.

mod beside;
pub(super) mod certificate;
pub(super) mod connections;
pub(super) mod content;
pub(super) mod database;
pub(super) mod file;
pub(super) mod library;
pub(super) mod processes;
pub(super) mod server;
pub(super) mod system;
