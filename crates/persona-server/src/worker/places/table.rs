//! The table of a worker's connections and their places; decides which connection makes room first.

use std::collections::HashMap;
use std::sync::Arc;

use persona_storage::Party;

use super::entry::{Entry, HEAD_GRACE_MS};
use crate::heads::Stage;

/// How long a connection that was told to make room is expected to close soon, because it has at
/// most one answer to finish. A new connection waits while half of the leaving connections are in
/// this state.
pub const LEAVING_SOON_MS: u64 = 250;

/// How long a connection that was told to make room may keep the server waiting for its client: for
/// the rest of a body, or until an answer is read. After that it is cut off if its room is needed.
pub const LEAVING_MS_MAX: u64 = 2_000;

/// The connections of a worker.
#[derive(Default)]
pub(super) struct Table {
    pub entries: Vec<Arc<Entry>>,
    /// Ordinary places that are taken.
    pub ordinary: usize,
    /// Places of the reserve that are taken.
    pub reserved: usize,
    /// Requests in the reserve that wait for an ordinary place.
    pub waiting: usize,
    /// Connections that gave up an ordinary place and have not closed yet.
    pub leaving: usize,
    /// Connections that gave up a place of the reserve and have not closed yet.
    pub leaving_reserved: usize,
    /// Ordinary places that each address and each token holds, apart from those of proxies.
    held: HashMap<Party, usize>,
}

impl Table {
    pub fn add(&mut self, entry: &Arc<Entry>) {
        self.take(entry);
        self.entries.push(Arc::clone(entry));
    }

    /// Counts the place that a connection takes.
    pub fn take(&mut self, entry: &Entry) {
        if entry.is_reserved() {
            self.reserved += 1;
        } else {
            self.ordinary += 1;
            for party in entry.parties() {
                *self.held.entry(party).or_default() += 1;
            }
        }
    }

    /// Gives the place of a connection back.
    pub fn free(&mut self, entry: &Entry) {
        if entry.is_reserved() {
            self.reserved -= 1;
            return;
        }
        self.ordinary -= 1;
        for party in entry.parties() {
            if let Some(held) = self.held.get_mut(&party) {
                *held -= 1;
                if *held == 0 {
                    self.held.remove(&party);
                }
            }
        }
    }

    /// Makes the place of a connection count for this token, in place of the one before.
    pub fn note_token(&mut self, entry: &Entry, token: Party) {
        let is_counted = entry.has_place() && !entry.is_reserved();
        if is_counted {
            self.free(entry);
        }
        entry.set_token(token);
        if is_counted {
            self.take(entry);
        }
    }

    /// The count of leaving connections of the same kind as this one: from ordinary places, or from
    /// the reserve.
    pub fn leaving_of(&mut self, entry: &Entry) -> &mut usize {
        if entry.is_reserved() { &mut self.leaving_reserved } else { &mut self.leaving }
    }

    /// Number of connections that were told less than [`LEAVING_SOON_MS`] ago to give up an
    /// ordinary place.
    pub fn leaving_soon(&self, now: u64) -> usize {
        let ordinary = self.entries.iter().filter(|entry| !entry.is_reserved());
        ordinary
            .filter_map(|entry| entry.left_ms(now))
            .filter(|left| *left < LEAVING_SOON_MS)
            .count()
    }

    /// Makes the leaving connections close sooner than they would by themselves. A connection that
    /// keeps the server waiting may do so for `waits_max` milliseconds.
    pub fn hasten(&self, now: u64, waits_max: u64) {
        let is_over =
            |entry: &Entry| entry.left_ms(now).is_some_and(|left| left >= LEAVING_SOON_MS);
        // These connections were left open for a request that might be under way, but none has
        // arrived.
        self.entries
            .iter()
            .filter(|entry| is_over(entry) && entry.progress.stage() != Stage::Busy)
            .for_each(|entry| entry.close());
        self.cut_off_one(now, waits_max);
    }

    /// Cuts off the connection that has been making room longest and waits for its client, unless
    /// one that was cut off is still closing.
    fn cut_off_one(&self, now: u64, waits_max: u64) {
        let leaving = || self.entries.iter().filter_map(|entry| Some((entry.left_ms(now)?, entry)));
        if leaving().any(|(_, entry)| entry.is_cut_off()) {
            return;
        }
        let waits = |(left, entry): &(u64, &Arc<Entry>)| {
            *left >= waits_max && entry.progress.waits_for_client()
        };
        if let Some((_, entry)) = leaving().filter(waits).max_by_key(|(left, _)| *left) {
            entry.cut_off();
        }
    }

    pub fn held_by(&self, party: Party) -> usize {
        self.held.get(&party).copied().unwrap_or_default()
    }

    /// What counts against a connection: the number of places that its address holds, or its token
    /// if that holds more. A proxy speaks for many clients, so its connections count as one each.
    pub fn weight(&self, entry: &Entry) -> usize {
        entry.parties().map(|party| self.held_by(party)).max().unwrap_or(1)
    }

    /// Whether one address or one token holds more than this share.
    pub fn has_more_than(&self, share: usize) -> bool {
        self.held.values().any(|held| *held > share)
    }

    /// Of the connections that have been busy for long, the first to be broken off. The order is:
    /// the client that holds most places, then connections that wait for their client, then the
    /// longest busy time.
    pub fn first_of_busy(&self, now: u64, may_go: impl Fn(&Entry) -> bool) -> Option<Arc<Entry>> {
        let busy = self.entries.iter().filter(|entry| entry.is_long_busy(now) && may_go(entry));
        let order = |entry: &Entry| {
            (self.weight(entry), entry.progress.waits_for_client(), entry.progress.busy_ms(now))
        };
        busy.max_by_key(|entry| order(entry)).cloned()
    }

    /// Of the connections without a request in progress, the first to make room.
    pub fn first_to_go(
        &self,
        now: u64,
        places: usize,
        may_go: impl Fn(&Entry) -> bool,
    ) -> Option<Arc<Entry>> {
        let mut young = 0;
        let waiting = self.entries.iter().filter(|entry| may_go(entry)).filter_map(|entry| {
            let (stage, lasts) = (entry.progress.stage(), entry.progress.lasts_ms(now));
            let is_young = stage == Stage::Fresh && lasts < HEAD_GRACE_MS;
            young += usize::from(is_young);
            // Nearly every client sends a head in one piece, so a head in parts counts as slow.
            let order = (
                entry.is_stale(now),
                !is_young,
                self.weight(entry),
                stage == Stage::HeadBegun,
                lasts,
            );
            (stage != Stage::Busy).then_some((order, entry))
        });
        let (order, first) = waiting.max_by_key(|(order, _)| *order)?;
        let is_young = !order.1;
        (!is_young || young * 2 >= places).then(|| Arc::clone(first))
    }
}
