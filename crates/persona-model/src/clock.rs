//! Points in time, and the door through which the time of day comes in.

use std::fmt;
use std::time::Duration;

use crate::rfc3339;

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
///
/// Text form: RFC 3339 in UTC with `Z` and six digits of the second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point in time this many microseconds after the epoch 1970-01-01T00:00:00Z; a negative
    /// number lies before the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 time in any spelling, and the shorter forms of ISO 8601; finer digits than
    /// microseconds are cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let other = || text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
        rfc3339::micros(text).or_else(other).map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(out, "{time:.6}")
    }
}

/// Where time comes from: the system in `main`, fixed values in tests.
pub trait Clock: Send + Sync {
    /// The time of day now, as the wall clock says. The wall clock can be wrong, and it can be set.
    fn now(&self) -> Timestamp;

    /// The time since a fixed moment, by a clock that cannot be set and that goes on while the
    /// machine sleeps.
    fn elapsed(&self) -> Duration;
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_timestamp_prints_as_rfc_3339_with_microseconds_and_reads_back() {
        let time = Timestamp::from_micros(1_795_543_841_000_120);
        assert_eq!(time.to_string(), "2026-11-24T18:10:41.000120Z");
        assert_eq!(Timestamp::parse("2026-11-24T19:10:41.00012+01:00"), Some(time));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }
}
