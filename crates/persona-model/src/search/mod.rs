//! Search: what a word is, and what a search text asks for. The same for every backend.
//!
//! Words are folded here (`fold.rs`: letter case, accents, width; `words.rs`: what a word is) and
//! not by a database's tokenizer, so that two backends find the same. Scripts without spaces
//! between words (Chinese, Japanese, Korean) are cut into single characters, and a search looks for
//! them as a sequence, so that any part of such a text is found. A symbol such as an emoji is a
//! word of its own. `query.rs` reads what is searched for, `searched.rs` says what is searched,
//! `snippets.rs` shows where it is (`matches.rs` looks for all places in one text, and for the best
//! of them), `limit.rs` says how many words of one persona count.

mod fold;
mod limit;
mod matches;
mod query;
mod searched;
mod snippets;
mod words;

pub use fold::folded_tag;
pub use limit::SEARCH_WORDS_MAX;
pub use query::{SEARCH_BYTES_MAX, SEARCH_TERMS_MAX, Search, SearchError, Term};
pub use searched::{TextWords, TitleWords};
pub use snippets::{SNIPPET_CHARS_MAX, SNIPPETS_MAX, Snippet};
pub use words::SEPARATOR as SEARCH_TEXT_SEPARATOR;
