//! The memory that all processes of one server share, one entry for each process: metrics and
//! heartbeats.
//!
//! The supervisor owns the memory, so counters survive the restart of a worker. All cells are
//! atomic 64-bit words and every operation is relaxed: nothing here orders anything else, and no
//! process waits for another one.
//!
//! What lives here: the layout (`layout.rs`, one table for all names, units and help texts), the
//! two sides of it ([`ProcessEntry`] writes, [`Scoreboard`] reads), the Prometheus text, and what
//! the HTTP side sees of all this (`server_state.rs`). What must not: decisions about processes.
//!
//! Start reading at `layout.rs`.

mod board;
mod distribution;
mod history;
mod layout;
mod memory;
mod process_entry;
mod prometheus;
mod routes;
mod server_state;

pub use board::{Checkpoints, ProcessFacts, Scoreboard, WriteLockUser};
pub use distribution::Distribution;
pub use history::WriteLockFigures;
pub use layout::{Measure, ProcessState};
pub use memory::NotMade;
pub use process_entry::ProcessEntry;
