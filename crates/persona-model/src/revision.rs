//! Revisions and what a writer expects of them.

use std::fmt;

/// The revision of a persona: 1 at creation, one more for each change that changes something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Revision(u64);

impl Revision {
    /// The revision of a persona that was just created.
    pub const FIRST: Self = Self(1);

    /// The revision with this number; `None` for 0, which no persona ever has.
    pub const fn new(number: u64) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The number, 1 or more.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The revision that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// What a writer believes of the current state, checked inside the write transaction.
///
/// Source: RFC 9110 sections 13.1.1 (`If-Match`) and 13.1.2 (`If-None-Match`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// Whatever the current revision is (`If-Match: *`, or no condition where none is needed).
    Any,
    /// The current revision is one of these (`If-Match: "7"`). Empty when the client's tags cannot be ours: never met.
    OneOf(Vec<Revision>),
}

impl Expect {
    /// Expects exactly this revision.
    pub fn at(revision: Revision) -> Self {
        Self::OneOf(vec![revision])
    }

    /// Tells whether the current revision is an expected one.
    pub fn is_met_by(&self, current: Revision) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(revisions) => revisions.contains(&current),
        }
    }
}
