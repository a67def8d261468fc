//! What is wrong with an input, all of it at once.

use std::fmt;

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

/// An input that breaks rules: every fault that was found, at least one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Invalid {
    /// The faults, in the order of the input's members.
    pub faults: Vec<Fault>,
}

impl Invalid {
    /// An input with one fault.
    pub fn one(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { faults: vec![Fault { pointer: pointer.into(), code, message: message.into() }] }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let place = if fault.pointer.is_empty() { "document" } else { &fault.pointer };
            write!(out, "{separator}{place}: {}", fault.message)?;
        }
        Ok(())
    }
}
