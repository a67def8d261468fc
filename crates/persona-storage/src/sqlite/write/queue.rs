//! The queue of writes of one process: bounded by count and by bytes, and fair to clients.
//!
//! Writes are **light** or **heavy**. A heavy one (more than [`LIGHT_BYTES_MAX`]) takes tens of
//! milliseconds behind the write lock, so it has a transaction of its own, and transactions of
//! light writes and of heavy ones take turns: a light write waits for at most one heavy one,
//! however many are queued. Over all processes `heavy_write_lock.rs` sees to the same.
//!
//! Within each kind clients take turns by bytes (deficit round robin; M. Shreedhar and G. Varghese,
//! "Efficient Fair Queuing Using Deficit Round Robin", 1995): a client that sends much waits for
//! itself. When the queue is full, the newest write of the client that holds most is refused, so
//! that one client cannot keep all others out.
//!
//! This file does not depend on SQLite. Start reading at [`Queue::push`] and [`Queue::next`].

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{GLANCE_BYTES_MAX, Party};

/// A write of more bytes is heavy. Ten times the largest ordinary persona.
pub(crate) const LIGHT_BYTES_MAX: usize = GLANCE_BYTES_MAX;
/// Most writes that wait in one process. At 10,000 writes a second this is a tenth of a second of
/// work.
pub(crate) const QUEUE_WRITES_MAX: usize = 1024;
/// Most bytes of all writes that wait in one process: eight of the largest bodies.
pub(crate) const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Smallest cost of a write in bytes: even the smallest one changes some pages.
const COST_MIN: usize = 4 * 1024;
/// The bytes that a client may send in one turn, by kind: some light writes, or a part of a heavy
/// one.
const LIGHT_TURN: usize = 16 * COST_MIN;
const HEAVY_TURN: usize = 1024 * 1024;

/// The client of a write; `None` for the command line.
pub(crate) type Client = Option<Party>;

/// The size of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    /// Bytes of memory that the write takes while it waits.
    pub bytes: usize,
    /// Bytes that the write must read or write behind the lock: a short patch of a large document
    /// costs the document.
    pub cost: usize,
}

impl Size {
    /// Whether it shares its transaction.
    pub(crate) fn weight(self) -> Weight {
        if self.cost > LIGHT_BYTES_MAX { Weight::Heavy } else { Weight::Light }
    }

    /// The bytes that count for fairness.
    fn share(self) -> usize {
        self.cost.max(COST_MIN)
    }
}

/// The weight of a write: whether it shares its transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Weight {
    /// The write shares a transaction with other light writes.
    Light,
    /// The write has its own transaction.
    Heavy,
}

/// Why an item was not taken, with the item: the pushed one, or one that made room for it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Refused<T> {
    /// The queue is full.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

/// The sending side of the queue.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

/// The receiving side, of which there is one. When it is dropped, the queue is closed and waiting
/// items are dropped.
pub(crate) struct Taker<T>(Arc<Queue<T>>);

struct State<T> {
    light: ClientQueues<T>,
    heavy: ClientQueues<T>,
    count: usize,
    bytes: usize,
    /// The weight of the previous transaction.
    last: Weight,
    closed: bool,
}

impl<T> Queue<T> {
    /// An empty queue and its taker.
    pub(crate) fn new() -> (Arc<Self>, Taker<T>) {
        let (light, heavy) = (ClientQueues::new(LIGHT_TURN), ClientQueues::new(HEAVY_TURN));
        let state = State { light, heavy, count: 0, bytes: 0, last: Weight::Heavy, closed: false };
        let queue = Arc::new(Self { state: Mutex::new(state), arrived: Condvar::new() });
        (Arc::clone(&queue), Taker(queue))
    }

    /// Adds an item.
    ///
    /// # Errors
    ///
    /// The queue is closed, or it is full: then the item that is handed back can be an older one,
    /// of the client that holds most of the queue.
    pub(crate) fn push(&self, client: Client, size: Size, item: T) -> Result<(), Refused<T>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed(item));
        }
        let older = match state.make_room(client, size) {
            Room::Free => Ok(()),
            Room::MadeBy(older) => Err(Refused::Full(older)),
            Room::None => return Err(Refused::Full(item)),
        };
        state.count += 1;
        state.bytes += size.bytes;
        state.queues(size.weight()).push(client, size, item);
        drop(state);
        self.arrived.notify_one();
        older
    }

    /// Takes no further item; the taker still gets those that wait.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that is done while it is locked leaves it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Taker<T> {
    /// Waits for the first item of the next transaction; `None` when the queue is closed and empty.
    ///
    /// If items of both kinds wait, the kinds alternate.
    pub(crate) fn next(&self) -> Option<(Weight, T)> {
        let queue = &self.0;
        let mut state = queue.lock();
        loop {
            let wanted = match (state.light.is_empty(), state.heavy.is_empty(), state.last) {
                (false, true, _) | (false, false, Weight::Heavy) => Weight::Light,
                (true, false, _) | (false, false, Weight::Light) => Weight::Heavy,
                (true, true, _) if state.closed => return None,
                (true, true, _) => {
                    state = queue.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            };
            state.last = wanted;
            if let Some(item) = state.pop(wanted) {
                return Some((wanted, item));
            }
        }
    }

    /// The next item that may share the transaction of a light one, if one waits.
    pub(crate) fn next_light(&self) -> Option<T> {
        self.0.lock().pop(Weight::Light)
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        let dropped = (state.light.clear(), state.heavy.clear());
        (state.count, state.bytes) = (0, 0);
        drop(state);
        // Items are dropped outside of the lock, because their destructors can do anything.
        drop(dropped);
    }
}

/// The result of making room for an item.
enum Room<T> {
    Free,
    /// There is room, because this item was removed.
    MadeBy(T),
    None,
}

impl<T> State<T> {
    fn queues(&mut self, weight: Weight) -> &mut ClientQueues<T> {
        match weight {
            Weight::Light => &mut self.light,
            Weight::Heavy => &mut self.heavy,
        }
    }

    fn pop(&mut self, weight: Weight) -> Option<T> {
        let (size, item) = self.queues(weight).pop()?;
        self.count -= 1;
        self.bytes -= size.bytes;
        Some(item)
    }

    /// Sees to room for one more item of a client. At most one other item goes for it, the newest
    /// of the client that holds most, and only where that is more than this client would hold then.
    fn make_room(&mut self, client: Client, size: Size) -> Room<T> {
        let fits = |count: usize, held: usize| {
            count < QUEUE_WRITES_MAX && (count == 0 || held + size.bytes <= QUEUE_BYTES_MAX)
        };
        if fits(self.count, self.bytes) {
            return Room::Free;
        }
        let own = self.cost_of(client) + size.share();
        let clients = self.heavy.order.iter().chain(&self.light.order);
        let most = clients.map(|other| (self.cost_of(*other), *other)).max();
        let Some((_, other)) = most.filter(|(cost, _)| *cost > own) else { return Room::None };
        let weight = if self.heavy.cost_of(other) > 0 { Weight::Heavy } else { Weight::Light };
        let freed = self.queues(weight).newest(other).map_or(0, |newest| newest.bytes);
        if !fits(self.count - 1, self.bytes - freed) {
            return Room::None;
        }
        let Some((freed, item)) = self.queues(weight).pop_newest(other) else { return Room::None };
        self.count -= 1;
        self.bytes -= freed.bytes;
        Room::MadeBy(item)
    }

    fn cost_of(&self, client: Client) -> usize {
        self.light.cost_of(client) + self.heavy.cost_of(client)
    }
}

/// Items of one kind, in a queue for each client.
struct ClientQueues<T> {
    /// The bytes that a client may send in one turn.
    turn: usize,
    of: HashMap<Client, ClientQueue<T>>,
    /// The order of the turns, the next client first; the same clients as in `of`.
    order: VecDeque<Client>,
}

/// What one client has in the queue; never empty.
struct ClientQueue<T> {
    items: VecDeque<(Size, T)>,
    /// The bytes that may still be sent in this turn.
    credit: usize,
    /// The cost of all items of the client.
    cost: usize,
}

impl<T> ClientQueues<T> {
    fn new(turn: usize) -> Self {
        Self { turn, of: HashMap::new(), order: VecDeque::new() }
    }

    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn cost_of(&self, client: Client) -> usize {
        self.of.get(&client).map_or(0, |queue| queue.cost)
    }

    fn push(&mut self, client: Client, size: Size, item: T) {
        let queue = self.of.entry(client).or_insert_with(|| {
            self.order.push_back(client);
            ClientQueue { items: VecDeque::new(), credit: self.turn, cost: 0 }
        });
        queue.cost += size.share();
        queue.items.push_back((size, item));
    }

    fn pop(&mut self) -> Option<(Size, T)> {
        loop {
            let client = *self.order.front()?;
            let queue = self.of.get_mut(&client)?;
            let cost = queue.items.front()?.0.share();
            // Alone in the queue, a client needs no turns.
            if cost <= queue.credit || self.order.len() == 1 {
                let (size, item) = queue.items.pop_front()?;
                queue.credit = queue.credit.saturating_sub(cost);
                queue.cost -= cost;
                if queue.items.is_empty() {
                    self.remove(client);
                }
                return Some((size, item));
            }
            queue.credit += self.turn;
            self.order.rotate_left(1);
        }
    }

    fn newest(&self, client: Client) -> Option<Size> {
        self.of.get(&client)?.items.back().map(|(size, _)| *size)
    }

    fn pop_newest(&mut self, client: Client) -> Option<(Size, T)> {
        let queue = self.of.get_mut(&client)?;
        let (size, item) = queue.items.pop_back()?;
        queue.cost -= size.share();
        if queue.items.is_empty() {
            self.remove(client);
        }
        Some((size, item))
    }

    fn remove(&mut self, client: Client) {
        self.of.remove(&client);
        self.order.retain(|other| *other != client);
    }

    fn clear(&mut self) -> HashMap<Client, ClientQueue<T>> {
        self.order.clear();
        std::mem::take(&mut self.of)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
