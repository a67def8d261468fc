//! `persona verify`: puts a store under load through every worker, records requests and answers,
//! and checks the record.
//!
//! What lives here: clients that talk HTTP like any other, the history, and the checks. What must
//! not: knowledge of the inside of the store, so that the verdict does not depend on the store
//! itself.
//!
//! Start reading at `run.rs`, the whole course of a run. `history.rs` is the record, and `checks/`
//! judges it with pure functions. `client.rs` is an ordinary client, `follow.rs` a client that
//! follows changes with lists, `streams.rs` clients of the event stream, and `together.rs` clients
//! that change and read several personas at once. `chaos.rs` kills processes. `refusals.rs` (kills
//! after refused writes) and `lives.rs` (a restore) run after the load. `report.rs` is the output.

mod answer;
mod ask;
mod batches;
mod chaos;
pub mod checks;
mod client;
mod connection;
mod dump;
mod error;
mod export;
mod follow;
pub mod history;
mod lives;
mod load;
mod plan;
mod pool;
mod processes;
mod random;
mod refusals;
mod report;
mod run;
mod scratch;
mod search;
mod streams;
mod together;

pub use error::Error;
pub use plan::{Chaos, Plan, ScratchPlan, ServerUnderTest};
pub use random::{Random, effect_of};
pub use report::Report;
pub use run::{Progress, run};
