//! What differs between two documents: as a JSON Patch for programs, and as hunks of lines and
//! words for people.
//!
//! - `document.rs`: both, for two whole documents; start there.
//! - `values.rs`: the JSON Patch.
//! - `text.rs`: the hunks of a text.
//! - `words.rs`: what a word is here.
//!
//! The work is bounded by the sizes of what is compared, and not by a clock, so that every process
//! gives the same answer every time.

mod document;
mod text;
mod values;
mod words;

pub use document::{DocumentDiff, TextDiff, diff_documents};
pub use text::{DIFF_WORK_MAX, Hunk, HunkLine, LineSide, Span, TEXT_CONTEXT_LINES};
