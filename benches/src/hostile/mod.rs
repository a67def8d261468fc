//! Clients that want to stop the others, and what it is like to be one of those others.
//!
//! `attacks.rs` has one function for each kind of attack, `socket.rs` the connections it uses,
//! `victim.rs` an ordinary client that tells how long its answers took meanwhile.

mod attacks;
mod socket;
mod victim;

pub use attacks::{ATTACKS, Attack, Field, prepare};
pub use socket::raise_descriptors;
pub use victim::{Suffered, suffer};
