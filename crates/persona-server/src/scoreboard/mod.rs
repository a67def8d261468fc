//! The memory that all processes of one server share, one entry for each process: metrics and
//! heartbeats; and what is left of the budgets of clients.
//!
//! The supervisor owns the memory, so counters survive the restart of a worker. All cells are
//! atomic 64-bit words, and no process waits for another one. Operations on metrics are relaxed:
//! they order no other memory access. Only those on budgets (`rate_cells.rs`) and on tasks
//! (`tasks.rs`) are not.
//!
//! What lives here: the tables of all metrics (`numbers.rs`, `measures.rs`), their places
//! (`layout.rs`), the two sides ([`ProcessEntry`] writes, [`Scoreboard`] reads), the Prometheus
//! text, and the traits of the HTTP crate (`server_state.rs`). What must not: decisions about
//! processes.
//!
//! Start reading at `numbers.rs`.

mod board;
mod distribution;
mod history;
mod layout;
mod measures;
mod memory;
mod numbers;
mod process_entry;
mod prometheus;
mod rate_cells;
mod restarts;
mod routes;
mod server_state;
mod tasks;

pub use board::{Checkpoints, ProcessFacts, Scoreboard, WriteLockUser};
pub use distribution::Distribution;
pub use history::WriteLockFigures;
pub use measures::Measure;
pub use memory::NotMade;
pub use numbers::ProcessState;
pub use process_entry::ProcessEntry;
pub use restarts::NoRestart;
pub use tasks::TaskResult;
