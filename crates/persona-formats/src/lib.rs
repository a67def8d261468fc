//! Turns foreign files into personas: CSV, NDJSON, JSON. Bytes in, documents out.
//!
//! What lives here: detecting the format of a file, mapping its items to documents, and deriving
//! identities. What must not: HTTP, progress, printing. No file is ever held in memory as a whole.
//!
//! Start reading at [`Items`], the stream of items of one file. `Items` finds the format by content
//! (`detect.rs`) and takes records from `csv_rows.rs`, `json_lines.rs` or `json_values.rs`;
//! `awesome.rs`, `lobehub.rs` and `native.rs` turn a record into a [`Draft`].
//!
//! # Nothing is altered
//!
//! A value goes into its field character for character. Where a value breaks a rule of its field,
//! the field gets a repaired value, the original is kept under `extensions.import.original`, and
//! the item carries a warning.

mod awesome;
mod card;
mod csv_reader;
mod csv_rows;
mod detect;
mod draft;
mod identity;
mod item;
mod items;
mod json_lines;
mod json_values;
mod lobehub;
mod native;
mod repair;
mod source;

pub use card::refusal as refusal_of_card;
pub use draft::Draft;
pub use item::{Bad, Format, Item, Location, Record};
pub use items::Items;
pub use native::{Origin, typed};

/// Most bytes of one item of a file, equal to the largest request body that the API takes.
pub const ITEM_BYTES_MAX: usize = 8 * 1024 * 1024;

#[cfg(test)]
mod tests;
