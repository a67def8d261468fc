//! What a request says: its body, its parameters, and its conditions.
//!
//! `request.rs` takes a write apart, `body.rs` and `json.rs` read what it brings, `parameters.rs`
//! reads the query by the rows of the contract, `conditions.rs` the headers of RFC 9110 section 13
//! with `etag.rs` and `date.rs`, `note.rs` what the author says of a change, `past.rs` the body of
//! an imported revision, `batch.rs` the items of a batch, and `file.rs` those of a file.

pub mod batch;
pub mod body;
pub mod conditions;
pub mod date;
pub mod etag;
pub mod file;
pub mod fingerprint;
pub mod json;
pub mod note;
pub mod parameters;
pub mod past;
pub mod request;
