//! What differs between two documents: as a JSON Patch for programs, and as hunks of lines and
//! words for people.
//!
//! - `document.rs`: the difference of two whole documents, in both forms; start there.
//! - `values.rs`: the JSON Patch.
//! - `items.rs`: the part of the patch that is about the items of a list.
//! - `text.rs`: the hunks of a text.
//! - `words.rs`: what counts as a word when lines are compared.
//!
//! The work is bounded by the number of lines and words, and not by a clock, so that every process
//! gives the same answer every time.

mod document;
mod items;
mod text;
mod values;
mod words;

pub use document::{DocumentDiff, TextDiff, diff_documents};
pub use items::ItemDiff;
pub use text::{DIFF_WORK_MAX, Hunk, HunkLine, LineSide, Span, TEXT_CONTEXT_LINES};
