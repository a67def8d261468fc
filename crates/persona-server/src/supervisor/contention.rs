//! Watches the write lock: reports which process holds it when a wait is long, and gives advice
//! when waits are long for minutes.
//!
//! What lives here: the decision what is logged and when, as a pure function of the scoreboard.
//! What must not: reading the scoreboard or the system's tables (`run.rs` and
//! `sqlite/lock_probe.rs` of storage do).

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use crate::scoreboard::{Distribution, WriteLockFigures, WriteLockUser};

/// Time between two log lines about a wait that goes on.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Length of the periods in which figures are compared.
const MINUTE: Duration = Duration::from_mins(1);

/// A minute with at least this 99th percentile of waits counts as busy: 50 ms, the longest wait for
/// which the write lock is designed.
pub const BUSY_WAIT_P99_MICROS: u64 = 50_000;

/// Fewest waits in a minute (one a second) for a meaningful percentile.
const WAITS_MIN: u64 = 60;

/// Busy minutes in a row after which advice is given; fewer are a short peak.
const BUSY_MINUTES: u32 = 5;

/// Time between two lines of advice, in minutes.
const ADVISE_AGAIN_AFTER_MINUTES: u32 = 60;

/// Advice for a write lock that stays busy. `persona doctor` gives it too.
pub const ADVICE: &str = "try fewer workers (--workers) and fewer, larger requests first; \
    when writers of one file have to wait for each other for long, PostgreSQL is made for that";

/// A wait or a hold of the write lock that takes too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delay {
    /// A process waits for the lock; the holder may be a process of another program.
    Waiting { waiter: WriteLockUser, holder: Option<WriteLockUser> },
    /// A process of this server holds the lock for too long; no other process waits that long yet.
    Holding(WriteLockUser),
}

/// The figures of the scoreboard since the server started.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Totals {
    pub write_lock_wait: Distribution,
    pub writes_given_up: u64,
    pub lock_retries: u64,
}

/// The observed history of the write lock.
#[derive(Debug)]
pub(super) struct Contention {
    warn_after: Duration,
    /// The kind of the last log line, and until when the same kind is not logged again.
    said: Option<(Discriminant<Delay>, Duration)>,
    minute_ends: Duration,
    before: Totals,
    busy_minutes: u32,
    quiet_minutes: u32,
}

impl Contention {
    /// Makes a watch that treats a wait or hold longer than this as too long.
    pub(super) fn new(warn_after: Duration) -> Self {
        Self {
            warn_after,
            said: None,
            minute_ends: MINUTE,
            before: Totals::default(),
            busy_minutes: 0,
            quiet_minutes: ADVISE_AGAIN_AFTER_MINUTES,
        }
    }

    /// Looks at the processes that wait for the lock or hold it; returns what must be logged.
    pub(super) fn look(
        &mut self,
        now: Duration,
        write_lock_users: &[WriteLockUser],
    ) -> Option<Delay> {
        let holder = write_lock_users
            .iter()
            .copied()
            .max_by_key(|process| process.holding)
            .filter(|process| !process.holding.is_zero());
        let waiter = write_lock_users
            .iter()
            .copied()
            .max_by_key(|process| process.waiting)
            .filter(|process| process.waiting >= self.warn_after);
        let delay = match (waiter, holder) {
            (Some(waiter), holder) => Delay::Waiting { waiter, holder },
            (None, Some(holder)) if holder.holding >= self.warn_after => Delay::Holding(holder),
            (None, _) => {
                self.said = None;
                return None;
            }
        };
        // The start of a wait is logged, even if the log has just reported the hold.
        let kind = discriminant(&delay);
        if self.said.is_some_and(|(said, until)| said == kind && now < until) {
            return None;
        }
        self.said = Some((kind, now + SAY_AGAIN_AFTER));
        Some(delay)
    }

    /// Returns the figures of a minute that has just ended. `totals` is called only then.
    pub(super) fn minute(
        &mut self,
        now: Duration,
        totals: impl FnOnce() -> Totals,
    ) -> Option<WriteLockFigures> {
        if now < self.minute_ends {
            return None;
        }
        self.minute_ends = now + MINUTE;
        let totals = totals();
        let waits = totals.write_lock_wait.since(&self.before.write_lock_wait);
        let figures = WriteLockFigures {
            waits: waits.count(),
            wait_p99_micros: waits.quantile(0.99).unwrap_or_default(),
            writes_given_up: totals.writes_given_up.saturating_sub(self.before.writes_given_up),
            lock_retries: totals.lock_retries.saturating_sub(self.before.lock_retries),
        };
        self.before = totals;
        Some(figures)
    }

    /// Whether to log advice, after a minute with these figures.
    pub(super) fn needs_advice(&mut self, minute: &WriteLockFigures) -> bool {
        let busy = minute.waits >= WAITS_MIN && minute.wait_p99_micros >= BUSY_WAIT_P99_MICROS;
        self.busy_minutes = if busy { self.busy_minutes + 1 } else { 0 };
        self.quiet_minutes = self.quiet_minutes.saturating_add(1);
        let advise =
            self.busy_minutes >= BUSY_MINUTES && self.quiet_minutes >= ADVISE_AGAIN_AFTER_MINUTES;
        if advise {
            self.quiet_minutes = 0;
        }
        advise
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        ADVISE_AGAIN_AFTER_MINUTES, BUSY_MINUTES, Contention, Delay, MINUTE, SAY_AGAIN_AFTER,
        Totals,
    };
    use crate::scoreboard::{WriteLockFigures, WriteLockUser};

    const WARN_AFTER: Duration = Duration::from_secs(1);

    fn at(slot: u16, waiting_ms: u64, holding_ms: u64) -> WriteLockUser {
        WriteLockUser {
            slot,
            pid: 100 + u32::from(slot),
            waiting: Duration::from_millis(waiting_ms),
            holding: Duration::from_millis(holding_ms),
        }
    }

    #[test]
    fn a_long_wait_is_logged_with_the_holder_and_again_only_after_a_while() {
        let mut watch = Contention::new(WARN_AFTER);
        let seen = [at(0, 0, 1500), at(1, 1200, 0), at(2, 1100, 0)];
        let delay = Delay::Waiting { waiter: seen[1], holder: Some(seen[0]) };
        assert_eq!(watch.look(Duration::from_secs(5), &seen), Some(delay));
        assert_eq!(watch.look(Duration::from_secs(6), &seen), None);
        assert_eq!(watch.look(Duration::from_secs(5) + SAY_AGAIN_AFTER, &seen), Some(delay));
    }

    #[test]
    fn the_next_long_wait_is_said_at_once_when_the_one_before_is_over() {
        let mut watch = Contention::new(WARN_AFTER);
        assert!(watch.look(Duration::ZERO, &[at(1, 1000, 0)]).is_some());
        assert_eq!(watch.look(Duration::from_millis(100), &[at(1, 0, 3)]), None);
        assert!(watch.look(Duration::from_millis(200), &[at(1, 1000, 0)]).is_some());
    }

    #[test]
    fn a_long_hold_is_logged_without_a_waiter_and_short_waits_never_are() {
        let mut watch = Contention::new(WARN_AFTER);
        assert_eq!(watch.look(Duration::ZERO, &[at(1, 999, 0), at(2, 0, 999)]), None);
        assert_eq!(
            watch.look(Duration::ZERO, &[at(2, 0, 1000)]),
            Some(Delay::Holding(at(2, 0, 1000)))
        );
        assert_eq!(watch.look(Duration::ZERO, &[at(2, 0, 1000)]), None);
        assert_eq!(
            watch.look(Duration::ZERO, &[at(1, 1000, 0)]),
            Some(Delay::Waiting { waiter: at(1, 1000, 0), holder: None })
        );
    }

    #[test]
    fn figures_are_those_of_the_minute_and_not_of_the_whole_time() {
        let mut watch = Contention::new(WARN_AFTER);
        let totals = |writes_given_up| Totals { writes_given_up, ..Totals::default() };
        assert_eq!(watch.minute(MINUTE / 2, || totals(9)), None);
        assert_eq!(
            watch.minute(MINUTE, || totals(3)).map(|figures| figures.writes_given_up),
            Some(3)
        );
        assert_eq!(
            watch.minute(MINUTE * 2, || totals(5)).map(|figures| figures.writes_given_up),
            Some(2)
        );
    }

    #[test]
    fn advice_comes_after_busy_minutes_in_a_row_and_at_most_once_an_hour() {
        let mut watch = Contention::new(WARN_AFTER);
        let busy = WriteLockFigures {
            waits: 1000,
            wait_p99_micros: 60_000,
            ..WriteLockFigures::default()
        };
        let advised: Vec<u32> =
            (1..=ADVISE_AGAIN_AFTER_MINUTES + 10).filter(|_| watch.needs_advice(&busy)).collect();
        assert_eq!(advised, [BUSY_MINUTES, BUSY_MINUTES + ADVISE_AGAIN_AFTER_MINUTES]);
        let mut watch = Contention::new(WARN_AFTER);
        let few = WriteLockFigures { waits: 59, ..busy };
        assert!((0..100).all(|minute| !watch.needs_advice(if minute % 2 == 0 {
            &busy
        } else {
            &few
        })));
    }
}
