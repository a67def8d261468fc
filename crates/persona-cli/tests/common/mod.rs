//! What tests of the running program share: a server in a process of its own, and a client.
//!
//! Nothing here sleeps until something is *probably* so: it waits for what the program says or
//! shows, with a deadline.

#![allow(dead_code, unused_imports, reason = "every test program uses another part")]

mod client;
pub mod declared;
pub mod personas;
mod processes;
pub mod report;
pub mod runner;
mod server;

pub use client::{Client, Reply};
pub use processes::{Process, signal};
pub use server::{ON_POSTGRES, Server, refused};

use std::time::{Duration, Instant};

/// How long anything may take that a test waits for. Far more than it takes, also on a busy
/// machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Pause between two looks at something that cannot be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Looks until there is something, and fails the test when the time is over.
#[track_caller]
pub fn wait_for<T>(what: &str, time_max: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + time_max;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {time_max:?} in vain: {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}
