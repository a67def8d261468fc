//! Turns for work of which only a limited amount may be done at once; clients take turns.
//!
//! The work holds the turn and not only its request, so that a client that leaves frees no turn
//! before the work has ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::Party;

/// Most requests that wait for a turn, as many as writes in a queue.
const WAITING_MAX: usize = 1024;

/// The turns for one kind of work in one process.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Mutex<State>>);

/// A turn, until this is dropped.
#[derive(Debug)]
pub struct Turn(Arc<Mutex<State>>);

type Client = Option<Party>;

#[derive(Debug)]
struct State {
    at_once: usize,
    taken: usize,
    /// The waiting requests by client; no client has an empty queue.
    waiting: HashMap<Client, VecDeque<oneshot::Sender<Turn>>>,
    /// The client of the next turn, the same clients as in `waiting`.
    order: VecDeque<Client>,
}

impl Turns {
    /// Makes turns of which `at_once` can be held at the same time; at least 1.
    pub fn new(at_once: usize) -> Self {
        let at_once = at_once.max(1);
        Self(Arc::new(Mutex::new(State {
            at_once,
            taken: 0,
            waiting: HashMap::new(),
            order: VecDeque::new(),
        })))
    }

    /// Waits for a turn; `None` if none came before the deadline, or if 1,024 requests wait and
    /// none of another client can make room.
    pub async fn take(&self, client: Option<Party>, deadline: Instant) -> Option<Turn> {
        let waiting = {
            let mut state = locked(&self.0);
            if state.taken < state.at_once {
                state.taken += 1;
                return Some(Turn(Arc::clone(&self.0)));
            }
            if !state.make_room(client) {
                return None;
            }
            let (turn, waiting) = oneshot::channel();
            state.wait(client, turn);
            waiting
        };
        tokio::time::timeout_at(deadline.into(), waiting).await.ok()?.ok()
    }

    /// How many requests wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        locked(&self.0)
            .waiting
            .values()
            .map(|own| own.iter().filter(|one| !one.is_closed()).count())
            .sum()
    }

    /// How many turns are held.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        locked(&self.0).taken
    }
}

impl State {
    fn wait(&mut self, client: Client, turn: oneshot::Sender<Turn>) {
        self.waiting.entry(client).or_insert_with(|| {
            self.order.push_back(client);
            VecDeque::new()
        });
        if let Some(own) = self.waiting.get_mut(&client) {
            own.push_back(turn);
        }
    }

    /// Makes room for one more request of a client. At most one other request is removed: the
    /// newest of the client that has most, if that is more than this client would have.
    fn make_room(&mut self, client: Client) -> bool {
        if self.waiting.values().map(VecDeque::len).sum::<usize>() < WAITING_MAX {
            return true;
        }
        self.waiting.values_mut().for_each(|own| own.retain(|waiting| !waiting.is_closed()));
        if self.waiting.values().map(VecDeque::len).sum::<usize>() < WAITING_MAX {
            return true;
        }
        let own = self.waiting.get(&client).map_or(0, VecDeque::len) + 1;
        let most = self.waiting.values_mut().max_by_key(|other| other.len());
        // A client that is left without a request is passed over by `next`.
        most.filter(|other| other.len() > own).and_then(VecDeque::pop_back).is_some()
    }

    /// The next one that waits; every client once in a round. Dropped requests take no turn.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        loop {
            let client = self.order.pop_front()?;
            let Some(own) = self.waiting.get_mut(&client) else { continue };
            own.retain(|waiting| !waiting.is_closed());
            let next = own.pop_front();
            if own.is_empty() {
                self.waiting.remove(&client);
            } else {
                self.order.push_back(client);
            }
            if next.is_some() {
                return next;
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut state = locked(&self.0);
            let next = state.next();
            if next.is_none() {
                state.taken -= 1;
            }
            next
        };
        if let Some(next) = next {
            // If the request was dropped just now, its turn is returned and dropped, which gives it
            // to the next request.
            drop(next.send(Turn(Arc::clone(&self.0))));
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing that is done while it is locked leaves it half done.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use super::{Party, Turns, WAITING_MAX, locked};

    fn soon() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[expect(clippy::unnecessary_wraps, reason = "as turns are taken")]
    fn client(number: u8) -> Option<Party> {
        Some(Party::Address([192, 0, 2, number].into()))
    }

    #[tokio::test]
    async fn clients_take_turns_and_none_gets_more_than_there_are() {
        let turns = Turns::new(2);
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(turns.take(client(1), soon()).await.expect("free"));
        }
        assert!(turns.take(client(1), Instant::now()).await.is_none(), "none is free");
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for (expected, number) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
            let (its, order) = (turns.clone(), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let turn = its.take(client(number), soon()).await.expect("its turn");
                order.lock().expect("no panic").push(number);
                drop(turn);
            }));
            while turns.waiting() < expected {
                tokio::task::yield_now().await;
            }
        }
        // A request that was dropped is skipped.
        waiting[1].abort();
        drop(held.pop());
        for (index, one) in waiting.into_iter().enumerate() {
            assert_eq!(one.await.is_err(), index == 1);
        }
        assert_eq!(*order.lock().expect("no panic"), [1, 2, 1]);
        drop(held);
        assert_eq!(turns.taken(), 0);
        assert!(locked(&turns.0).order.is_empty() && locked(&turns.0).waiting.is_empty());
    }

    #[tokio::test]
    async fn the_client_with_most_requests_makes_room_for_another() {
        let turns = Turns::new(1);
        let held = turns.take(client(1), soon()).await.expect("free");
        let wait = |number: u8| {
            let its = turns.clone();
            tokio::spawn(async move { its.take(client(number), soon()).await.is_some() })
        };
        let many: Vec<_> = (0..WAITING_MAX).map(|_| wait(1)).collect();
        while turns.waiting() < WAITING_MAX {
            tokio::task::yield_now().await;
        }
        assert!(turns.take(client(1), soon()).await.is_none(), "it has most itself");
        let other = wait(2);
        while locked(&turns.0).order.len() < 2 {
            tokio::task::yield_now().await;
        }
        drop(held);
        assert!(other.await.expect("no panic"));
        let mut served = 0;
        for one in many {
            served += usize::from(one.await.expect("no panic"));
        }
        assert_eq!(served, WAITING_MAX - 1);
    }
}
