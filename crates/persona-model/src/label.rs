//! Labels: words that point to a revision of a persona, and are moved from one to another.

use std::fmt;

/// Most characters of a label.
pub const LABEL_CHARS_MAX: usize = 64;

/// The word that always means the current revision: no client moves it.
pub const LABEL_LATEST: &str = "latest";

/// A label: lower-case letters, digits, `.`, `_` and `-`, a letter or digit first, at most
/// [`LABEL_CHARS_MAX`] characters. Not digits only, which are the number of a revision, and not
/// [`LABEL_LATEST`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LabelName(Box<str>);

/// Why a text is no label.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadLabel {
    /// The text has other characters, or too many or none.
    #[error(
        "a label has 1 to {LABEL_CHARS_MAX} characters of a-z, 0-9, \".\", \"_\" and \"-\", and begins with one of a-z or 0-9"
    )]
    Form,
    /// The text is a number.
    #[error("a label is not a number, because revisions are")]
    Number,
    /// The text is a word of the server.
    #[error("{LABEL_LATEST} always points to the current revision")]
    Latest,
}

impl LabelName {
    /// Reads a label.
    ///
    /// # Errors
    ///
    /// [`BadLabel`] says why the text is none.
    pub fn parse(text: &str) -> Result<Self, BadLabel> {
        let fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        if text.len() > LABEL_CHARS_MAX || !begins || !text.bytes().all(fits) {
            return Err(BadLabel::Form);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadLabel::Number);
        }
        if text == LABEL_LATEST { Err(BadLabel::Latest) } else { Ok(Self(text.into())) }
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What names one state of a label: how often it was moved and the checksum of its last move,
/// `l3-9f3c21aa` as text.
///
/// No text is the tag of a label and that of a persona ([`crate::EntityTag`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LabelTag {
    /// How often the label was moved: 1 after it was set for the first time.
    pub version: u64,
    /// The CRC-32 of the move, the same in every store.
    pub checksum: u32,
}

impl LabelTag {
    /// Hexadecimal digits of the checksum.
    const DIGITS: usize = 8;

    /// The tag with exactly this text; `None` for a text that no tag has.
    pub fn parse(text: &str) -> Option<Self> {
        let (version, checksum) = text.strip_prefix('l')?.split_once('-')?;
        let is_number =
            version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0');
        let is_checksum = checksum.len() == Self::DIGITS
            && checksum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !(is_number && is_checksum) {
            return None;
        }
        let checksum = u32::from_str_radix(checksum, 16).ok()?;
        Some(Self { version: version.parse().ok()?, checksum })
    }
}

impl fmt::Display for LabelTag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "l{}-{:08x}", self.version, self.checksum)
    }
}

/// What a client believes of a label, checked inside the transaction that moves it.
///
/// Source: RFC 9110 sections 13.1.1 (`If-Match`) and 13.1.2 (`If-None-Match`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LabelPrecondition {
    /// Nothing.
    Any,
    /// The label is set (`If-Match: *`).
    IsSet,
    /// The label is not set (`If-None-Match: *`).
    IsNotSet,
    /// The label is in one of these states. Empty when no tag of the client can be ours: never met.
    OneOf(Vec<LabelTag>),
}

impl LabelPrecondition {
    /// Tells whether the current state, `None` where the label is not set, is an expected one.
    pub fn is_met_by(&self, current: Option<LabelTag>) -> bool {
        match self {
            Self::Any => true,
            Self::IsSet => current.is_some(),
            Self::IsNotSet => current.is_none(),
            Self::OneOf(tags) => current.is_some_and(|current| tags.contains(&current)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BadLabel, LABEL_CHARS_MAX, LabelName, LabelPrecondition, LabelTag};

    #[test]
    fn a_label_is_a_plain_word_that_is_no_number_and_not_the_servers() {
        let longest = "a".repeat(LABEL_CHARS_MAX);
        for name in ["production", "staging", "a", "0a", "v2.1", "eu_west-1", "1.0", &longest] {
            assert_eq!(LabelName::parse(name).map(|name| name.to_string()), Ok(name.into()));
        }
        let longer = "a".repeat(LABEL_CHARS_MAX + 1);
        for other in
            ["", " ", "Production", "-a", ".a", "_a", "a b", "a/b", "a\n", "ä", "a%", &longer]
        {
            assert_eq!(LabelName::parse(other), Err(BadLabel::Form), "{other:?}");
        }
        for number in ["0", "7", "007", "9223372036854775808", "18446744073709551616"] {
            assert_eq!(LabelName::parse(number), Err(BadLabel::Number), "{number}");
        }
        assert_eq!(LabelName::parse("latest"), Err(BadLabel::Latest));
        assert!(LabelName::parse("latest2").is_ok());
    }

    #[test]
    fn a_tag_reads_back_from_its_text_and_from_no_other() {
        for (version, checksum, text) in [
            (3, 0x9f3c_21aa, "l3-9f3c21aa"),
            (1, 0, "l1-00000000"),
            (u64::MAX, u32::MAX, "l18446744073709551615-ffffffff"),
        ] {
            let tag = LabelTag { version, checksum };
            assert_eq!(tag.to_string(), text);
            assert_eq!(LabelTag::parse(text), Some(tag));
        }
        for other in [
            "",
            "l",
            "3-9f3c21aa",
            "L3-9f3c21aa",
            "l-9f3c21aa",
            "l03-9f3c21aa",
            "l0-9f3c21aa",
            "l+3-9f3c21aa",
            "l3-9F3C21AA",
            "l3-9f3c21a",
            "l3-9f3c21aa0",
            "l18446744073709551616-00000000",
        ] {
            assert_eq!(LabelTag::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_precondition_is_met_by_the_states_that_it_names() {
        let tag = |version| LabelTag { version, checksum: 7 };
        let met = |precondition: &LabelPrecondition| {
            [None, Some(tag(1)), Some(tag(2))].map(|current| precondition.is_met_by(current))
        };
        assert_eq!(met(&LabelPrecondition::Any), [true, true, true]);
        assert_eq!(met(&LabelPrecondition::IsSet), [false, true, true]);
        assert_eq!(met(&LabelPrecondition::IsNotSet), [true, false, false]);
        assert_eq!(met(&LabelPrecondition::OneOf(vec![tag(2)])), [false, false, true]);
        assert_eq!(met(&LabelPrecondition::OneOf(vec![])), [false, false, false]);
    }
}
