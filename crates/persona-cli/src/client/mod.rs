//! How commands reach personas: requests of the HTTP API, to a server or to the same router in this
//! process.
//!
//! What lives here: the address of a server and what the server must prove, the token, requests,
//! whole answers, and the failures for problems. What must not: flags and settings;
//! `commands/target.rs` decides which server or file is meant. Start reading at `api.rs`.

mod address;
mod api;
mod credentials;
mod event_reader;
mod local;
mod maintenance;
mod probe;
mod problem;
mod query;
mod remote;
mod reply;
mod request;
mod stream;
mod token;
mod trust;

pub use address::{ServerAddress, usual_address, usual_url};
pub use api::Api;
pub use credentials::Credentials;
pub use event_reader::{EventReader, Told};
pub use local::Local;
use persona_http::contract::OperationId;
pub use probe::server_at;
pub use problem::{failure, reasons, reasons_of_item};
pub use query::Query;
pub use reply::{Reply, cut_short};
pub use request::{request, request_with};
pub use stream::ServerStream;
pub use token::Token;

/// The path of all personas, with which every route of personas begins.
pub const PERSONAS: &str = OperationId::ListPersonas.path();

/// The path of one persona.
pub fn persona_path(id: persona_model::PersonaId) -> String {
    OperationId::GetPersona.path_of(&[&id.to_string()])
}
