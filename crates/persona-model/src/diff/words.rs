//! What counts as a word when two texts are compared: runs of letters and digits, runs of blanks,
//! and every other character by itself. Scripts without blanks between words are compared character
//! by character.

/// Characters from this one on are mostly those of scripts without blanks between words.
const IDEOGRAPHS_FROM: char = '\u{2e80}';

/// The sort of a character: neighbouring characters of one sort make up one word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Letter,
    Blank,
    /// The character is a word by itself.
    Single,
}

fn sort_of(char: char) -> Sort {
    if char == '\n' || char >= IDEOGRAPHS_FROM {
        Sort::Single
    } else if char.is_alphanumeric() || char == '_' {
        Sort::Letter
    } else if char.is_whitespace() {
        Sort::Blank
    } else {
        Sort::Single
    }
}

/// Splits a text into words, which joined together are the text again. A line break is a word.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut before) = (0, Sort::Single);
    for (place, char) in text.char_indices() {
        let sort = sort_of(char);
        if place > start && (sort == Sort::Single || sort != before) {
            words.push(&text[start..place]);
            start = place;
        }
        before = sort;
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_text_falls_into_words_blanks_and_single_signs() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("Ada", &["Ada"]),
            ("Ada  wrote_it.", &["Ada", "  ", "wrote_it", "."]),
            ("a\n\n b", &["a", "\n", "\n", " ", "b"]),
            ("C++17", &["C", "+", "+", "17"]),
            ("中文é", &["中", "文", "é"]),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), expected);
        }
    }
}
