//! `persona doctor`: what is wrong with a file, its place and its server, and what to do about each
//! fault.
//!
//! First the facts are gathered (`facts.rs`, `processes.rs`), in an order that is safe beside a
//! running server: plain file calls come before this process opens the file with SQLite. Then every
//! [`Check`] is a pure function over them.
//!
//! What lives here: facts and checks, one file for each group of checks. What must not: changing
//! anything; printing (`cli/doctor.rs`).
//!
//! Start reading at `check.rs`.

mod check;
mod connections;
mod content;
mod database;
mod facts;
mod file;
mod library;
mod neighbours;
mod processes;
mod server;
mod system;
#[cfg(test)]
mod tests;

pub use check::{Check, Finding, Group, Level, Outcome, examine};
pub use database::DatabaseFacts;
pub use facts::{Facts, FileFacts, ServerFacts};
pub use processes::address_of;
