//! What tests of several crates share: certificates, temporary PostgreSQL servers, a proxy that
//! breaks connections on purpose, and waiting with a bound.
//!
//! This crate depends on no crate of the product, so that a change of the product does not rebuild
//! it. Start reading at [`Cluster`].

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
