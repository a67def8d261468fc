//! How much of a bounded amount of memory each client holds.
//!
//! A ledger only counts. Its users decide what is counted and what happens when memory is short:
//! `body_memory.rs` for bodies, `answer_memory.rs` for answers.

use std::collections::HashMap;

use persona_storage::Party;

/// Why there is no memory for something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Short {
    /// The party holds all of its share.
    OfParty,
    /// All parties together hold all memory.
    OfAll,
}

/// How much may be held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    /// By all parties together, in bytes.
    pub all: usize,
    /// By one party, in bytes.
    pub party: usize,
}

/// The bytes that are held, in sum and by each party.
#[derive(Default, Debug)]
pub(crate) struct Ledger {
    held: usize,
    /// The bytes that were released since the last call of `take_given_back`.
    given_back: usize,
    by_party: HashMap<Option<Party>, usize>,
}

impl Ledger {
    /// The bytes that one party holds.
    pub fn held_by(&self, party: Option<Party>) -> usize {
        self.by_party.get(&party).copied().unwrap_or_default()
    }

    /// Whether a party may hold this many bytes more. A party that holds nothing is not refused for
    /// its share, and where no party holds anything there is always room. So a single body or
    /// answer may be larger than a bound.
    pub fn check(&self, party: Option<Party>, bytes: usize, bounds: Bounds) -> Result<(), Short> {
        let exceeds = |held: usize, max: usize| held > 0 && held + bytes > max;
        if party.is_some() && exceeds(self.held_by(party), bounds.party) {
            return Err(Short::OfParty);
        }
        if exceeds(self.held, bounds.all) { Err(Short::OfAll) } else { Ok(()) }
    }

    /// Counts memory of an answer that was built and is refused as released, although it was never
    /// held.
    pub fn refused(&mut self, bytes: usize) {
        self.given_back = self.given_back.saturating_add(bytes);
    }

    /// The bytes that were released since the last call of this method.
    pub fn take_given_back(&mut self) -> usize {
        std::mem::take(&mut self.given_back)
    }

    /// Counts bytes that a party holds from now on.
    pub fn take(&mut self, party: Option<Party>, bytes: usize) {
        self.held += bytes;
        *self.by_party.entry(party).or_default() += bytes;
    }

    /// Counts bytes that a party releases.
    pub fn give_back(&mut self, party: Option<Party>, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
        self.given_back = self.given_back.saturating_add(bytes);
        if let Some(held) = self.by_party.get_mut(&party) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                self.by_party.remove(&party);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Ledger, Short};
    use persona_storage::Party;

    const BOUNDS: Bounds = Bounds { all: 100, party: 25 };

    fn client(address: &str) -> Party {
        Party::Address(address.parse().expect("an address"))
    }

    #[test]
    fn a_party_has_a_share_and_all_have_the_whole() {
        let mut ledger = Ledger::default();
        let (a, others) = (
            Some(client("10.0.0.1")),
            ["10.0.0.2", "10.0.0.3", "10.0.0.4"].map(|address| Some(client(address))),
        );
        ledger.take(a, 25);
        assert_eq!(ledger.check(a, 1, BOUNDS), Err(Short::OfParty));
        for other in others {
            assert_eq!(ledger.check(other, 25, BOUNDS), Ok(()));
            ledger.take(other, 25);
        }
        assert_eq!(ledger.check(Some(client("10.0.0.5")), 1, BOUNDS), Err(Short::OfAll));
        ledger.give_back(a, 25);
        assert_eq!((ledger.held_by(a), ledger.check(a, 25, BOUNDS)), (0, Ok(())));
    }

    #[test]
    fn what_is_larger_than_a_bound_is_possible_alone() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.check(Some(client("10.0.0.1")), 200, BOUNDS), Ok(()));
        ledger.take(Some(client("10.0.0.1")), 200);
        assert_eq!(ledger.check(Some(client("10.0.0.2")), 1, BOUNDS), Err(Short::OfAll));
    }

    #[test]
    fn this_process_has_no_share() {
        let mut ledger = Ledger::default();
        ledger.take(None, 90);
        assert_eq!(ledger.check(None, 10, BOUNDS), Ok(()));
    }
}
