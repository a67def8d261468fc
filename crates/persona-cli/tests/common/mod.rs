//! Shared by the tests of the running program: a server in a process of its own, and a client.
//!
//! A test waits, with a deadline, for what the program says or shows, and never for a time that is
//! *probably* long enough.

#![allow(dead_code, unused_imports, reason = "every test program uses another part")]

mod client;
pub mod declared;
pub mod events;
mod load;
pub mod personas;
mod pipes;
mod processes;
pub mod report;
pub mod runner;
mod server;
mod shell;
pub mod tokens;
pub mod wire;

pub use client::{Client, Reply};
pub use load::Load;
pub use persona_test_support::{Stop, wait_at_most, wait_for};
pub use processes::{Process, signal};
pub use server::{ON_POSTGRES, Server, refused, settle};
pub use wire::Way;

use std::time::Duration;

/// Longest wait of a test for anything. Far more than anything takes, also on a busy machine, and
/// less than the half minute after which the server gives many things up by itself.
pub const DEADLINE: Duration = Duration::from_secs(20);
