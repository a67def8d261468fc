//! How commands reach personas: requests of the HTTP API, to a server or to the same router in this
//! process.

mod client;
mod local;
mod problem;
mod query;
mod remote;
mod reply;
mod upkeep;

pub use client::{Access, Api, base_url, request, request_with};
pub use problem::reasons;
pub use query::Query;
pub use remote::parse_url;
pub use reply::{Reply, cut_short};

/// Where every route of personas begins.
pub const PERSONAS: &str = "/api/v1/personas";

/// The path of one persona.
pub fn persona_path(id: persona_model::PersonaId) -> String {
    format!("{PERSONAS}/{id}")
}
