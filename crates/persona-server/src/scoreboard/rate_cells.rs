//! What is left of the budget of each client, in cells that all workers share.
//!
//! A budget is kept by the generic cell rate algorithm (GCRA, ITU-T I.371): one number, the time at
//! which the budget is full again. A request moves it on by the time in which one unit is filled; a
//! request that would move it further than a whole budget into the future is refused. If the time
//! is not in the future, the budget is full, like one that was never used.
//!
//! The cells are a table of fixed size: sets of [`WAYS`] cells, each a tag and the time. The tag is
//! a hash of 64 bits of the client and the budget, with a secret of this server, so that two
//! clients practically never share a cell. A client without a cell takes one with a full budget,
//! because that has no information. Only if all cells of a set are in use, the one that is full
//! first is given up, and its client begins anew: it may make a few requests too many, and is never
//! refused one too many.
//!
//! While a cell passes from one client to another, a request of the first may still be counted in
//! it: one request then counts for the wrong client. Where other processes take every cell that a
//! client chooses, its request is counted nowhere.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;

use persona_http::{Budget, Rate, RateCells, Taken};
use persona_storage::Party;

use super::ProcessEntry;
use crate::clock::monotonic_nanos;

/// Sets of cells.
const SETS: usize = 8_192;
/// Cells of a set.
const WAYS: usize = 8;
/// Words of a cell: the tag, and when its budget is full.
const CELL_WORDS: usize = 2;
/// Words of all cells: 1 MiB, of which the system gives only the pages that are used.
pub(super) const WORDS: usize = SETS * WAYS * CELL_WORDS;

/// The tag of a free cell; no client has it.
const FREE: u64 = 0;

/// The cells of a server or of a test.
#[derive(Clone, Copy)]
struct Cells<'a> {
    words: &'a [AtomicU64],
    secret: u64,
}

impl RateCells for ProcessEntry {
    fn take(&self, party: Party, budget: Budget, rate: Rate) -> Taken {
        let (words, secret) = self.scoreboard().rate_words();
        // With this injected fault each worker has cells of its own.
        #[cfg(feature = "faults")]
        let secret = secret ^ persona_storage::fault_injection::own_rate_cells(self.slot());
        Cells { words, secret }.take(party, budget, rate, monotonic_nanos())
    }

    fn look(&self, party: Party, budget: Budget, rate: Rate) -> Taken {
        let (words, secret) = self.scoreboard().rate_words();
        Cells { words, secret }.look(party, budget, rate, monotonic_nanos())
    }
}

impl Cells<'_> {
    fn take(self, party: Party, budget: Budget, rate: Rate, now: u64) -> Taken {
        let tag = self.tag(party, budget);
        let Some(cell) = cell_of(self.set(tag), tag, now, |_| {}) else {
            return step(0, now, rate).1;
        };
        let mut full_at = cell[1].load(Relaxed);
        loop {
            let (next, taken) = step(full_at, now, rate);
            if next == full_at {
                return taken;
            }
            match cell[1].compare_exchange_weak(full_at, next, AcqRel, Relaxed) {
                Ok(_) => return taken,
                Err(other) => full_at = other,
            }
        }
    }

    /// What a request would be told. A client without a cell has a full budget.
    fn look(self, party: Party, budget: Budget, rate: Rate, now: u64) -> Taken {
        let tag = self.tag(party, budget);
        let own = self.set(tag).iter().find(|[known, _]| known.load(Acquire) == tag);
        step(own.map_or(0, |[_, full_at]| full_at.load(Relaxed)), now, rate).1
    }

    /// The cells of which a client has one.
    fn set(&self, tag: u64) -> &[Cell] {
        let Self { words, .. } = self;
        let sets = words.len() / (WAYS * CELL_WORDS);
        // The upper 32 bits of the tag choose the set.
        let set = usize::try_from(tag >> 32).unwrap_or_default() % sets;
        words[set * WAYS * CELL_WORDS..][..WAYS * CELL_WORDS].as_chunks::<CELL_WORDS>().0
    }

    fn tag(self, party: Party, budget: Budget) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.secret, party, budget).hash(&mut hasher);
        hasher.finish().max(FREE + 1)
    }
}

type Cell = [AtomicU64; CELL_WORDS];

/// The cell of a client; a client without one takes the cell of its set with the budget that is
/// full first. `None` where other processes were faster each time: a cell that is now of another
/// client is not for this one. `meanwhile` is what others do with the chosen cell before it is
/// taken, in tests.
fn cell_of(cells: &[Cell], tag: u64, now: u64, meanwhile: impl Fn(&Cell)) -> Option<&Cell> {
    let full_at = |cell: &&Cell| cell[1].load(Relaxed);
    for _ in 0..WAYS {
        if let Some(own) = cells.iter().find(|[known, _]| known.load(Acquire) == tag) {
            return Some(own);
        }
        let chosen = cells.iter().min_by_key(full_at)?;
        let before = chosen[0].load(Acquire);
        // The time is written before the tag, so that a process that finds the new tag never sees
        // the time of the previous client.
        chosen[1].fetch_min(now, Relaxed);
        meanwhile(chosen);
        if chosen[0].compare_exchange(before, tag, Release, Relaxed).is_ok() {
            return Some(chosen);
        }
    }
    None
}

/// The step of the algorithm for one request: the new time at which the budget is full, and the
/// result for the request.
fn step(full_at: u64, now: u64, rate: Rate) -> (u64, Taken) {
    const SECOND: u64 = 1_000_000_000;
    let unit = SECOND / u64::from(rate.per_second.get());
    let whole = unit * u64::from(rate.burst.get());
    // A debt longer than a whole budget comes from other settings, and is capped.
    let debt = full_at.saturating_sub(now).min(whole);
    let is_within = debt + unit <= whole;
    let owed = if is_within { debt + unit } else { debt };
    let missing = (debt + unit).saturating_sub(whole);
    let taken = Taken {
        is_within,
        remaining: u32::try_from((whole - owed) / unit).unwrap_or(u32::MAX),
        full_after: Duration::from_nanos(owed),
        retry_after: Duration::from_nanos(missing),
    };
    let next = if is_within { now + owed } else { full_at.min(now + whole) };
    (next, taken)
}

#[cfg(test)]
#[path = "rate_cells_tests.rs"]
mod tests;
