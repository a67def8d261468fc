//! Clients that try to stop the others, and an ordinary client beside them.
//!
//! `attacks.rs` has one function for each kind of attack, `socket.rs` the connections of the
//! attacks, `victim.rs` an ordinary client that notes how long its answers take meanwhile.

mod attacks;
mod socket;
mod victim;

pub use attacks::{ATTACKS, Attack, Field, prepare};
pub use socket::raise_descriptors;
pub use victim::{Suffered, suffer};
