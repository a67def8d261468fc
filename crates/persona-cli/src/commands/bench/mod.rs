//! `persona bench`: how long a running server takes to answer, at a fixed rate.
//!
//! What lives here: a load generator of the HTTP API. What must not: comparisons with other
//! programs, which are `./bench`.
//!
//! The schedule is open: request number n is due at a moment that was fixed before the run began,
//! and its latency counts from then, whether or not the server was still busy with earlier ones. A
//! generator that waits for an answer before it looks at the clock misses exactly the moments in
//! which the server stalled (coordinated omission).
//!
//! Start reading at `command.rs`. `schedule.rs` says when each request is due, `alarm.rs` waits for
//! that moment, `tally.rs` collects the times.

mod alarm;
mod command;
mod schedule;
mod subjects;
mod tally;

pub use command::run;
