//! The reference store: the contract in its simplest form, the oracle of the tests. Never offered
//! to users.
//!
//! - `store.rs`: the contract, over the rows.
//! - `rows.rs`: the stored rows, and how a write changes them.
//! - `dropped.rs`: revisions that are dropped from a history.
//! - `tokens.rs`: access tokens.
//! - `labels.rs`: labels.
//! - `lists.rs`: which personas a list has, and in which order; `counts.rs`: how many there are.

mod counts;
mod dropped;
mod labels;
mod lists;
mod rows;
mod store;
mod tokens;

pub use store::MemoryStore;
