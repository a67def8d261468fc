//! The one owner of time: what the wall clock says is believed only as far as elapsed time bears it
//! out.
//!
//! A wall clock can be wrong for a minute or for a year, and it can be set. Elapsed time cannot be
//! set. So a jump of the wall clock is believed only after it has lasted ([`Time::now`]), a stamp
//! that is far ahead lifts no later one ([`after`]), and what is kept for a time is kept for that
//! much elapsed time, counted in the database ([`Observed`]). The argument is in ADR 0026.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use persona_model::{Clock, Timestamp};

use crate::IDEMPOTENCY_KEPT;

/// Microseconds by which wall clock and elapsed time may differ before that is a jump: more than
/// any clock is slewed between two writes, and less than what would be missed.
const JUMP_US: i64 = 60_000_000;
/// Microseconds that a jump has to last before it is believed: longer than a wrong clock needs to
/// be put right by the programs that watch it, short enough that a machine that was put to sleep
/// soon has its time again.
const JUMP_LASTS_US: i64 = 300_000_000;
/// A stamp that is this many microseconds ahead of the time was made by a wrong clock.
pub(crate) const LEAD_MAX_US: i64 = 300_000_000;
/// How often a maintenance process writes down the time that it has observed.
pub(crate) const OBSERVED_EVERY: Duration = Duration::from_mins(1);
/// The most that the count grows in one step, two rounds of a maintenance process. A record is kept
/// at the stored count, which is old after a sleep of the machine or an outage of the maintenance
/// process; so much, and no more, can be counted for nothing for it.
const STEP_MAX: Duration = Duration::from_mins(2);

/// The time of day of one process.
pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    believed: Mutex<Believed>,
}

impl Time {
    /// Believes the clock as it is now: a process that starts has nothing to compare it with.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let (wall, elapsed) = (clock.now().as_micros(), micros(clock.elapsed()));
        let believed = Mutex::new(Believed { offset: wall.saturating_sub(elapsed), doubted: None });
        Self { clock, believed }
    }

    /// The time of day, as far as it can be believed.
    pub(crate) fn now(&self) -> Timestamp {
        let (wall, elapsed) = (self.clock.now().as_micros(), micros(self.clock.elapsed()));
        // What is kept between two calls is valid at every moment.
        let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = believed.judge(wall.saturating_sub(elapsed), elapsed);
        Timestamp::from_micros(offset.saturating_add(elapsed))
    }
}

/// By how much the wall clock is ahead of elapsed time, in microseconds.
struct Believed {
    offset: i64,
    /// Another offset, which the clock had when it was last asked, and since when.
    doubted: Option<(i64, i64)>,
}

impl Believed {
    /// What is believed of a clock that says this.
    fn judge(&mut self, offset: i64, elapsed: i64) -> i64 {
        let is_near = |other: i64| offset.saturating_sub(other).saturating_abs() <= JUMP_US;
        if is_near(self.offset) {
            (self.offset, self.doubted) = (offset, None);
            return offset;
        }
        let since = self.doubted.filter(|(doubted, _)| is_near(*doubted)).map(|(_, since)| since);
        if since.is_some_and(|since| elapsed.saturating_sub(since) >= JUMP_LASTS_US) {
            tracing::warn!(
                seconds = (offset - self.offset) / 1_000_000,
                "the clock was set, and has kept its new time long enough to be believed"
            );
            (self.offset, self.doubted) = (offset, None);
            return offset;
        }
        if since.is_none() {
            let seconds = offset.saturating_sub(self.offset) / 1_000_000;
            tracing::warn!(
                seconds,
                "the clock jumped; its new time is not believed until it has lasted for five minutes"
            );
        }
        self.doubted = Some((offset, since.unwrap_or(elapsed)));
        self.offset
    }
}

/// The time for a change: now, but later than the newest change, unless a wrong clock made that
/// one. So one wrong time moves others by at most [`LEAD_MAX_US`].
pub(crate) fn after(newest: Timestamp, now: Timestamp) -> Timestamp {
    if newest.as_micros() > newest_of(now).as_micros() {
        now
    } else {
        now.max(Timestamp::from_micros(newest.as_micros().saturating_add(1)))
    }
}

/// The latest time of a change that can be right.
pub(crate) fn newest_of(now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.as_micros().saturating_add(LEAD_MAX_US))
}

/// Elapsed time as a maintenance process counts it in the database, in microseconds.
///
/// The count begins anywhere; it only ever grows, by no more than has elapsed while a maintenance
/// process looked, and by no more than [`STEP_MAX`] at once: a gap between two looks counts for
/// little, also where the maintenance process lived on. Several maintenance processes count the
/// same time once, because each only raises the count to what itself has observed.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// The count, and the elapsed time at that moment.
    last: Option<(i64, i64)>,
}

impl Observed {
    /// What the count is now, where the database has this one.
    pub(crate) fn count(&mut self, stored: i64, clock: &dyn Clock) -> i64 {
        let elapsed = micros(clock.elapsed());
        let step_max = micros(STEP_MAX);
        let own = self.last.map_or(stored, |(count, at)| {
            count.saturating_add(elapsed.saturating_sub(at).clamp(0, step_max))
        });
        // What this maintenance process counted and could not write down is no older than the
        // stored count for the records beside it.
        let count = own.min(stored.saturating_add(step_max)).max(stored);
        self.last = Some((count, elapsed));
        count
    }

    /// The count where the database has none: it goes on from the newest record, which can be of
    /// another database or of an earlier version, but not from one that a fast clock made.
    pub(crate) fn first(newest_record: i64, clock: &dyn Clock) -> i64 {
        newest_record.min(clock.now().as_micros())
    }

    /// Stops counting while no records are kept.
    pub(crate) fn pause(&mut self) {
        self.last = None;
    }

    /// Records that were kept at this count and before have been kept long enough.
    pub(crate) fn oldest_kept(count: i64) -> i64 {
        count.saturating_sub(micros(IDEMPOTENCY_KEPT)).saturating_sub(micros(STEP_MAX))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;

    use super::{Believed, JUMP_LASTS_US, JUMP_US, LEAD_MAX_US, Observed, STEP_MAX, after, micros};
    use crate::conformance::TestClock;

    const YEAR_US: i64 = 365 * 86_400_000_000;

    #[test]
    fn the_count_grows_by_little_at_once_however_long_no_maintenance_process_looked() {
        let step = micros(STEP_MAX);
        let clock = TestClock::default();
        let mut observed = Observed::default();
        assert_eq!(observed.count(7, &clock), 7);
        clock.advance_micros(YEAR_US);
        assert_eq!(observed.count(7, &clock), 7 + step, "the machine slept");
        for _ in 0..1500 {
            clock.advance_micros(step / 2);
            assert!(observed.count(7, &clock) <= 7 + step, "none of it could be written down");
        }
        clock.advance_micros(step / 2);
        assert_eq!(
            observed.count(7 + YEAR_US, &clock),
            7 + YEAR_US,
            "another maintenance process counted"
        );
    }

    #[test]
    fn a_jump_is_believed_when_it_has_lasted_and_not_before() {
        for jump in [YEAR_US, -YEAR_US, JUMP_US + 1] {
            let mut believed = Believed { offset: 0, doubted: None };
            assert_eq!(believed.judge(jump, 0), 0);
            assert_eq!(believed.judge(jump + 5, JUMP_LASTS_US - 1), 0);
            assert_eq!(believed.judge(jump + 9, JUMP_LASTS_US), jump + 9);
            assert_eq!(believed.judge(jump + 9, JUMP_LASTS_US + 1), jump + 9);
        }
    }

    #[test]
    fn a_jump_that_ends_or_changes_begins_anew() {
        let mut believed = Believed { offset: 0, doubted: None };
        assert_eq!(believed.judge(YEAR_US, 0), 0);
        assert_eq!(believed.judge(0, JUMP_LASTS_US / 2), 0);
        assert_eq!(believed.judge(YEAR_US, JUMP_LASTS_US), 0, "it was right in between");
        assert_eq!(believed.judge(2 * YEAR_US, JUMP_LASTS_US * 2 - 1), 0);
        assert_eq!(believed.judge(2 * YEAR_US, JUMP_LASTS_US * 2), 0, "this jump is a new one");
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed() {
        let mut believed = Believed { offset: 0, doubted: None };
        for step in 1..100 {
            assert_eq!(believed.judge(step * JUMP_US, step), step * JUMP_US);
        }
    }

    #[test]
    fn stamps_grow_and_one_that_is_far_ahead_lifts_no_other() {
        let at = Timestamp::from_micros;
        assert_eq!(after(at(10), at(20)), at(20));
        assert_eq!(after(at(20), at(20)), at(21));
        assert_eq!(after(at(20 + LEAD_MAX_US), at(20)), at(21 + LEAD_MAX_US));
        assert_eq!(after(at(21 + LEAD_MAX_US), at(20)), at(20));
        assert_eq!(after(at(i64::MAX), at(20)), at(20));
    }
}
