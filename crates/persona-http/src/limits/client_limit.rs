//! Turns of one kind, which are shared among clients: the next turn goes to the client that has the
//! fewest.
//!
//! So a single client may have all turns; as soon as a second one waits, the first gets no more
//! until both have the same number. The store bounds the same work again, without knowledge of
//! clients.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use persona_storage::Error;
use tokio::sync::oneshot;
use tokio::time::timeout;

use persona_storage::Party;

/// Requests that wait for a turn at most; half of them of one client.
const WAITING_MAX: usize = 64;
/// How long a request waits for a turn.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A client, or the program itself.
type Client = Option<Party>;

/// The turns of one kind in this process.
pub struct ClientLimit {
    what: &'static str,
    turns: usize,
    wait_max: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: HashMap<Client, usize>,
    total: usize,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    client: Client,
    turn: oneshot::Sender<Turn>,
}

/// A turn, which ends when the value is dropped.
pub struct Turn {
    limit: Arc<ClientLimit>,
    client: Client,
}

impl ClientLimit {
    /// A limit of this many turns. `what` names a turn in the message of a client that gets none:
    /// the message puts it behind "the wait for".
    pub fn new(what: &'static str, turns: usize) -> Arc<Self> {
        Arc::new(Self { what, turns, wait_max: WAIT_MAX, state: Mutex::default() })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when too many requests wait, or this one got no turn within `WAIT_MAX`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives up the place in the queue.
    pub async fn turn(self: &Arc<Self>, client: Option<Party>) -> Result<Turn, Error> {
        let granted = {
            let mut state = self.state();
            state.waiting.retain(|waiting| !waiting.turn.is_closed());
            let of_client = state.waiting.iter().filter(|waiting| waiting.client == client).count();
            if state.waiting.len() >= WAITING_MAX || of_client >= WAITING_MAX / 2 {
                return Err(self.busy());
            }
            let (turn, granted) = oneshot::channel();
            state.waiting.push_back(Waiting { client, turn });
            granted
        };
        self.grant();
        timeout(self.wait_max, granted).await.ok().and_then(Result::ok).ok_or_else(|| self.busy())
    }

    /// Takes a turn that is free now. A client has at most half of all turns.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when all are taken, or half of them by this client.
    pub fn try_turn(self: &Arc<Self>, client: Option<Party>) -> Result<Turn, Error> {
        self.try_turn_of(client, (self.turns / 2).max(1))
    }

    /// Takes a turn that is free now. A client has at most `of_client` turns.
    pub fn try_turn_of(
        self: &Arc<Self>,
        client: Option<Party>,
        of_client: usize,
    ) -> Result<Turn, Error> {
        let mut state = self.state();
        let of_client = if client.is_some() { of_client } else { self.turns };
        if state.total >= self.turns || state.held_by(client) >= of_client {
            return Err(self.busy());
        }
        state.take(client);
        drop(state);
        Ok(Turn { limit: Arc::clone(self), client })
    }

    fn busy(&self) -> Error {
        Error::Busy { what: self.what }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a free turn, if there is one, to the client that has the fewest; among equals to the
    /// one that came first.
    fn grant(self: &Arc<Self>) {
        let waiting = {
            let mut state = self.state();
            if state.total >= self.turns {
                return;
            }
            let Some((at, _)) = state
                .waiting
                .iter()
                .enumerate()
                .min_by_key(|(at, request)| (state.held_by(request.client), *at))
            else {
                return;
            };
            let Some(waiting) = state.waiting.remove(at) else { return };
            state.take(waiting.client);
            waiting
        };
        // If the request has ended meanwhile, the turn is dropped, and dropping it grants the turn
        // to the next request.
        let _ = waiting.turn.send(Turn { limit: Arc::clone(self), client: waiting.client });
    }
}

impl State {
    fn held_by(&self, client: Client) -> usize {
        self.held.get(&client).copied().unwrap_or_default()
    }

    fn take(&mut self, client: Client) {
        *self.held.entry(client).or_default() += 1;
        self.total += 1;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.limit.state();
        state.total -= 1;
        if let Some(held) = state.held.get_mut(&self.client) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(&self.client);
            }
        }
        drop(state);
        self.limit.grant();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use persona_storage::Error;
    use tokio::task::JoinHandle;

    use super::{ClientLimit, Turn, WAITING_MAX};
    use persona_storage::Party;

    fn client(number: u8) -> Party {
        Party::Address([192, 0, 2, number].into())
    }

    /// A request of a client, which waits if it has to.
    async fn ask(limit: &Arc<ClientLimit>, number: u8) -> JoinHandle<Result<Turn, Error>> {
        let limit = Arc::clone(limit);
        let asked = tokio::spawn(async move { limit.turn(Some(client(number))).await });
        // On a runtime of one thread, yielding lets the other task run until it waits.
        tokio::task::yield_now().await;
        asked
    }

    async fn turn(asked: JoinHandle<Result<Turn, Error>>) -> Turn {
        asked.await.expect("no panic").expect("its turn")
    }

    #[tokio::test]
    async fn a_client_alone_has_all_turns_and_one_that_comes_later_the_next_ones() {
        let limit = ClientLimit::new("a list", 4);
        let mut of_first = Vec::new();
        for _ in 0..4 {
            of_first.push(turn(ask(&limit, 1).await).await);
        }
        let first_waits = [ask(&limit, 1).await, ask(&limit, 1).await];
        let second_waits = [ask(&limit, 2).await, ask(&limit, 2).await];
        drop(of_first.pop());
        drop(of_first.pop());
        let [one, other] = second_waits;
        let of_second = [turn(one).await, turn(other).await];
        assert!(
            first_waits.iter().all(|wait| !wait.is_finished()),
            "the first client has half of them already"
        );
        drop(of_second);
        for waits in first_waits {
            turn(waits).await;
        }
    }

    #[tokio::test]
    async fn a_request_that_goes_leaves_its_place_and_its_turn_to_others() {
        let limit = ClientLimit::new("a list", 1);
        let held = turn(ask(&limit, 1).await).await;
        let gone = ask(&limit, 2).await;
        let next = ask(&limit, 3).await;
        gone.abort();
        assert!(gone.await.is_err());
        drop(held);
        drop(turn(next).await);
        drop(turn(ask(&limit, 1).await).await);
        let state = limit.state();
        assert_eq!((state.total, state.held.len(), state.waiting.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn one_client_fills_half_of_the_queue_and_waits_only_so_long() {
        let state = Mutex::default();
        let limit = Arc::new(ClientLimit {
            what: "a list",
            turns: 1,
            wait_max: Duration::from_millis(200),
            state,
        });
        let _held = turn(ask(&limit, 9).await).await;
        let mut waiting = Vec::new();
        for _ in 0..WAITING_MAX / 2 {
            waiting.push(ask(&limit, 1).await);
        }
        assert!(matches!(ask(&limit, 1).await.await, Ok(Err(Error::Busy { .. }))));
        let other = ask(&limit, 2).await;
        assert!(!other.is_finished());
        for waits in waiting {
            assert!(matches!(waits.await, Ok(Err(Error::Busy { what: "a list" }))));
        }
    }

    #[test]
    fn at_once_a_client_has_at_most_half() {
        let limit = ClientLimit::new("an export", 4);
        let of_first = [
            limit.try_turn(Some(client(1))).expect("one"),
            limit.try_turn(Some(client(1))).expect("half"),
        ];
        assert!(limit.try_turn(Some(client(1))).is_err());
        let _of_second = [
            limit.try_turn(Some(client(2))).expect("one"),
            limit.try_turn(Some(client(2))).expect("half"),
        ];
        assert!(limit.try_turn(Some(client(3))).is_err(), "all are taken");
        drop(of_first);
        limit.try_turn(Some(client(3))).expect("free again");
        let alone = ClientLimit::new("an export", 1);
        alone.try_turn(Some(client(1))).expect("there is one");
        let own = [limit.try_turn(None), limit.try_turn(None)];
        assert!(own.iter().all(Result::is_ok), "the program itself has all that are free");
    }
}
