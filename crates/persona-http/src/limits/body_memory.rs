//! The memory that the bodies of one process take up.
//!
//! A small body is not counted, because the number of connections bounds the number of small
//! bodies; so large bodies never keep small writes out. A large body takes memory as its bytes
//! arrive, out of a total of which each client has a share. No body ever waits for memory, because
//! bodies that hold some could then wait for each other. When memory is short, the slowest
//! incomplete body is refused, so that a body that hardly moves blocks no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use persona_storage::Party;
use tokio::sync::oneshot;

use crate::contract::limits::BODY_BYTES_MAX;
use crate::limits::ledger::{Bounds, Ledger, Short};
use crate::problem::{Code, Problem};

/// Largest body that counts as small, in bytes. Ordinary personas have a few thousand bytes. Each
/// connection of a worker may hold this much: 64 MiB with the 1,024 that are usual, 192 MiB with
/// the most that can be chosen.
pub(crate) const SMALL_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of all large bodies that one process holds at a time, from their first byte to their
/// answer: eight of the largest. Without it a thousand connections could ask for gigabytes.
const LARGE_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;
/// The bounds of memory. One client may hold a quarter of the total: two of the largest bodies.
const BOUNDS: Bounds = Bounds { all: LARGE_BYTES_MAX, party: LARGE_BYTES_MAX / 4 };
/// Shortest time over which the rate of a body is measured. In a shorter time, most bytes come from
/// the buffers of the system and say nothing about the speed of the client.
const RATE_TIME_MIN: Duration = Duration::from_secs(1);

/// The memory that the bodies of one process may take up together.
#[derive(Clone, Default, Debug)]
pub struct BodyMemoryLimit(Arc<Mutex<State>>);

#[derive(Default, Debug)]
struct State {
    ledger: Ledger,
    claims: HashMap<u64, Entry>,
    last: u64,
}

/// The state of one large body.
#[derive(Debug)]
struct Entry {
    party: Option<Party>,
    /// The memory that the body holds, in bytes.
    held: usize,
    arrived: usize,
    since: Instant,
    /// Tells the body to give way; `None` when the body is complete.
    incomplete: Option<oneshot::Sender<()>>,
}

/// The memory of one large body, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    limit: BodyMemoryLimit,
    number: u64,
    given_way: oneshot::Receiver<()>,
}

impl BodyMemoryLimit {
    /// The bytes that were released since the last call of this method.
    pub fn take_given_back(&self) -> usize {
        self.state().ledger.take_given_back()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock can be used: no code panics while the state is inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A claim that holds no memory yet.
    pub(crate) fn claim(&self, party: Option<Party>) -> Claim {
        let (incomplete, given_way) = oneshot::channel();
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        state.claims.insert(
            number,
            Entry {
                party,
                held: 0,
                arrived: 0,
                since: Instant::now(),
                incomplete: Some(incomplete),
            },
        );
        Claim { limit: self.clone(), number, given_way }
    }

    /// The memory that all large bodies hold now, in bytes.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.state().claims.values().map(|entry| entry.held).sum()
    }

    #[cfg(test)]
    pub(crate) fn is_free(&self) -> bool {
        let state = self.state();
        state.claims.is_empty() && state.ledger.check(None, BOUNDS.all, BOUNDS).is_ok()
    }
}

impl Claim {
    /// Records that `bytes` have arrived in sum, and changes the memory of the claim to `capacity`.
    pub fn arrived(&mut self, bytes: usize, capacity: usize) -> Result<(), Problem> {
        let mut state = self.limit.state();
        let entry = state.claims.get_mut(&self.number).ok_or_else(gave_way)?;
        entry.arrived = bytes;
        let (party, held) = (entry.party, entry.held);
        if capacity <= held {
            entry.held = capacity;
            state.ledger.give_back(party, held - capacity);
            return Ok(());
        }
        let more = capacity - held;
        state.make_room(self.number, party, more)?;
        state.ledger.take(party, more);
        if let Some(entry) = state.claims.get_mut(&self.number) {
            entry.held = capacity;
        }
        Ok(())
    }

    /// Marks the body as complete. It keeps its memory until the request is answered.
    pub fn complete(&mut self) -> Result<(), Problem> {
        let mut state = self.limit.state();
        state.claims.get_mut(&self.number).ok_or_else(gave_way)?.incomplete = None;
        Ok(())
    }

    /// Waits until this body has to give way.
    pub async fn given_way(&mut self) -> Problem {
        // An error means that the sender was dropped because the body is complete, and then no
        // caller waits here.
        let _ = (&mut self.given_way).await;
        gave_way()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = self.limit.state().remove(self.number);
    }
}

impl State {
    /// Makes slow bodies give way until there is room for this many bytes; fails if there is none.
    fn make_room(
        &mut self,
        number: u64,
        party: Option<Party>,
        bytes: usize,
    ) -> Result<(), Problem> {
        while let Err(short) = self.ledger.check(party, bytes, BOUNDS) {
            let victim = match short {
                Short::OfParty => self
                    .slowest_of(party)
                    .filter(|slowest| *slowest != number)
                    .ok_or_else(share_is_taken)?,
                Short::OfAll => {
                    self.slowest_of_the_largest_party(party, bytes).ok_or_else(all_is_taken)?
                }
            };
            if let Some(sender) = self.remove(victim).and_then(|entry| entry.incomplete) {
                let _ = sender.send(());
            }
        }
        Ok(())
    }

    /// The slowest body of a party that is not complete.
    fn slowest_of(&self, party: Option<Party>) -> Option<u64> {
        let candidates = self
            .claims
            .iter()
            .filter(|(_, entry)| entry.party == party && entry.incomplete.is_some());
        candidates.min_by_key(|(_, entry)| entry.bytes_per_second()).map(|(number, _)| *number)
    }

    /// The slowest body that is not complete, of the party that holds most. Only parties count that
    /// hold more than this party would hold.
    fn slowest_of_the_largest_party(&self, party: Option<Party>, bytes: usize) -> Option<u64> {
        let own = self.ledger.held_by(party) + bytes;
        let others =
            self.claims.values().filter(|entry| entry.party != party && entry.incomplete.is_some());
        let largest = others
            .map(|entry| (self.ledger.held_by(entry.party), entry.party))
            .max_by_key(|(held, _)| *held);
        largest.filter(|(held, _)| *held > own).and_then(|(_, party)| self.slowest_of(party))
    }

    /// Removes a body and releases its memory.
    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.claims.remove(&number)?;
        self.ledger.give_back(entry.party, entry.held);
        Some(entry)
    }
}

impl Entry {
    fn bytes_per_second(&self) -> u128 {
        let millis = self.since.elapsed().max(RATE_TIME_MIN).as_millis();
        self.arrived as u128 * 1000 / millis
    }
}

fn all_is_taken() -> Problem {
    Problem::new(Code::Busy, "the bodies of other requests take up all the room there is").retry()
}

fn share_is_taken() -> Problem {
    Problem::new(
        Code::Busy,
        format!(
            "the bodies of this client take up the {} bytes that one client may have",
            BOUNDS.party
        ),
    )
    .retry()
}

fn gave_way() -> Problem {
    Problem::new(Code::Busy, "the body came so slowly that it gave way to others").retry()
}

#[cfg(test)]
mod tests {

    use super::{BODY_BYTES_MAX, BodyMemoryLimit, Claim, LARGE_BYTES_MAX};
    use persona_storage::Party;

    fn client(number: u8) -> Party {
        Party::Address([10, 0, 0, number].into())
    }

    /// A body of the largest size, of which this many bytes have arrived.
    fn arrived(limit: &BodyMemoryLimit, number: u8, bytes: usize) -> Result<Claim, String> {
        let mut claim = limit.claim(Some(client(number)));
        claim
            .arrived(bytes, BODY_BYTES_MAX)
            .map(|()| claim)
            .map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn one_client_has_a_quarter_and_its_slowest_body_gives_way() {
        let limit = BodyMemoryLimit::default();
        let mut slow = arrived(&limit, 1, 100_000).expect("room");
        let mut fast = arrived(&limit, 1, 4_000_000).expect("room");
        // The new body is slower than the two others, so the new one is refused.
        let refused = arrived(&limit, 1, 70_000).expect_err("the share is taken");
        assert!(refused.starts_with("the bodies of this client"), "{refused}");
        let newcomer = arrived(&limit, 1, 1_000_000).expect("room, because the slow one gives way");
        assert!(slow.complete().is_err(), "the slow one was given up");
        fast.complete().expect("the fast one goes on");
        drop((slow, fast, newcomer));
        assert!(limit.is_free());
    }

    #[test]
    fn where_all_is_taken_the_client_with_most_gives_way_to_one_with_less() {
        let limit = BodyMemoryLimit::default();
        let mut held: Vec<Claim> = (0..8)
            .map(|number| arrived(&limit, 1 + number / 2, 1_000_000).expect("room"))
            .collect();
        let newcomer = arrived(&limit, 9, 70_000).expect("room");
        assert_eq!(
            held.iter_mut().filter_map(|claim| claim.complete().err()).count(),
            1,
            "one gave way"
        );
        // A complete body does not give way.
        let refused =
            arrived(&limit, 10, 8_000_000).expect_err("everything else is complete, or no larger");
        assert_eq!(refused, "the bodies of other requests take up all the room there is");
        drop((held, newcomer));
        assert!(limit.is_free());
    }

    #[test]
    fn a_body_that_is_worked_off_while_it_comes_in_gives_memory_back() {
        let limit = BodyMemoryLimit::default();
        let mut whole = limit.claim(Some(client(1)));
        whole.arrived(BODY_BYTES_MAX, BODY_BYTES_MAX).expect("room");
        let mut stream = limit.claim(Some(client(1)));
        for arrived in 1..=8 {
            stream.arrived(arrived * BODY_BYTES_MAX, BODY_BYTES_MAX).expect("room");
            stream.arrived(arrived * BODY_BYTES_MAX, BODY_BYTES_MAX / 8).expect("less");
        }
        assert_eq!(limit.take_given_back(), 7 * BODY_BYTES_MAX);
        drop((whole, stream));
        assert!(limit.is_free());
    }

    #[test]
    fn the_memory_of_large_bodies_is_bounded_and_given_back() {
        let limit = BodyMemoryLimit::default();
        let mut held: Vec<Claim> =
            (0..8).map(|number| arrived(&limit, number, BODY_BYTES_MAX).expect("room")).collect();
        assert_eq!(held.len() * BODY_BYTES_MAX, LARGE_BYTES_MAX);
        assert!(arrived(&limit, 9, BODY_BYTES_MAX).is_err());
        held.pop();
        held.push(arrived(&limit, 9, BODY_BYTES_MAX).expect("room again"));
        drop(held);
        assert!(limit.is_free());
    }
}
