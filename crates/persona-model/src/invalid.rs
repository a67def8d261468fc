//! What is wrong with an input, all of it at once.

use std::borrow::Cow;
use std::fmt;

/// Most faults that are told of one input. More are of no help, and a body of 8 MiB can have
/// hundreds of thousands.
pub const FAULTS_MAX: usize = 100;
/// Most characters of outside text that a fault repeats.
pub const EXCERPT_CHARS_MAX: usize = 64;
/// Most characters of a sentence of another library.
const SENTENCE_CHARS_MAX: usize = 3 * EXCERPT_CHARS_MAX;

/// One thing that is wrong with an input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where: a JSON Pointer (RFC 6901) into the input; empty for the input as a whole.
    pub pointer: String,
    /// A stable word for programs, such as `too_long`.
    pub code: &'static str,
    /// A sentence fragment for people, naming field, limit and actual size.
    pub message: String,
}

/// An input that breaks rules: at least one fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Invalid {
    /// The faults, in the order of the input's members; at most [`FAULTS_MAX`].
    pub faults: Vec<Fault>,
    /// How many more there are.
    pub more: usize,
}

/// As much of an outside text as a fault repeats; three dots stand for the rest.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    cut(text, EXCERPT_CHARS_MAX)
}

/// As much of a sentence as is told where it is another library's and can repeat outside text.
pub fn shortened(sentence: &str) -> Cow<'_, str> {
    cut(sentence, SENTENCE_CHARS_MAX)
}

fn cut(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        None => text.into(),
        Some((end, _)) => format!("{}...", &text[..end]).into(),
    }
}

impl Invalid {
    /// An input with one fault.
    pub fn one(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            faults: vec![Fault { pointer: pointer.into(), code, message: message.into() }],
            more: 0,
        }
    }

    /// Adds what is wrong besides, as far as there is room for it.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.more += other.more;
        for fault in other.faults {
            if self.faults.len() < FAULTS_MAX { self.faults.push(fault) } else { self.more += 1 }
        }
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let place = if fault.pointer.is_empty() { "document" } else { &fault.pointer };
            write!(out, "{separator}{place}: {}", fault.message)?;
        }
        if self.more > 0 {
            write!(out, "; and {} more", self.more)?;
        }
        Ok(())
    }
}
