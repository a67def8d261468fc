//! Revisions, and the preconditions of writes.

use std::fmt;

use crate::{EntityTag, Timestamp};

/// Most characters of a note: a sentence or two on why a revision was made, which lists of
/// revisions show.
pub const NOTE_CHARS_MAX: usize = 500;

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
/// Source: RFC 9110 sections 13.1.1 (`If-Match`), 13.1.2 (`If-None-Match`) and 13.1.4
/// (`If-Unmodified-Since`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Precondition {
    /// The current state may be any (`If-Match: *`, or no condition where none is needed).
    Any,
    /// The current state has one of these tags (`If-Match: "7-9f3c21aa"`). An empty list, which no
    /// state meets, stands for tags that this store cannot have made.
    OneOf(Vec<EntityTag>),
    /// The current state began no later than this time (`If-Unmodified-Since`).
    UnmodifiedSince(Timestamp),
}

impl Precondition {
    /// Expects exactly the state with this tag.
    pub fn at(tag: EntityTag) -> Self {
        Self::OneOf(vec![tag])
    }

    /// Whether the current state, which has this tag and began at this time, meets the condition.
    pub fn is_met_by(&self, current: EntityTag, updated_at: Timestamp) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.contains(&current),
            Self::UnmodifiedSince(date) => updated_at <= *date,
        }
    }
}
