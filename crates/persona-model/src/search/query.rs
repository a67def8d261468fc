//! What a search text asks for.

use super::words::{is_closed, words_of};
use crate::{Document, Nearness};

/// Longest search text, in bytes.
pub const SEARCH_BYTES_MAX: usize = 1024;
/// Most terms of a search text: each costs a walk through an index.
pub const SEARCH_TERMS_MAX: usize = 32;

/// Words that have to follow each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Term {
    /// The folded words, at least one.
    pub words: Vec<String>,
    /// Whether the last word is a prefix (`wiz*`).
    pub prefix: bool,
}

/// What a search text asks for: every wanted term, and none of the unwanted ones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Search {
    /// Terms that a persona must have.
    pub wanted: Vec<Term>,
    /// Terms that a persona must not have.
    pub unwanted: Vec<Term>,
}

/// A search text that asks for nothing that can be looked up.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SearchError {
    /// The text is longer than [`SEARCH_BYTES_MAX`]; holds its length in bytes.
    #[error("must have at most {SEARCH_BYTES_MAX} bytes, has {0}")]
    TooLong(usize),
    /// The text has more than [`SEARCH_TERMS_MAX`] terms; holds their number.
    #[error("must have at most {SEARCH_TERMS_MAX} terms, has {0}")]
    TooManyTerms(usize),
    /// The text has no word, only blanks and punctuation.
    #[error("must have at least one word")]
    NoWord,
}

impl Search {
    /// Reads a search text: words, `"phrases"`, `prefix*`, and `-` in front of an unwanted term.
    ///
    /// There is no wrong syntax: a quote that is not closed ends with the text, and every other
    /// sign only separates words.
    ///
    /// # Errors
    ///
    /// [`SearchError`]: the text is too long, has too many terms, or no word at all.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        if text.len() > SEARCH_BYTES_MAX {
            return Err(SearchError::TooLong(text.len()));
        }
        let mut search = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let unwanted = rest.starts_with('-');
            rest = rest.strip_prefix('-').unwrap_or(rest);
            let (piece, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            };
            let (prefix, after) = match after.strip_prefix('*') {
                Some(after) => (true, after),
                None => (piece.ends_with('*'), after),
            };
            let words = words_of(piece);
            // A word to which no letter can be added needs no `*`.
            let prefix = prefix && !words.last().is_some_and(|last| is_closed(last));
            if !words.is_empty() {
                if unwanted { &mut search.unwanted } else { &mut search.wanted }
                    .push(Term { words, prefix });
            }
            rest = after.trim_start();
        }
        match search.wanted.len() + search.unwanted.len() {
            0 => Err(SearchError::NoWord),
            1..=SEARCH_TERMS_MAX => Ok(search),
            terms => Err(SearchError::TooManyTerms(terms)),
        }
    }

    /// Whether a document meets the search. The index of a database answers the same without a look
    /// at the document.
    pub fn is_met_by(&self, document: &Document) -> bool {
        let titles = document.title_words();
        let parts = [&*titles.name, &*titles.tags, document.text_words().as_str()]
            .map(|part| part.split(' ').collect::<Vec<_>>());
        let [name, tags, _] = &parts;
        let found = |term: &Term| {
            if term.is_of_titles() {
                term.is_in(name) || term.is_in(tags)
            } else {
                parts.iter().any(|part| term.is_in(part))
            }
        };
        self.wanted.iter().all(found) && !self.unwanted.iter().any(found)
    }

    /// How near to the name the wanted terms are in a document that meets the search.
    pub fn nearness(&self, document: &Document) -> Nearness {
        let titles = document.title_words();
        let all_in = |parts: &[&String]| {
            let parts: Vec<Vec<&str>> =
                parts.iter().map(|part| part.split(' ').collect()).collect();
            self.wanted.iter().all(|term| parts.iter().any(|part| term.is_in(part)))
        };
        if all_in(&[&titles.name]) {
            Nearness::Name
        } else if all_in(&[&titles.name, &titles.tags]) {
            Nearness::Tags
        } else {
            Nearness::Text
        }
    }
}

impl Term {
    /// Whether the term is looked for in name and tags only. It is where it ends with a prefix of
    /// one letter (`w*`).
    ///
    /// About a tenth of all words begin with any given letter, so a look into the longer texts
    /// would read nearly the whole index.
    pub fn is_of_titles(&self) -> bool {
        self.prefix && self.words.last().is_some_and(|last| last.chars().nth(1).is_none())
    }

    fn is_in(&self, words: &[&str]) -> bool {
        !self.places(words, 1).is_empty()
    }

    /// The places of the term among these words: the index of the first word of each place, in
    /// order, and at most `most` places.
    ///
    /// The algorithm of Knuth, Morris and Pratt compares no word twice, so that a phrase of one
    /// repeated word is found in linear time even in a text of that word alone.
    pub(super) fn places(&self, words: &[&str], most: usize) -> Vec<usize> {
        let (last, before) = self.words.split_last().expect("a term has a word");
        let is_last = |word: &str| {
            if self.prefix { word.starts_with(last.as_str()) } else { word == last.as_str() }
        };
        let mut places = Vec::new();
        if words.len() < self.words.len() {
            return places;
        }
        let shorter = shorter_fits(before);
        let mut fits = 0;
        for (at, word) in words.iter().enumerate() {
            if fits == before.len() && is_last(word) {
                places.push(at - before.len());
            }
            if places.len() == most {
                break;
            }
            while fits > 0 && (fits == before.len() || before[fits] != *word) {
                fits = shorter[fits - 1];
            }
            if before.get(fits).is_some_and(|wanted| wanted == word) {
                fits += 1;
            }
        }
        places
    }
}

/// The failure table of Knuth, Morris and Pratt: for each prefix of these words, the length of the
/// longest shorter prefix that it ends with.
fn shorter_fits(words: &[String]) -> Vec<usize> {
    let mut shorter = vec![0; words.len()];
    let mut fits = 0;
    for at in 1..words.len() {
        while fits > 0 && words[fits] != words[at] {
            fits = shorter[fits - 1];
        }
        if words[fits] == words[at] {
            fits += 1;
        }
        shorter[at] = fits;
    }
    shorter
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{SEARCH_TERMS_MAX, Search, SearchError, Term};
    use crate::Document;

    #[test]
    fn a_search_text_has_words_phrases_prefixes_and_exclusions() {
        let term = |words: &[&str], prefix| Term {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            prefix,
        };
        let search = Search::parse(r#"Wizard "Linux Terminal" cre* -excel -"job interview" 翻译"#)
            .expect("a search");
        let wanted = vec![
            term(&["wizard"], false),
            term(&["linux", "terminal"], false),
            term(&["cre"], true),
            term(&["翻", "译"], false),
        ];
        assert_eq!(
            search,
            Search {
                wanted,
                unwanted: vec![term(&["excel"], false), term(&["job", "interview"], false)]
            }
        );
        assert_eq!(
            Search::parse("\"open end").expect("a search").wanted,
            [term(&["open", "end"], false)]
        );
        assert_eq!(
            Search::parse("\"two wo\"* x").expect("a search").wanted,
            [term(&["two", "wo"], true), term(&["x"], false)]
        );
        assert_eq!(
            Search::parse("翻* 🤖*").expect("a search").wanted,
            [term(&["翻"], false), term(&["🤖"], false)]
        );
        assert_eq!(Search::parse("a AND b* NEAR(c) col:d").expect("a search").wanted.len(), 5);
        for empty in ["", "  ", "\"\"", "- -- *", "...", "\u{0}"] {
            assert_eq!(Search::parse(empty), Err(SearchError::NoWord), "{empty:?}");
        }
        assert_eq!(
            Search::parse(&"a ".repeat(SEARCH_TERMS_MAX + 1)),
            Err(SearchError::TooManyTerms(33))
        );
        assert_eq!(Search::parse(&"a".repeat(1025)), Err(SearchError::TooLong(1025)));
    }

    #[test]
    fn signs_of_a_word_tell_it_from_the_word_alone_and_full_folding_from_none() {
        let named = |name: &str| Document::from_json(json!({ "name": name })).expect("valid");
        let found =
            |name: &str, text: &str| Search::parse(text).expect("a search").is_met_by(&named(name));
        for (name, text) in [
            ("C++ tutor", "c++"),
            ("C++ tutor", "C"),
            ("C++ tutor", "\"c++ tutor\""),
            ("C++ tutor", "c++*"),
            ("C++17", "C++"),
            ("C#", "c#"),
            (".NET", ".net"),
            (".NET", "net"),
            ("the .NET way", ".ne*"),
            ("node.js", "node.js"),
            ("node.js", "\"node js\""),
            ("ASP.NET", "net"),
            ("C tutor", "c -c++"),
            ("Straße", "STRASSE"),
            ("STRASSE", "straße"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ] {
            assert!(found(name, text), "{name} by {text}");
        }
        for (name, text) in [
            ("C tutor", "c++"),
            ("C# tutor", "c++"),
            ("C++ tutor", "c#"),
            ("C tutor", "c#"),
            ("net", ".net"),
            ("ASP.NET", ".net"),
            ("C++ tutor", "\"c tutor\""),
            ("C++ tutor", "-c"),
            ("C++", "-c++"),
            ("C++", "c+"),
        ] {
            assert!(!found(name, text), "{name} by {text}");
        }
    }

    #[test]
    fn a_persona_is_found_by_what_it_says_and_not_across_its_fields() {
        let document = Document::from_json(json!({
            "name": "Zoë", "tags": ["日本語", "maths"], "description": "Adds numbers", "system_prompt": "quickly and well"
        }));
        let document = document.expect("valid");
        let met = |text: &str| Search::parse(text).expect("a search").is_met_by(&document);
        for found in [
            "zoe",
            "ZOË",
            "日本",
            "本語",
            "z* m*",
            "-q*",
            "本*",
            "add* QUICK*",
            "\"numbers\"",
            "maths -physics",
            "-physics",
            "\"quickly and\" zoe",
        ] {
            assert!(met(found), "{found}");
        }
        for missed in [
            "zo",
            "q*",
            "\"add n\"*",
            "日語",
            "add",
            "\"numbers quickly\"",
            "maths -zoe",
            "-numbers",
            "\"and quickly\"",
        ] {
            assert!(!met(missed), "{missed}");
        }
    }

    proptest! {
        #[test]
        fn a_term_is_where_its_words_are_and_nowhere_else(
            words in prop::collection::vec("[ab]{1,2}", 0..30), term in prop::collection::vec("[ab]{1,2}", 1..6), prefix in any::<bool>()
        ) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let is_here = |run: &[&str]| {
                let (last, before) = term.split_last().expect("a word");
                run[..before.len()].iter().eq(before) && if prefix { run[before.len()].starts_with(last) } else { run[before.len()] == last }
            };
            let wanted: Vec<usize> = (0..words.len()).filter(|at| words.get(*at..at + term.len()).is_some_and(is_here)).collect();
            let term = Term { words: term, prefix };
            for most in 1..=wanted.len() + 1 {
                prop_assert_eq!(term.places(&words, most), &wanted[..most.min(wanted.len())]);
            }
        }

        #[test]
        fn any_search_text_is_read_or_refused(text in "[\\PC\"*\\- ]{0,60}") {
            if let Ok(search) = Search::parse(&text) {
                for term in search.wanted.iter().chain(&search.unwanted) {
                    prop_assert!(!term.words.is_empty());
                    for word in &term.words {
                        let plain = !word.is_empty() && !word.contains(['"', ' ', '*', '\0']);
                        prop_assert!(plain, "{:?}", word);
                    }
                }
            }
        }
    }
}
