//! Finds processes that live but do nothing: stopped, stuck, or starved.
//!
//! A process counts up a cell of the scoreboard about once a second, and the supervisor compares
//! the cell with its last value. So processes share no clock. The first heartbeat comes just before
//! a process says that it is ready. Until then the process may wait for the file as long as its
//! start may take (`child_state.rs`).

use std::collections::HashMap;
use std::time::Duration;

use super::events::ChildKey;

/// How long a heartbeat may stand still: ten times its pace, because a process on a busy machine is
/// late and does not hang.
const STILL_MAX: Duration = Duration::from_secs(10);

/// How long a heartbeat may stand still of a process that the system says is stopped: that one is
/// not busy, and it may hold the write lock. Longer than a person needs to stop and continue one by
/// mistake is not needed.
const STOPPED_MAX: Duration = Duration::from_secs(3);

/// A round that comes later than this after the round before shows that the supervisor itself stood
/// still, and so probably did all processes: the machine slept, or was stopped as a whole.
const ROUND_LATE: Duration = Duration::from_secs(2);

/// What was seen of each process.
#[derive(Default, Debug)]
pub(super) struct Watch {
    seen: HashMap<ChildKey, (u64, Duration)>,
    last_round: Duration,
}

impl Watch {
    /// Takes in the heartbeats of all living processes and tells which have stood still for too
    /// long.
    pub(super) fn observe(
        &mut self,
        now: Duration,
        beats: &[(ChildKey, u64)],
        is_stopped: impl Fn(ChildKey) -> bool,
    ) -> Vec<ChildKey> {
        let stood_still = now.saturating_sub(self.last_round) > ROUND_LATE;
        self.last_round = now;
        self.seen.retain(|key, _| beats.iter().any(|(living, _)| living == key));
        let mut stalled = Vec::new();
        for (key, beat) in beats {
            let (seen, since) = self.seen.entry(*key).or_insert((*beat, now));
            if *seen != *beat || stood_still {
                (*seen, *since) = (*beat, now);
                continue;
            }
            let still = now.saturating_sub(*since);
            if *beat > 0 && (still >= STILL_MAX || still >= STOPPED_MAX && is_stopped(*key)) {
                // The same process is reported again only after as long a time, and not in every
                // round.
                *since = now;
                stalled.push(*key);
            }
        }
        stalled
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::events::{ChildKey, Role};
    use super::Watch;

    fn running(_: ChildKey) -> bool {
        false
    }

    const ONE: ChildKey = ChildKey { role: Role::Worker, slot: 1, generation: 1 };
    const TWO: ChildKey = ChildKey { role: Role::Worker, slot: 2, generation: 1 };

    #[test]
    fn a_process_that_stands_still_for_ten_seconds_is_found_and_the_others_are_not() {
        let mut watch = Watch::default();
        for second in 0..10 {
            assert_eq!(
                watch.observe(Duration::from_secs(second), &[(ONE, 5), (TWO, second)], running),
                []
            );
        }
        assert_eq!(watch.observe(Duration::from_secs(10), &[(ONE, 5), (TWO, 10)], running), [ONE]);
        assert_eq!(watch.observe(Duration::from_secs(11), &[(ONE, 5), (TWO, 11)], running), []);
    }

    #[test]
    fn a_process_that_is_stopped_is_found_sooner() {
        let mut watch = Watch::default();
        for second in 0..3 {
            assert_eq!(
                watch.observe(Duration::from_secs(second), &[(ONE, 5), (TWO, 5)], |key| key == TWO),
                []
            );
        }
        assert_eq!(
            watch.observe(Duration::from_secs(3), &[(ONE, 5), (TWO, 5)], |key| key == TWO),
            [TWO]
        );
    }

    #[test]
    fn a_process_that_has_not_started_yet_is_not_expected_to_beat() {
        let mut watch = Watch::default();
        for second in 0..60 {
            assert_eq!(watch.observe(Duration::from_secs(second), &[(ONE, 0)], running), []);
        }
    }

    #[test]
    fn after_the_supervisor_stood_still_itself_all_processes_get_new_time() {
        let mut watch = Watch::default();
        for second in [0, 1, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29] {
            assert_eq!(watch.observe(Duration::from_secs(second), &[(ONE, 5)], running), []);
        }
        assert_eq!(watch.observe(Duration::from_secs(30), &[(ONE, 5)], running), [ONE]);
    }
}
