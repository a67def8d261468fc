//! Searches: candidates by two indexes of word beginnings, then the words themselves.
//!
//! The words come folded (persona-model/src/search), so the database only compares bytes. One table
//! has the words of name and tags, the other one those of the longer texts, and a write touches a
//! table only if it changes words of it. A term is in one part as a whole, so its candidates are
//! those of one index and those of the other. An index may find too many, never too few: it holds
//! the beginning of each word, and the exact condition stands beside it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use persona_model::{Document, SEARCH_TEXT_SEPARATOR, Search, Term};

/// Characters of a word that the index holds: longer words are rare, and an entry has a limit of
/// about 2,000 bytes.
const BEGINNING_CHARS: usize = 32;
/// Bytes of beginnings of one persona: PostgreSQL holds at most 1 MiB in a value of this kind, with
/// some for each word.
const BEGINNINGS_BYTES_MAX: usize = 512 * 1024;
/// Bytes that the database adds to each beginning.
const ENTRY_BYTES: usize = 8;
/// Terms that have a subquery of their own in a search: the server plans each of them anew.
const LOOKED_UP_MAX: usize = 4;

/// The words of name and tags as they are kept.
pub(super) struct Titles {
    /// The words of the name, with a blank before and after each word, like `tags`.
    pub name: String,
    pub tags: String,
    /// See [`Texts::beginnings`].
    pub beginnings: Option<String>,
}

/// The words of the longer texts as they are kept.
pub(super) struct Texts {
    /// With a blank before and after each word.
    pub text: String,
    /// The beginnings of all words, each once, joined by blanks; `None` where they are too many for
    /// the index.
    pub beginnings: Option<String>,
}

impl Titles {
    pub(super) fn of(document: &Document) -> Self {
        let words = document.title_words();
        Self {
            name: between_blanks(&words.name),
            tags: between_blanks(&words.tags),
            beginnings: beginnings(&[&words.name, &words.tags]),
        }
    }
}

impl Texts {
    pub(super) fn of(document: &Document) -> Self {
        let words = document.text_words().as_str();
        Self { text: between_blanks(words), beginnings: beginnings(&[words]) }
    }
}

fn between_blanks(words: &str) -> String {
    format!(" {words} ")
}

/// The beginnings of all words of some parts, each once; `None` where they are too many.
fn beginnings(parts: &[&str]) -> Option<String> {
    let words = parts.iter().flat_map(|part| part.split(' '));
    // The separator of texts is left out, because no search asks for it and most personas have it.
    let asked_for = words.filter(|word| !word.chars().all(|sign| sign == SEARCH_TEXT_SEPARATOR));
    let all: BTreeSet<&str> = asked_for.map(beginning).collect();
    let bytes: usize = all.iter().map(|word| word.len() + ENTRY_BYTES).sum();
    (bytes <= BEGINNINGS_BYTES_MAX).then(|| all.into_iter().collect::<Vec<_>>().join(" "))
}

/// As much of a word as the index holds.
fn beginning(word: &str) -> &str {
    word.char_indices().nth(BEGINNING_CHARS).map_or(word, |(end, _)| &word[..end])
}

/// The terms that are looked up in the indexes, at most [`LOOKED_UP_MAX`]: those with the longest
/// words, which few personas have. The others are only compared.
pub(super) fn looked_up(search: &Search) -> Vec<&Term> {
    let longest = |term: &Term| term.words.iter().map(String::len).max();
    let mut terms: Vec<&Term> = search.wanted.iter().collect();
    terms.sort_by_key(|term| Reverse(longest(term)));
    terms.truncate(LOOKED_UP_MAX);
    terms
}

/// The query of an index that finds every candidate for a term.
///
/// Words hold neither quotes nor backslashes, and each stands between quotes, so nothing that a
/// user types is an operator.
pub(super) fn candidates(term: &Term) -> String {
    let last = term.words.len() - 1;
    let word = |(index, word): (usize, &String)| {
        let short = beginning(word);
        // A word longer than the indexed beginning is searched by that beginning, without a prefix
        // operator.
        if term.prefix && index == last && short.len() == word.len() {
            format!("'{short}':*")
        } else {
            format!("'{short}'")
        }
    };
    term.words.iter().enumerate().map(word).collect::<Vec<_>>().join(" & ")
}

/// The run of bytes that is in a part exactly when the term is.
pub(super) fn run_of(term: &Term) -> String {
    let end = if term.prefix { "" } else { " " };
    format!(" {}{end}", term.words.join(" "))
}

#[cfg(test)]
mod tests {
    use persona_model::{Document, Search};
    use serde_json::json;

    use super::{LOOKED_UP_MAX, Texts, Titles, candidates, looked_up};

    #[test]
    fn an_index_is_asked_for_every_word_of_a_term_and_for_no_more_of_it_than_it_holds() {
        let queries = |text: &str| {
            let search = Search::parse(text).expect("a search");
            search.wanted.iter().map(candidates).collect::<Vec<_>>()
        };
        assert_eq!(queries(r#"Wizard "Linux Term"* -excel"#), ["'wizard'", "'linux' & 'term':*"],);
        assert_eq!(queries("-excel"), [""; 0]);
        assert_eq!(queries("\"linux t\"* w*"), ["'linux' & 't':*", "'w':*"]);
        let long = "x".repeat(40);
        assert_eq!(queries(&format!("{long}*")), [format!("'{}'", &long[..32])]);
    }

    #[test]
    fn the_terms_with_the_longest_words_are_looked_up_and_no_more_than_may_be() {
        let search = Search::parse("a wizard of the \"old school\" terminal").expect("a search");
        let found = looked_up(&search).into_iter().map(|term| term.words.join(" "));
        assert_eq!(found.collect::<Vec<_>>(), ["terminal", "wizard", "old school", "the"]);
        assert_eq!(LOOKED_UP_MAX, 4);
        assert!(looked_up(&Search::parse("-excel").expect("a search")).is_empty());
    }

    #[test]
    fn a_persona_with_too_many_words_for_the_index_is_kept_without_and_others_with_each_word_once()
    {
        let words = |description: &str, scenario: &str| {
            let members = json!({
                "name": "Ada", "tags": ["Ada", "zwei"], "description": description,
                "scenario": scenario
            });
            Document::from_json(members).expect("valid")
        };
        let few = words("one two two", "");
        let (titles, texts) = (Titles::of(&few), Texts::of(&few));
        assert_eq!((titles.name.as_str(), texts.text.as_str()), (" ada ", " one two two "));
        assert_eq!(titles.beginnings.as_deref(), Some("ada zwei"));
        assert_eq!(texts.beginnings.as_deref(), Some("one two"));
        let many: Vec<String> = (0..48_000).map(|number| format!("{number:09}")).collect();
        let (first, second) = many.split_at(24_000);
        let many = words(&first.join(" "), &second.join(" "));
        assert_eq!(Texts::of(&many).beginnings, None);
        assert_eq!(Titles::of(&many).beginnings.as_deref(), Some("ada zwei"));
    }
}
