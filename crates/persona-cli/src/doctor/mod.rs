//! `persona doctor`: examines a file, its place and its server, and advises on each fault.
//!
//! First the facts are gathered (`facts/`), in an order that is safe beside a running server. Then
//! every check (`checks/`, one file for each group) is a pure function over the facts.
//!
//! What must not be here: changing anything; printing, which is in `commands/doctor.rs`.
//!
//! Start reading at `registry.rs`.

mod check;
mod checks;
mod facts;
mod registry;
#[cfg(test)]
mod tests;

pub use check::{CheckResult, Level};
pub use facts::{
    CertificateFacts, DatabaseFacts, Facts, FileFacts, ServerFacts, address_of, server_of,
};
pub use registry::examine;
