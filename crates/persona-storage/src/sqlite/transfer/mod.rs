//! A file as the source or the target of a transfer: `source.rs`, `target.rs`, and what both read
//! (`read.rs`).

mod order;
mod put;
mod read;
mod source;
mod target;

pub(crate) use source::FileSource;
pub(crate) use target::FileTarget;
