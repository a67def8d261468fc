//! Finds processes that live but do nothing: stopped, stuck, or starved.
//!
//! A process counts up a cell of the scoreboard about once a second, and the supervisor compares
//! the cell with its last value. So the processes need no common clock. The first heartbeat comes
//! just before a process says that it is ready. Until then the process may wait for the file as
//! long as its start may take (`child_state.rs`).

use std::collections::HashMap;
use std::time::Duration;

use super::events::ChildKey;

/// How long a heartbeat may be missing: ten times its pace, because on a busy machine a process can
/// be late without hanging.
const STILL_MAX: Duration = Duration::from_secs(10);

/// How long a heartbeat may be missing if the system reports the process as stopped by a signal.
/// Shorter, because such a process is not just busy and may hold the write lock; long enough for a
/// person to continue a process that was stopped by mistake.
const STOPPED_MAX: Duration = Duration::from_secs(3);

/// If more time than this passes between two rounds, the supervisor itself did not run, and so
/// probably did no other process: the machine slept, or was paused.
const ROUND_LATE: Duration = Duration::from_secs(2);

/// The last heartbeat of each process.
#[derive(Default, Debug)]
pub(super) struct Watch {
    seen: HashMap<ChildKey, (u64, Duration)>,
    last_round: Duration,
}

impl Watch {
    /// Compares the heartbeats of all living processes; returns the processes without a heartbeat
    /// for too long.
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
                // The time starts again, so that the process is not reported in every round.
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
