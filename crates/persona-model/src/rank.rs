//! The order by relevance: personas with the words in the name, then in the tags, then in texts;
//! the newest first among equals.

use crate::Timestamp;

/// Where the wanted terms of a search are, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Nearness {
    /// All wanted terms are in the name.
    Name,
    /// All wanted terms are in the name or the tags.
    Tags,
    /// At least one wanted term is in a longer text only.
    Text,
}

impl Nearness {
    /// Every value, the best first.
    pub const ALL: [Self; 3] = [Self::Name, Self::Tags, Self::Text];
}

/// A persona's place in an order by relevance: by nearness, and the newest first among equals.
///
/// Nothing else counts, on purpose: such an order is the same on every backend, does not move when
/// other personas come and go, and lets a backend find the first page of a frequent word without
/// weighing every persona that has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rank(i64);

impl Rank {
    /// The number of microseconds that a rank has room for: times from 1970 to the year 4253.
    const TIMES: i64 = 1 << 56;

    /// The rank of a persona that was created at this time.
    pub fn new(nearness: Nearness, created_at: Timestamp) -> Self {
        let age = Self::TIMES - 1 - created_at.as_micros().clamp(0, Self::TIMES - 1);
        Self(nearness as i64 * Self::TIMES + age)
    }

    /// The rank with this number; `None` for a number that no rank has.
    pub fn from_number(number: i64) -> Option<Self> {
        (0..(Nearness::Text as i64 + 1) * Self::TIMES).contains(&number).then_some(Self(number))
    }

    /// The rank as a number; a smaller number is better.
    pub fn number(self) -> i64 {
        self.0
    }

    /// How near the wanted terms are.
    pub fn nearness(self) -> Nearness {
        Nearness::ALL[usize::try_from(self.0 / Self::TIMES).expect("not negative")]
    }

    /// When the persona was created.
    pub fn created_at(self) -> Timestamp {
        Timestamp::from_micros(Self::TIMES - 1 - self.0 % Self::TIMES)
    }
}
