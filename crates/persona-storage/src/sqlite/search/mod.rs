//! The full-text indexes: what is written to them, and how a search reads them.
//!
//! There are two indexes without a common word. `persona_texts` is large and has the words of the
//! longer texts. `persona_titles` is small and has the words of name and tags. A write touches an
//! index only if it changes a word of that index, so a new nickname costs nothing in the large one
//! (ADR 0044).
//!
//! - `rows.rs`: the rows of one persona, written in the transaction of the persona.
//! - `parts.rs`: the words of a large text, which are several rows.
//! - `stream.rs`: what one expression finds in one index, from the newest row down.
//! - `matches.rs`: what a whole search finds, put together from such streams.

mod matches;
mod parts;
mod rows;
mod stream;

pub(super) use matches::{Matches, Selected};
pub(super) use parts::{FIRST_ROW, has_orphans, parts_of, put_part, remove_orphans};
pub(super) use rows::{
    Entries, Entry, WrittenParts, fill_indexes, fill_tags, merge_texts, merge_titles, put_text,
    put_title, remove_text, remove_title, replace_text, replace_title,
};

/// The index of the longer texts.
const TEXTS: &str = "persona_texts";
/// The index of names and tags.
const TITLES: &str = "persona_titles";
