//! 4 and 19: the program is killed just before its n-th call that changes something, for every n
//! and every kind of work.
//!
//! After each kill a clean start must find everything that was acknowledged, all or nothing of any
//! other change, and a sound file.

mod batches;
mod commands;
mod first_start;
mod histories;
mod processes;
mod purges;
mod works;

pub use first_start::children_of;
pub use works::{WORKS, Work, copy_of};

const TARGET: &str = "every n up to completion, at least 5,000 points, 0 violations";
