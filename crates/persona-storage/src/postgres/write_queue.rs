//! The queue of light writes: writes that wait for a transaction, in order of arrival.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, oneshot};

use super::writer::{AWAY_MAX, Held, Settled, Shared};
use crate::observer::Waiting;
use crate::{Error, Write};

/// Most writes that are taken at once, for one transaction: more hardly make a write cheaper, and
/// each of them waits for all others. Below the 1,024 places that a transaction has in the feed.
const WRITES_MAX: usize = 64;
/// Bytes that such writes bring, as far as that is known, after which no further one is taken: they
/// are worked on by the thread that all connections live on.
const BYTES_MAX: usize = 256 * 1024;

/// A write in the queue.
pub(super) struct Queued {
    pub write: Arc<Write>,
    pub began: Instant,
    /// Counts the write as waiting.
    pub waiting: Option<Waiting>,
    /// The turn of the write at its persona, and its place among the writes of the process.
    held: Held,
    settled: oneshot::Sender<Result<Settled, Error>>,
}

/// Writes in order of arrival, each with its number.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(u64, Queued)>,
    last: u64,
}

/// How long the first write waits for a connection.
pub(super) struct First {
    number: u64,
    /// The deadline of this write alone.
    pub deadline: Instant,
    /// When the write stops waiting for a database that cannot be reached.
    pub patience: Instant,
}

/// A write's place in the queue, which it leaves when this is dropped.
pub(super) struct Ticket<'a> {
    queue: &'a Queue,
    number: u64,
}

impl Queue {
    /// Adds a write at the end. The receiver gets the result.
    pub(super) fn join(
        &self,
        write: &Arc<Write>,
        began: Instant,
        waiting: Waiting,
        held: Held,
    ) -> (Ticket<'_>, oneshot::Receiver<Result<Settled, Error>>) {
        let (settled, receiver) = oneshot::channel();
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        let (write, waiting) = (Arc::clone(write), Some(waiting));
        state.waiting.push_back((number, Queued { write, began, waiting, held, settled }));
        drop(state);
        self.filled.notify_one();
        (Ticket { queue: self, number }, receiver)
    }

    /// Waits until a write is in the queue; returns the facts of the first.
    pub(super) async fn first(&self) -> First {
        loop {
            let first = self.state().waiting.front().map(|(number, first)| First {
                number: *number,
                deadline: first.write.deadline,
                patience: first.began + AWAY_MAX,
            });
            if let Some(first) = first {
                return first;
            }
            self.filled.notified().await;
        }
    }

    /// Takes the first write, if it is still this one.
    pub(super) fn take_first(&self, first: &First) -> Option<Queued> {
        let mut state = self.state();
        let is_first = state.waiting.front().is_some_and(|(number, _)| *number == first.number);
        is_first.then(|| state.waiting.pop_front()).flatten().map(|(_, queued)| queued)
    }

    /// Takes the writes of one transaction: at least one, if any waits.
    pub(super) fn take(&self) -> Vec<Queued> {
        let mut state = self.state();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < WRITES_MAX && bytes < BYTES_MAX {
            let Some((_, next)) = state.waiting.pop_front() else { break };
            bytes += next.write.bytes.max(next.write.operation.document_bytes());
            taken.push(next);
        }
        if !state.waiting.is_empty() {
            self.filled.notify_one();
        }
        taken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock can be used: no code panics while the state is inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket<'_> {
    /// Leaves the queue; false where the write was taken from it before.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.queue.state();
        let place = state.waiting.iter().position(|(number, _)| *number == self.number);
        // The turn and place of the write are dropped after the lock is released.
        let left = place.and_then(|place| state.waiting.remove(place));
        drop(state);
        left.is_some()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Queued {
    /// Releases the turn and place of the write, and sends the result.
    pub(super) fn end(self, shared: &Shared, settled: Result<Settled, Error>) {
        shared.learn_from(&settled);
        drop(self.held);
        // The client of the write may have gone.
        let _ = self.settled.send(settled);
    }
}
