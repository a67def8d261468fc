//! What tests of several crates share: certificates, throwaway servers of PostgreSQL, a wire to one
//! that breaks on purpose, and waiting with a bound.
//!
//! Nothing here knows the product, so that a change of the product does not rebuild it. Start
//! reading at [`Cluster`].

#![expect(missing_docs, reason = "the names of these helpers say what they do")]

mod authority;
mod cluster;
pub mod port;
mod psql;
mod shared;
mod stop;
mod wait;
pub mod wire;

pub use authority::Authority;
pub use cluster::Cluster;
pub use psql::Session;
pub use stop::Stop;
pub use wait::{wait_at_most, wait_for, wait_until};
