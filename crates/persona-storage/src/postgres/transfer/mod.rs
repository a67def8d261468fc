//! A database on a server as the source or the target of a transfer: `source.rs`, `target.rs`, what
//! both read (`read.rs`), the digests that the database takes itself (`digest.rs`), and how
//! statements are put to it (`session.rs`).

mod digest;
mod put;
mod put_beside;
mod read;
mod session;
mod source;
mod target;

pub(crate) use source::ServerSource;
pub(crate) use target::ServerTarget;
