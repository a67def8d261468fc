//! What is wrong with an input, all of it at once.

use std::borrow::Cow;
use std::fmt;

/// Most errors that are told of one input. More would not help a client, and a body of 8 MiB can
/// have hundreds of thousands.
pub const FIELD_ERRORS_MAX: usize = 100;
/// Most characters of a client's text that an error repeats.
pub const EXCERPT_CHARS_MAX: usize = 64;
/// Most characters of a library's message that an error repeats.
const SENTENCE_CHARS_MAX: usize = 3 * EXCERPT_CHARS_MAX;

/// One thing that is wrong with an input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldError {
    /// The place: a JSON Pointer (RFC 6901) into the input; empty for the input as a whole.
    pub pointer: String,
    /// A stable word for programs, such as `too_long`.
    pub code: &'static str,
    /// A sentence fragment for people, naming field, limit and actual size.
    pub message: String,
}

/// An input that breaks rules: at least one error.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct ValidationErrors {
    /// The errors, in the order of the input's members; at most [`FIELD_ERRORS_MAX`].
    pub errors: Vec<FieldError>,
    /// The number of further errors that are not in the list.
    pub more: usize,
}

/// The part of a client's text that an error repeats; three dots stand for the rest.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    cut(text, EXCERPT_CHARS_MAX)
}

/// The part of a library's message that an error repeats, because the message can contain a
/// client's text.
pub fn shortened(sentence: &str) -> Cow<'_, str> {
    cut(sentence, SENTENCE_CHARS_MAX)
}

fn cut(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        None => text.into(),
        Some((end, _)) => format!("{}...", &text[..end]).into(),
    }
}

impl ValidationErrors {
    /// An input with one error.
    pub fn one(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            errors: vec![FieldError { pointer: pointer.into(), code, message: message.into() }],
            more: 0,
        }
    }

    /// Adds further errors; those beyond [`FIELD_ERRORS_MAX`] are only counted.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.more += other.more;
        for error in other.errors {
            if self.errors.len() < FIELD_ERRORS_MAX {
                self.errors.push(error);
            } else {
                self.more += 1;
            }
        }
        self
    }
}

impl fmt::Display for ValidationErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let place = if error.pointer.is_empty() { "document" } else { &error.pointer };
            write!(out, "{separator}{place}: {}", error.message)?;
        }
        if self.more > 0 {
            write!(out, "; and {} more", self.more)?;
        }
        Ok(())
    }
}
