//! Waits for an event by looking again and again, with a bound.
//!
//! The pauses are in this file, so that no test needs one. A test that pauses for a fixed time
//! instead is wrong on a busy machine, and slow on every other one.

use std::time::{Duration, Instant};

/// Pause between two looks: shorter than the start of a process, and long enough that a waiting
/// test takes hardly any processor time.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// Calls `look` until it returns something, and fails the test when the time is over.
#[track_caller]
pub fn wait_for<T>(what: &str, time_max: Duration, look: impl FnMut() -> Option<T>) -> T {
    wait_at_most(time_max, look).unwrap_or_else(|| panic!("waited {time_max:?} in vain: {what}"))
}

/// Calls `look` until it returns something; `None` when the time is over. The last look comes after
/// the end of the time.
pub fn wait_at_most<T>(time_max: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time_max;
    loop {
        let is_last = Instant::now() >= deadline;
        let found = look();
        if found.is_some() || is_last {
            return found;
        }
        std::thread::sleep(LOOK_PAUSE);
    }
}

/// Waits until a condition holds. Other tasks of the runtime run meanwhile.
pub async fn wait_until(what: &str, time_max: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + time_max;
    loop {
        let is_last = Instant::now() >= deadline;
        if holds() {
            return;
        }
        assert!(!is_last, "waited {time_max:?} in vain: {what}");
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{wait_at_most, wait_for};
    use std::time::Duration;

    #[test]
    fn what_comes_later_is_found_and_what_does_not_come_is_an_end_and_no_hang() {
        let mut looks = 0;
        let found = wait_for("the third look", Duration::from_mins(1), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, 3);
        assert_eq!(wait_at_most(Duration::ZERO, || Some(1)), Some(1), "one look at least");
        assert_eq!(wait_at_most(Duration::from_millis(20), || None::<()>), None);
    }
}
