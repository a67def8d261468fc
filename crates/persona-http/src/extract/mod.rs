//! What a request says: its body, its parameters, and its conditions.
//!
//! `request.rs` takes a write apart, `body.rs` and `json.rs` read what it brings, `parameters.rs`
//! reads the query by the rows of the contract, `conditions.rs` the headers of RFC 9110 section 13
//! with `etag.rs` and `date.rs`, `note.rs` what the author says of a change, `squash.rs` what an
//! autosave says of itself, `past.rs` the body of an imported revision, `batch.rs` an item of a
//! batch, `label.rs` moves of labels, `token.rs` access tokens that are wanted, and `file.rs` the
//! items of a file. `members.rs` takes the smaller ones of these bodies apart.
//!
//! The body of a batch is a stream: `item_scanner.rs` cuts it into items, `item_stream.rs` reads
//! them while others are written, and `item_writes.rs` makes a write of each.

pub mod batch;
pub mod body;
pub mod conditions;
pub mod date;
pub mod etag;
pub mod file;
pub mod fingerprint;
pub mod item_scanner;
pub mod item_stream;
pub mod item_writes;
pub mod json;
pub mod label;
pub(crate) mod members;
pub mod note;
pub mod parameters;
pub mod past;
pub mod request;
pub mod squash;
pub mod token;
