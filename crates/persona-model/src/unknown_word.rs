//! The error of reading an enumeration from a text.

/// A text that is none of the words of an enumeration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an unknown word")]
pub struct UnknownWord;
