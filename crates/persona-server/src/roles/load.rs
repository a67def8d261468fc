//! How many connections a thread has, beside the other threads and the other workers.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared_page::Seat;

/// The load of one serving thread.
#[derive(Clone)]
pub(super) struct Load {
    seat: Seat,
    /// Open connections of each thread of this worker.
    threads: Arc<[AtomicU64]>,
    own: usize,
}

/// Counts a connection as long as it lives, however it ends.
pub(super) struct Open(Load);

impl Load {
    /// One for each of this many threads of a worker.
    pub(super) fn of_threads(count: usize, seat: &Seat) -> impl Iterator<Item = Self> {
        let threads: Arc<[AtomicU64]> = (0..count).map(|_| AtomicU64::new(0)).collect();
        let seat = seat.clone();
        (0..count).map(move |own| Self { seat: seat.clone(), threads: Arc::clone(&threads), own })
    }

    /// Counts a connection from now on.
    pub(super) fn open(&self) -> Open {
        self.seat.connection_opened();
        self.threads[self.own].fetch_add(1, Relaxed);
        Open(self.clone())
    }

    /// Counts a connection that could not be accepted.
    pub(super) fn accept_failed(&self) {
        self.seat.accept_failed();
    }

    /// Whether a worker has fewer connections than places, if each has so many.
    pub(super) fn others_have_room(&self, places: usize) -> bool {
        self.seat.page().fewest_connections().is_some_and(|fewest| fewest < places as u64)
    }

    /// Whether another thread, or the threads of another worker together, have fewer connections.
    pub(super) fn is_above_others(&self) -> bool {
        let fewest_of_workers = self.seat.page().fewest_connections();
        let fewest_of_threads = self.threads.iter().map(|it| it.load(Relaxed)).min();
        fewest_of_workers.is_some_and(|fewest| self.seat.connections() > fewest)
            || fewest_of_threads.is_some_and(|fewest| self.threads[self.own].load(Relaxed) > fewest)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.seat.connection_closed();
        self.0.threads[self.0.own].fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;

    use super::Load;
    use crate::shared_page::{Condition, SharedPage};

    #[test]
    fn a_thread_lets_others_go_ahead_while_it_or_its_worker_has_more() {
        let page = SharedPage::create().expect("a page");
        let workers: Vec<Vec<Load>> = (1..=2)
            .map(|slot| {
                let seat = page.seat(slot, 1);
                seat.prepare(Timestamp::from_micros(1));
                seat.set_condition(Condition::Serving);
                Load::of_threads(2, &seat).collect()
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
