//! Personas: one file per verb of `/api/v1/personas` and `/api/v1/personas/{id}`; `responses.rs`
//! makes the answers.

pub mod batch;
mod batch_atomic;
mod batch_run;
pub mod count;
pub mod create;
pub mod delete;
pub mod get;
pub mod get_revision;
mod highlights;
pub mod import;
mod import_dry_run;
mod import_identities;
pub mod import_personas;
pub mod list;
pub mod patch;
pub(crate) mod read;
pub mod replace;
pub(crate) mod responses;
pub mod undelete;

pub(crate) use responses::decoded;
pub use responses::{id_in, plain};
