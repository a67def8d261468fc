//! How many different words a persona is found by: the time of an index follows their number.

use std::collections::HashSet;

/// Most different words of the longer texts of one persona that it is found by: those before the
/// first one too many. An index takes time by different words, with all writers waiting. A long
/// novel has about 30,000.
pub const SEARCH_WORDS_MAX: usize = 65_536;
/// Fewest bytes of a word, with the blank behind it.
const WORD_BYTES_MIN: usize = 2;

/// The words, joined by blanks, before the first one that makes more different ones than so many.
pub(super) fn up_to(different_max: usize, mut words: String) -> String {
    if words.len() / WORD_BYTES_MIN < different_max {
        return words;
    }
    let mut different = HashSet::with_capacity(different_max);
    let mut end = 0;
    for word in words.split(' ') {
        if !different.contains(word) && different.len() == different_max {
            // The blank before it goes too.
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
        // What separates two texts counts as one.
        let (last, first_too_many) =
            (format!("w{}", SEARCH_WORDS_MAX - 2), format!("w{}", SEARCH_WORDS_MAX - 1));
        assert!(met(&last) && met("w0") && met("zoe last") && !met(&first_too_many));
    }
}
