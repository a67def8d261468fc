//! What is remembered of a slot between its processes: how many there were, and how they died.
//!
//! Two kinds of death look alike. A process that cannot get ready will not get ready the next time
//! either: after some attempts the program ends and says so. A process that was ready and is killed
//! soon afterwards, by an operator, by the system for want of memory, or by a test, must be
//! replaced however often that happens, but not in a busy loop.

use std::time::Duration;

/// How many processes of one slot may fail to get ready one after the other. Without a limit the
/// supervisor would retry for ever.
pub(super) const FAILED_STARTS_MAX: u32 = 8;

/// Pause before the second young death's replacement, doubled for each further one. The first is
/// replaced at once.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Longest pause, because a killed process is to be replaced within a second.
const BACK_OFF_MAX: Duration = Duration::from_millis(400);

/// A process that dies sooner than this after it was ready is replaced a little more slowly the
/// next time.
const YOUNG: Duration = Duration::from_secs(1);

/// How long a process lived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    /// The process never got ready.
    NeverReady,
    /// The process was ready, but not for long.
    Young,
    /// The process served for at least [`YOUNG`].
    Grown,
}

impl Life {
    /// Classifies the life of a process that dies now; `ready_since` is `None` if it was never
    /// ready.
    pub(super) fn of(ready_since: Option<Duration>, now: Duration) -> Self {
        match ready_since {
            None => Self::NeverReady,
            Some(since) if now.saturating_sub(since) < YOUNG => Self::Young,
            Some(_) => Self::Grown,
        }
    }
}

/// The memory of a slot.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Slot {
    /// Counts its processes.
    pub(super) generation: u64,
    failed_starts: u32,
    young_deaths: u32,
    not_before: Duration,
}

impl Slot {
    /// Records the death of the slot's process; returns whether too many starts failed.
    pub(super) fn died(&mut self, now: Duration, life: Life) -> bool {
        self.failed_starts = if life == Life::NeverReady { self.failed_starts + 1 } else { 0 };
        self.young_deaths =
            if life == Life::Grown { 0 } else { self.young_deaths.saturating_add(1) };
        let doublings = self.young_deaths.saturating_sub(2).min(u32::BITS - 1);
        let pause = BACK_OFF.saturating_mul(1 << doublings).min(BACK_OFF_MAX);
        self.not_before = if self.young_deaths > 1 { now + pause } else { now };
        self.failed_starts >= FAILED_STARTS_MAX
    }

    /// Whether the next process of the slot may be started.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.not_before <= now
    }

    /// Forgets the deaths, because an operator wants the slot again.
    pub(super) fn forgive(&mut self) {
        (self.failed_starts, self.young_deaths) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FAILED_STARTS_MAX, Life, Slot};

    /// How long the next process has to wait after each of these deaths.
    fn pauses(slot: &mut Slot, deaths: impl IntoIterator<Item = Life>) -> Vec<u128> {
        let now = Duration::from_secs(100);
        let pause = |life| {
            assert!(!slot.died(now, life), "{life:?} is no reason to end");
            (0..1000_u64)
                .find(|ms| slot.is_due(now + Duration::from_millis(*ms)))
                .map_or(u128::MAX, u128::from)
        };
        deaths.into_iter().map(pause).collect()
    }

    #[test]
    fn a_process_that_is_killed_young_is_replaced_within_a_second_however_often() {
        let pauses = pauses(&mut Slot::default(), std::iter::repeat_n(Life::Young, 1000));
        assert_eq!(pauses[..6], [0, 50, 100, 200, 400, 400]);
        assert!(pauses.iter().all(|pause| *pause <= 400), "{pauses:?}");
    }

    #[test]
    fn one_that_was_ready_or_served_for_a_while_starts_the_count_of_failed_starts_anew() {
        let mut slot = Slot::default();
        let almost = || std::iter::repeat_n(Life::NeverReady, FAILED_STARTS_MAX as usize - 1);
        pauses(&mut slot, almost().chain([Life::Young]).chain(almost()));
        assert_eq!(pauses(&mut slot, [Life::Grown, Life::Young, Life::Young]), [0, 0, 50]);
        pauses(&mut slot, almost());
        assert!(slot.died(Duration::ZERO, Life::NeverReady), "the last one is one too many");
        slot.forgive();
        pauses(&mut slot, almost());
    }
}
