//! Paces and ends the load of a test: threads that repeat an action until they are told to stop.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A signal to stop, for all threads that have a clone of it.
#[derive(Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Tells the threads to stop. A thread that pauses wakes up at once.
    pub fn now(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether the signal to stop was given.
    pub fn is_now(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pauses for this long, or until the signal; returns whether it was given.
    pub fn comes_within(&self, pause: Duration) -> bool {
        let state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(state, pause, |is_now| !*is_now);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::Stop;
    use std::time::Duration;

    #[test]
    fn a_pause_ends_when_it_is_over_or_when_the_load_is_to_stop() {
        let stop = Stop::default();
        assert!(!stop.is_now() && !stop.comes_within(Duration::from_millis(1)));
        let load = std::thread::spawn({
            let stop = stop.clone();
            move || stop.comes_within(Duration::MAX)
        });
        stop.now();
        assert!(load.join().expect("no panic"), "told in its pause, or before it");
        assert!(stop.is_now());
    }
}
