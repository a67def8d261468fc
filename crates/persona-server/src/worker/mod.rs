//! A worker: answers requests until it is told to end.
//!
//! A worker is a few threads, each with a runtime of its own that accepts (`accept.rs`) and serves
//! (`connection.rs`, after a handshake where the server has a certificate, `handshake.rs`, over a
//! socket with a limit on waiting, `stream.rs`) until the worker is told to stop (`drain.rs`). What
//! must not be here: what a request means (`persona-http`), and which process runs when
//! (`supervisor`).
//!
//! Start reading at `run.rs`.

mod accept;
mod allocator;
mod connection;
mod drain;
mod handshake;
mod load;
mod pace;
mod places;
mod run;
mod socket;
mod stream;

pub use drain::Drain;
pub use run::run;
