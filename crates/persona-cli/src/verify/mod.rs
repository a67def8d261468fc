//! `persona verify`: puts a store under load through every worker, records requests and answers,
//! and checks the record.
//!
//! What lives here: clients that talk HTTP like any other, the history, and the checks. What must
//! not: knowledge of the inside of the store, so that the verdict does not depend on the store
//! itself.
//!
//! Start reading at `run.rs`, which is the whole course of events. `history.rs` is what is
//! recorded, `checks/` is the pure judgement of it, `client.rs` is what one client does,
//! `follow.rs` the one that only follows changes, `streams.rs` those that are told of them,
//! `together.rs` those that change and read several personas at once, `labelled.rs` those that move
//! a label and read by it, `renamed.rs` those that rename and read by handles, `autosaved.rs` the
//! one that autosaves, `purged.rs` those that purge, `chaos.rs` kills processes. `overtaken.rs`
//! comes before the load: changes while a worker takes in earlier ones. `refusals.rs` and
//! `lives.rs` come after it: kills behind refused writes, and a restore. `settled.rs` waits until
//! followers can have been told of everything. `report.rs` is what is said.

mod answer;
mod ask;
mod attempt;
mod autosaved;
mod batches;
mod chaos;
pub mod checks;
mod client;
mod connection;
mod dump;
mod error;
mod export;
mod follow;
mod hidden;
pub mod history;
mod labelled;
mod lives;
mod load;
mod overtaken;
mod permission;
mod plan;
mod pool;
mod processes;
mod purged;
mod random;
mod refusals;
mod renamed;
mod report;
mod run;
mod scratch;
mod search;
mod settled;
mod streams;
mod together;

pub use error::Error;
pub use plan::{Chaos, Plan, ScratchPlan, ServerUnderTest};
pub use random::{Random, effect_of};
pub use report::Report;
pub use run::{Progress, run};
