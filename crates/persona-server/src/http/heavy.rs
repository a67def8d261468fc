//! Heavy requests: bodies that take too long for a serving thread, and whose turn it is.
//!
//! A body of some megabytes takes a second to read, check and fold, and many times its size in memory. So it is worked on
//! elsewhere, by few requests at a time, and clients take turns. The turn is held by the work and not only by the request:
//! a client that goes away does not make room for another one before its work has ended.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::problem::{Code, Problem};

/// A larger body is heavy: it takes more than about a millisecond.
pub(super) const LIGHT_BODY_BYTES_MAX: usize = 64 * 1024;
/// Heavy requests that are worked on at a time in one process. The largest take a hundred times their body in memory for a
/// moment, and a processor each; more would only make each take longer.
const TURNS: usize = 2;

/// The turns of one process.
#[derive(Clone, Debug, Default)]
pub struct HeavyTurns(Arc<Mutex<State>>);

/// A turn, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<Mutex<State>>);

type Client = Option<IpAddr>;

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// The requests that wait, by client; no client without one.
    waiting: HashMap<Client, VecDeque<oneshot::Sender<Turn>>>,
    /// Whose turn is next, the same clients as in `waiting`.
    order: VecDeque<Client>,
}

impl HeavyTurns {
    /// Waits for a turn.
    pub(super) async fn take(&self, client: Client, deadline: Instant) -> Result<Turn, Problem> {
        let waiting = {
            let mut state = locked(&self.0);
            if state.taken < TURNS {
                state.taken += 1;
                return Ok(Turn(Arc::clone(&self.0)));
            }
            let (turn, waiting) = oneshot::channel();
            state.wait(client, turn);
            waiting
        };
        match tokio::time::timeout_at(deadline.into(), waiting).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Problem::new(Code::Busy, "other large requests took all the time there was; nothing was changed").retry()),
        }
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

    /// The next one that waits; every client once in a round. Requests that went away take no turn of their client.
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
            // Where the request went away just now, its turn comes back and is dropped, and so goes on to the next one.
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
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use super::{HeavyTurns, TURNS, locked};

    fn soon() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[tokio::test]
    async fn clients_take_turns_and_nobody_gets_more_than_there_are() {
        let (turns, client) = (HeavyTurns::default(), |number: u8| Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number))));
        let mut held = Vec::new();
        for _ in 0..TURNS {
            held.push(turns.take(client(1), soon()).await.expect("free"));
        }
        turns.take(client(1), Instant::now()).await.expect_err("none is free");
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for (expected, number) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
            let (its, order) = (turns.clone(), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let turn = its.take(client(number), soon()).await.expect("its turn");
                order.lock().expect("no panic").push(number);
                drop(turn);
            }));
            while locked(&turns.0).waiting.values().map(|own| own.iter().filter(|one| !one.is_closed()).count()).sum::<usize>() < expected {
                tokio::task::yield_now().await;
            }
        }
        // One that went away is passed over.
        waiting[1].abort();
        drop(held.pop());
        for (index, one) in waiting.into_iter().enumerate() {
            assert_eq!(one.await.is_err(), index == 1);
        }
        assert_eq!(*order.lock().expect("no panic"), [1, 2, 1]);
        drop(held);
        assert_eq!(locked(&turns.0).taken, 0);
        assert!(locked(&turns.0).order.is_empty() && locked(&turns.0).waiting.is_empty());
    }
}
