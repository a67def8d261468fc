//! The judgement of a history: records in, findings out. Pure, and linear but for sorting.
//!
//! # Why no search is needed
//!
//! To tell whether a history of a plain register is linearizable, one has to search for an order of
//! its operations. Here the store itself names the order: every answer carries a revision,
//! revisions of a persona are 1, 2, 3 ..., and each is made by exactly one write. So there is one
//! candidate order for each persona (the writes by revision, each read right behind the write that
//! made the revision it saw), and the history is linearizable if and only if that candidate
//!
//! 1. makes sense: each revision holds what its write makes of the revision before (`chain.rs`),
//!    and
//! 2. agrees with real time: whatever begins after an answer with revision r was there sees r or
//!    more, and if it is a write, makes a revision above r (`order.rs`).
//!
//! Personas are independent of each other, so the whole history is linearizable if each persona's
//! is.
//!
//! # States
//!
//! Every write adds one key of its own to the document, or replaces all keys by its own. The state
//! of a persona is the exclusive or of 64 random bits for each key it has, and of [`DELETED`] while
//! it is deleted. So a state takes 8 bytes whatever the document holds, adding a key is one
//! operation that undoes itself, and two different sets of keys have the same state once in 2^64
//! times.
//!
//! # Writes without an answer
//!
//! A write without an answer happened once or not at all. A revision that no acknowledged write
//! made must be made by one of them: which one, the states on both sides tell (`gaps.rs`). A
//! revision that no write made is a violation, and so is a write that happened twice.
//!
//! Start reading at [`check`].

mod chain;
mod findings;
mod followed;
mod gaps;
mod order;
mod persona;
mod request;
mod told;

pub use findings::{Check, Findings, Violation};
pub use followed::{Poll, check_followed};
pub use persona::check;
pub use told::{Told, check_told};

/// What being deleted adds to a state.
pub const DELETED: u64 = 0x6465_6c65_7465_6421;
