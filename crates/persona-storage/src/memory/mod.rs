//! The reference store: the contract in its simplest form, the oracle of the tests. Never offered
//! to users.
//!
//! - `store.rs`: the contract, over the rows.
//! - `rows.rs`: what is kept, and how a write changes it.
//! - `tokens.rs`: access tokens.
//! - `labels.rs`: labels.
//! - `lists.rs`: which personas a list has, and in which order.

mod labels;
mod lists;
mod rows;
mod store;
mod tokens;

pub use store::MemoryStore;
