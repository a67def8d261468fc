//! Every program that is measured: ours, and one file for each rival.

pub mod bare;
pub mod busy;
/// A throwaway server, as the tests have it.
#[path = "../../../crates/persona-storage/tests/cluster/mod.rs"]
pub mod cluster;
pub mod ours;
pub mod pgbench;
pub mod raw;
pub mod reference;
