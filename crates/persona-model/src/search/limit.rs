//! The limit of the different words of one persona that the index holds. The time of an index grows
//! with their number.

use std::collections::HashSet;

/// Most different words of the longer texts of one persona that a search finds; what follows the
/// word that is one too many is not indexed. Indexing time grows with the number of different
/// words, and all writers wait for it. A long novel has about 30,000.
pub const SEARCH_WORDS_MAX: usize = 65_536;
/// Fewest bytes of a word, including the blank behind it.
const WORD_BYTES_MIN: usize = 2;

/// Cuts a text of words, joined by blanks, before the first word that would exceed this number of
/// different words.
pub(super) fn up_to(different_max: usize, mut words: String) -> String {
    if words.len() / WORD_BYTES_MIN < different_max {
        return words;
    }
    let mut different = HashSet::with_capacity(different_max);
    let mut end = 0;
    for word in words.split(' ') {
        if !different.contains(word) && different.len() == different_max {
            // The blank before the first word too many is cut off too.
            words.truncate(end - 1);
            return words;
        }
        different.insert(word);
        end += word.len() + 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{SEARCH_WORDS_MAX, up_to};
    use crate::{Document, Search};

    #[test]
    fn words_go_on_until_one_is_too_many() {
        let up_to = |different_max, words: &str| up_to(different_max, words.to_owned());
        assert_eq!(up_to(3, "a b a ccc b a"), "a b a ccc b a");
        assert_eq!(up_to(3, "a b a ccc b d a"), "a b a ccc b");
        assert_eq!(up_to(3, "a b c d"), "a b c");
        assert_eq!(up_to(1, "a a b"), "a a");
    }

    #[test]
    fn a_persona_is_found_by_all_words_before_the_first_one_too_many() {
        let numbers: Vec<String> =
            (0..SEARCH_WORDS_MAX + 2).map(|number| format!("w{number}")).collect();
        let texts: Vec<String> = numbers.chunks(20_000).map(|chunk| chunk.join(" ")).collect();
        let document = Document::from_json(
            json!({ "name": "Zoë", "tags": ["last"], "alternate_greetings": texts }),
        )
        .expect("valid");
        let met = |text: &str| Search::parse(text).expect("a search").is_met_by(&document);
        // The separator between two texts counts as a word.
        let (last, first_too_many) =
            (format!("w{}", SEARCH_WORDS_MAX - 2), format!("w{}", SEARCH_WORDS_MAX - 1));
        assert!(met(&last) && met("w0") && met("zoe last") && !met(&first_too_many));
    }
}
