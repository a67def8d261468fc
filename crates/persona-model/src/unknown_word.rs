//! The error of everything that is read from a word and has a fixed list of words.

/// A text that is none of the words of an enumeration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an unknown word")]
pub struct UnknownWord;
