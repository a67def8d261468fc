//! What a request says: its body, its parameters, and its conditions.
//!
//! `request.rs` takes a write apart, `body.rs` and `json.rs` read its body, `parameters.rs` reads
//! the query by the rows of the contract, `conditions.rs` the headers of RFC 9110 section 13 with
//! `etag.rs` and `date.rs`, `note.rs` the note on a change, `past.rs` the body of an imported
//! revision, `batch.rs` an item of a batch, and `file.rs` those of a file.
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
pub mod note;
pub mod parameters;
pub mod past;
pub mod request;
