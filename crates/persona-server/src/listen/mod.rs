//! The sockets that a server accepts connections on: made once, by the supervisor or the program
//! that started it, and inherited by every worker.
//!
//! All workers share each socket, so that waiting connections belong to no worker: none is lost
//! when a worker ends, and a new worker finds them at once.
//!
//! `doors.rs` decides which sockets there are; start there. `tcp.rs`, `unix.rs` and `inherited.rs`
//! make them, `listener.rs` is a socket of any kind.

mod doors;
mod inherited;
mod listener;
mod tcp;
mod unix;

pub use doors::{Address, Doors, NoDoor, on_this_machine};
pub use inherited::Inherited;
pub use listener::{Listener, TakenSocket};
pub use unix::NoUnixSocket;

/// Connections that may wait to be accepted. The kernel lowers it to `net.core.somaxconn`, 4,096 by
/// default.
const BACKLOG: i32 = 1024;

/// Most sockets that a server accepts connections on, so that descriptors have a bound.
pub const LISTENERS_MAX: usize = 4;
