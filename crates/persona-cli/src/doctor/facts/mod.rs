//! The facts that checks judge, gathered once, in an order that is safe beside a running server:
//! plain file calls come before this process opens the file with SQLite.
//!
//! Start reading at [`Facts`]. `file.rs` has the facts of the file, `neighbours.rs` those of the
//! files beside it, `processes.rs` the processes that have it open, `server.rs` the answers of a
//! running server, `database.rs` a database on a server, `certificate.rs` the certificate.

mod certificate;
mod database;
mod file;
mod neighbours;
mod processes;
mod server;

use persona_model::Timestamp;
use persona_storage::sqlite::{inspect, library_version};

pub use certificate::CertificateFacts;
pub use database::DatabaseFacts;
pub use file::FileFacts;
#[cfg(test)]
pub(super) use file::{Entry, Space};
pub use neighbours::Neighbour;
#[cfg(test)]
pub(super) use processes::User;
pub use processes::{address_of, server_of};
pub use server::ServerFacts;

/// All facts that checks judge.
pub struct Facts {
    /// The time of day.
    pub now: Timestamp,
    /// Version of the linked SQLite, as text and as number.
    pub library: (String, i32),
    /// The options with which SQLite was compiled; empty when they are unknown.
    pub compile_options: Vec<String>,
    /// The facts about the file; `None` when only a server was examined.
    pub file: Option<FileFacts>,
    /// The facts about a database on a server.
    pub database: Option<DatabaseFacts>,
    /// The certificate that the settings name, if they name one.
    pub certificate: Option<CertificateFacts>,
    /// The facts about the persona server, if one was found or named.
    pub server: Option<ServerFacts>,
}

impl Facts {
    /// Makes the facts about a file, a server or both.
    pub fn new(now: Timestamp, file: Option<FileFacts>, server: Option<ServerFacts>) -> Self {
        let compile_options = inspect::compile_options().unwrap_or_default();
        Self {
            now,
            library: (library_version().into(), inspect::library_number()),
            compile_options,
            file,
            database: None,
            certificate: None,
            server,
        }
    }
}
