//! Which fields of a persona are searched, and the words of these fields.
//!
//! The words of name and tags and those of the longer texts are two values, because they have an
//! index each: a change of one does not touch the index of the other.

use super::limit::{SEARCH_WORDS_MAX, up_to};
use super::words::Words;
use crate::Document;

/// The fields that are searched as the name.
pub(super) const NAME_FIELDS: [&str; 3] = ["name", "nickname", "handle"];

/// The lists of texts that are searched.
pub(super) const GREETING_FIELDS: [&str; 2] = ["alternate_greetings", "group_only_greetings"];

/// The other texts that are searched.
pub(super) const TEXT_FIELDS: [&str; 10] = [
    "description",
    "appearance",
    "personality",
    "scenario",
    "system_prompt",
    "post_history_instructions",
    "first_mes",
    "mes_example",
    "creator_notes",
    "creator",
];

/// The words of the name and of the tags of a persona, which rank higher than the words of its
/// texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TitleWords {
    /// The words of name, nickname and handle.
    pub name: String,
    /// The words of the tags.
    pub tags: String,
}

/// The words of all longer texts of a persona, up to [`SEARCH_WORDS_MAX`] different ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextWords(String);

impl TitleWords {
    /// Whether a change of the field can change these words.
    pub fn come_from(field: &str) -> bool {
        NAME_FIELDS.contains(&field) || field == "tags"
    }

    /// The words of a document.
    pub fn of(document: &Document) -> Self {
        Self {
            name: joined(NAME_FIELDS.into_iter().map(|field| text_of(document, field))),
            tags: joined(document.tags()),
        }
    }
}

impl TextWords {
    /// Whether a change of the field can change these words.
    pub fn come_from(field: &str) -> bool {
        TEXT_FIELDS.contains(&field) || GREETING_FIELDS.contains(&field)
    }

    /// The words of a document.
    pub fn of(document: &Document) -> Self {
        let texts = TEXT_FIELDS.into_iter().map(|field| text_of(document, field));
        let greetings =
            GREETING_FIELDS.into_iter().filter_map(|field| document.get(field)?.as_array());
        let greetings = greetings.flatten().filter_map(|item| item.as_str());
        Self(up_to(SEARCH_WORDS_MAX, joined(texts.chain(greetings))))
    }

    /// The words, joined by blanks.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn text_of<'a>(document: &'a Document, field: &str) -> &'a str {
    document.get(field).and_then(|value| value.as_str()).unwrap_or_default()
}

/// All words of some texts, joined by blanks. A separator word that no text has stands between two
/// texts, so that no phrase is found across them.
fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut words = Words::default();
    for text in texts {
        let before = words.joined.len();
        words.separate();
        let start = words.joined.len();
        words.add_all(text);
        if words.joined.len() == start {
            words.joined.truncate(before);
        }
    }
    words.joined
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{TextWords, TitleWords, joined};
    use crate::FIELDS;

    /// A persona is taken out of an index by the words that this program makes of its document. If
    /// this test fails, the program makes other words than the version that wrote the existing
    /// files (a new version of Unicode can be the cause). Then add a migration that fills the
    /// indexes anew, and only then change the number.
    #[test]
    fn no_character_makes_other_words_than_in_the_files_that_exist() {
        let mut hash = Sha256::new();
        for char in '\u{1}'..=char::MAX {
            let text = format!("a{char}b {char} {char}{char}");
            hash.update(joined(std::iter::once(&*text)));
            hash.update([0]);
        }
        assert_eq!(hash.finalize()[..8], [68, 69, 171, 137, 182, 239, 194, 99]);
    }

    #[test]
    fn every_field_has_a_part_in_one_kind_of_words_at_most() {
        let both = |name: &str| TitleWords::come_from(name) && TextWords::come_from(name);
        assert!(FIELDS.iter().all(|field| !both(field.name)));
    }
}
