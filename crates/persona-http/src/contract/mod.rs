//! The contract with clients, as data: no request is handled here, and no HTTP framework is known.
//!
//! - `limits.rs`: limits of a request that its sender can know.
//! - `status.rs`: the body of `GET /api/v1/status`.

pub mod limits;
pub mod status;
mod time;

pub use time::Time;
