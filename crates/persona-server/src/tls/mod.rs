//! Certificates of the server: read, checked, handed to workers, and read again when they change.
//!
//! What lives here: the pair of chain and key (`pair.rs`), the reasons why a pair cannot be used
//! (`problem.rs`), the supervisor's watch over the files (`watch.rs`). What must not: connections;
//! the handshake is `worker/handshake.rs`.
//!
//! Start reading at `pair.rs`.

mod pair;
mod problem;
mod watch;

pub use pair::{Pair, Validity};
pub use problem::PairProblem;
pub use watch::{Certificates, EXPIRY_WARNING, PairChange, received};
