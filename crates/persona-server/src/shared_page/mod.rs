//! The page of memory that all processes of one server share: metrics and heartbeats by seat.
//!
//! The supervisor owns the memory, so counters survive the restart of a worker. All cells are
//! atomic 64-bit words and every operation is relaxed: nothing here orders anything else, and
//! nobody waits for anybody.
//!
//! What lives here: the layout (`layout.rs`, one table for all names, units and help texts), the
//! two sides of it ([`Seat`] writes, [`SharedPage`] reads), and the Prometheus text. What must not:
//! decisions about processes.
//!
//! Start reading at `layout.rs`.

mod distribution;
mod history;
mod layout;
mod memory;
mod page;
mod prometheus;
mod routes;
mod seat;
mod server_state;

pub use distribution::Distribution;
pub use history::WriteLockFigures;
pub use layout::{Condition, Measure};
pub use memory::NotMade;
pub use page::{Checkpoints, ProcessFacts, SharedPage, WriteLockUser};
pub use seat::Seat;
