//! Which lists and exports are under way: each holds a snapshot, and the oldest one keeps the log from being cut.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::Observer;

/// The reads that are under way in one process.
pub(super) struct Readings {
    observer: Arc<dyn Observer>,
    /// When each began, the oldest first.
    began: Mutex<Vec<Instant>>,
}

/// One read that is under way, until this is dropped.
pub(super) struct Reading {
    all: Arc<Readings>,
    began: Instant,
}

impl Readings {
    pub(super) fn new(observer: Arc<dyn Observer>) -> Arc<Self> {
        Arc::new(Self { observer, began: Mutex::default() })
    }

    /// Notes a read that begins now.
    pub(super) fn begin(self: &Arc<Self>) -> Reading {
        let began = self.change(|all| {
            let now = Instant::now();
            all.push(now);
            now
        });
        Reading { all: Arc::clone(self), began }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Instant>) -> T) -> T {
        let mut all = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut all);
        // Told while the list is locked, so that what is told last is what holds.
        self.observer.oldest_read(all.first().copied());
        result
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.all.change(|all| {
            if let Some(at) = all.iter().position(|began| *began == self.began) {
                all.remove(at);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use super::Readings;
    use crate::Observer;

    #[derive(Default)]
    struct Seen(Mutex<Option<Instant>>);

    impl Observer for Seen {
        fn oldest_read(&self, began: Option<Instant>) {
            *self.0.lock().expect("no panic") = began;
        }
    }

    #[test]
    fn the_oldest_of_the_running_reads_is_told_in_whatever_order_they_end() {
        let seen = Arc::new(Seen::default());
        let oldest = || *seen.0.lock().expect("no panic");
        let readings = Readings::new(seen.clone());
        let (first, second) = (readings.begin(), readings.begin());
        assert_eq!(oldest(), Some(first.began));
        drop(first);
        assert_eq!(oldest(), Some(second.began));
        drop(second);
        assert_eq!(oldest(), None);
    }
}
