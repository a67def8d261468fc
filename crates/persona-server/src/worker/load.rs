//! Compares the connections of a thread with those of other threads and workers.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::scoreboard::ProcessEntry;

/// The load of one serving thread.
#[derive(Clone)]
pub(super) struct Load {
    process_entry: ProcessEntry,
    /// Open connections of each thread of this worker.
    threads: Arc<[AtomicU64]>,
    own: usize,
}

/// Counts a connection until the value is dropped.
pub(super) struct Open(Load);

impl Load {
    /// Makes one load for each of this many threads of a worker.
    pub(super) fn of_threads(
        count: usize,
        process_entry: &ProcessEntry,
    ) -> impl Iterator<Item = Self> {
        let threads: Arc<[AtomicU64]> = (0..count).map(|_| AtomicU64::new(0)).collect();
        let process_entry = process_entry.clone();
        (0..count).map(move |own| Self {
            process_entry: process_entry.clone(),
            threads: Arc::clone(&threads),
            own,
        })
    }

    /// Counts a connection from now on.
    pub(super) fn open(&self) -> Open {
        self.process_entry.connection_opened();
        self.threads[self.own].fetch_add(1, Relaxed);
        Open(self.clone())
    }

    /// Counts a connection that could not be accepted.
    pub(super) fn accept_failed(&self) {
        self.process_entry.accept_failed();
    }

    /// Whether another worker has a free place, if each worker has this many places.
    pub(super) fn others_have_room(&self, places: usize) -> bool {
        self.process_entry
            .scoreboard()
            .fewest_connections()
            .is_some_and(|fewest| fewest < places as u64)
    }

    /// Whether another thread, or the threads of another worker together, have fewer connections.
    pub(super) fn is_above_others(&self) -> bool {
        let fewest_of_workers = self.process_entry.scoreboard().fewest_connections();
        let fewest_of_threads = self.threads.iter().map(|open| open.load(Relaxed)).min();
        fewest_of_workers.is_some_and(|fewest| self.process_entry.connections() > fewest)
            || fewest_of_threads.is_some_and(|fewest| self.threads[self.own].load(Relaxed) > fewest)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.process_entry.connection_closed();
        self.0.threads[self.0.own].fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;

    use super::Load;
    use crate::scoreboard::{ProcessState, Scoreboard};

    #[test]
    fn a_thread_lets_others_go_ahead_while_it_or_its_worker_has_more() {
        let scoreboard = Scoreboard::create().expect("a scoreboard");
        let workers: Vec<Vec<Load>> = (1..=2)
            .map(|slot| {
                let process_entry = scoreboard.entry(slot, 1);
                process_entry.prepare(Timestamp::from_micros(1));
                process_entry.set_state(ProcessState::Serving);
                Load::of_threads(2, &process_entry).collect()
            })
            .collect();
        let above = || {
            workers
                .iter()
                .map(|threads| threads.iter().map(Load::is_above_others).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        assert_eq!(above(), [[false, false], [false, false]]);
        let first = workers[0][0].open();
        assert_eq!(above(), [[true, true], [false, false]]);
        let second = workers[1][1].open();
        assert_eq!(above(), [[true, false], [false, true]]);
        drop((first, second));
        assert_eq!(above(), [[false, false], [false, false]]);
    }
}
