//! Decides whether a copy beside writers makes progress.

use std::time::{Duration, Instant};

/// Time between two counts of the remaining lines, which cost the source a moment.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Number of counts in a row without a new minimum after which the copy is given up: two minutes.
const LOOKS_MAX: u32 = 8;

/// A copy beside writers.
pub(super) struct Chase {
    looked_at: Instant,
    /// The least that was ever left.
    best: u64,
    looks_in_vain: u32,
}

impl Chase {
    pub(super) fn begin(now: Instant) -> Self {
        Self { looked_at: now, best: u64::MAX, looks_in_vain: 0 }
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.looked_at) >= LOOK_EVERY
    }

    /// Notes how many lines are left, and tells whether going on is in vain.
    pub(super) fn is_in_vain(&mut self, now: Instant, left: u64) -> bool {
        self.looked_at = now;
        self.looks_in_vain = if left < self.best { 0 } else { self.looks_in_vain + 1 };
        self.best = self.best.min(left);
        self.looks_in_vain >= LOOKS_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Chase, LOOK_EVERY, LOOKS_MAX};

    /// After how many counts the copy is given up; `left` says how much is left at each.
    fn given_up_after(left: impl Fn(u32) -> u64) -> Option<u32> {
        let began = Instant::now();
        let mut chase = Chase::begin(began);
        assert!(!chase.is_due(began));
        (1..=1000).find(|look| {
            let now = began + LOOK_EVERY * *look;
            assert!(chase.is_due(now));
            chase.is_in_vain(now, left(*look))
        })
    }

    #[test]
    fn a_client_that_comes_nearer_is_never_given_up_and_another_one_is_after_two_minutes() {
        assert_eq!(
            given_up_after(|look| u64::from(2000 - look)),
            None,
            "slow, but nearer each time"
        );
        assert_eq!(
            given_up_after(|look| if look % LOOKS_MAX == 0 {
                u64::from(2000 - look)
            } else {
                5000
            }),
            None,
            "nearer at times"
        );
        assert_eq!(given_up_after(|_| 1000), Some(LOOKS_MAX + 1));
        assert_eq!(given_up_after(u64::from), Some(LOOKS_MAX + 1));
        assert_eq!(
            given_up_after(|look| u64::from(200_u32.saturating_sub(look).max(100))),
            Some(100 + LOOKS_MAX)
        );
    }
}
