//! Searches: candidates by an index of word beginnings, then the words themselves.
//!
//! The words come folded (persona-model/src/search), so the database only compares bytes. The index
//! may find too many, never too few: it holds the beginning of each word, and the exact condition
//! stands beside it.

use std::collections::BTreeSet;

use persona_model::{Document, Search, Term};

/// Characters of a word that the index holds: longer words are rare, and an entry has a limit of
/// about 2,000 bytes.
const BEGINNING_CHARS: usize = 32;
/// Bytes of beginnings of one persona: PostgreSQL holds at most 1 MiB in a value of this kind, with
/// some for each word.
const BEGINNINGS_BYTES_MAX: usize = 512 * 1024;
/// What the database adds to each beginning.
const ENTRY_BYTES: usize = 8;

/// The words of a persona as they are kept.
pub(super) struct Indexed {
    /// With a blank before and after each word, like `tags` and `text`.
    pub name: String,
    pub tags: String,
    pub text: String,
    /// The beginnings of all words, each once; `None` where they are too many for the index.
    pub beginnings: Option<Vec<String>>,
}

impl Indexed {
    pub(super) fn of(document: &Document) -> Self {
        let (titles, text) = (document.title_words(), document.text_words().as_str());
        let parts = [&*titles.name, &*titles.tags, text];
        let all: BTreeSet<&str> = parts
            .into_iter()
            .flat_map(|part| part.split(' '))
            .filter(|word| !word.is_empty())
            .map(beginning)
            .collect();
        let bytes: usize = all.iter().map(|word| word.len() + ENTRY_BYTES).sum();
        let beginnings =
            (bytes <= BEGINNINGS_BYTES_MAX).then(|| all.into_iter().map(str::to_owned).collect());
        let between_blanks = |part: &str| format!(" {part} ");
        Self {
            name: between_blanks(&titles.name),
            tags: between_blanks(&titles.tags),
            text: between_blanks(text),
            beginnings,
        }
    }
}

/// As much of a word as the index holds.
fn beginning(word: &str) -> &str {
    word.char_indices().nth(BEGINNING_CHARS).map_or(word, |(end, _)| &word[..end])
}

/// The query of the index that finds every candidate; `None` when no term is wanted.
///
/// Words hold neither quotes nor backslashes, and each stands between quotes, so nothing that a
/// user types is an operator.
pub(super) fn candidates(search: &Search) -> Option<String> {
    let word = |word: &str, is_prefix: bool| {
        let short = beginning(word);
        // A word that goes on behind what the index holds begins like every other such word.
        if is_prefix && short.len() == word.len() {
            format!("'{short}':*")
        } else {
            format!("'{short}'")
        }
    };
    let term = |term: &Term| {
        let last = term.words.len() - 1;
        // A single letter that may go on is no help: every persona has a word that begins like it.
        let words = term
            .words
            .iter()
            .enumerate()
            .filter(|(index, _)| *index < last || !term.is_of_titles());
        words.map(|(index, text)| word(text, term.prefix && index == last)).collect::<Vec<_>>()
    };
    let terms = search.wanted.iter().flat_map(term).collect::<Vec<_>>();
    (!terms.is_empty()).then(|| terms.join(" & "))
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

    use super::{Indexed, candidates};

    #[test]
    fn the_index_is_asked_for_every_word_and_for_no_more_of_it_than_it_holds() {
        let query = |text: &str| candidates(&Search::parse(text).expect("a search"));
        assert_eq!(
            query(r#"Wizard "Linux Term"* -excel"#).as_deref(),
            Some("'wizard' & 'linux' & 'term':*")
        );
        assert_eq!((query("-excel"), query("w*")), (None, None));
        assert_eq!(query("\"linux t\"* wi*").as_deref(), Some("'linux' & 'wi':*"));
        let long = "x".repeat(40);
        assert_eq!(query(&format!("{long}*")), Some(format!("'{}'", &long[..32])));
    }

    #[test]
    fn a_persona_with_too_many_words_for_the_index_is_kept_without_and_others_with_each_word_once()
    {
        let words = |description: &str, scenario: &str| {
            let members =
                json!({ "name": "Ada", "description": description, "scenario": scenario });
            Document::from_json(members).expect("valid")
        };
        let few = Indexed::of(&words("one two two", ""));
        assert_eq!((few.name.as_str(), few.text.as_str()), (" ada ", " one two two "));
        assert_eq!(few.beginnings, Some(["ada", "one", "two"].map(String::from).to_vec()));
        let many: Vec<String> = (0..48_000).map(|number| format!("{number:09}")).collect();
        let (first, second) = many.split_at(24_000);
        assert_eq!(Indexed::of(&words(&first.join(" "), &second.join(" "))).beginnings, None);
    }
}
