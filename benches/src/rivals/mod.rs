//! Every program that is measured: Persona Store, and one file for each rival.

pub mod bare;
pub mod busy;
pub mod ours;
pub mod pgbench;
pub mod pocketbase;
pub mod raw;
pub mod reference;
mod venv;
