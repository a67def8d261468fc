//! The places for connections of one worker: a connection is a lease that others can claim back.
//!
//! As long as there are places every client gets one. When all are taken, a connection that waits
//! for nothing but its client makes room for the new one: first a connection that never sent a
//! whole head, then the connection that has been idle longest, of the client that holds most. A
//! client that holds more than its share while other clients connect loses its connections before
//! any other client does: where none of them is idle, one that has been busy for long is broken
//! off. Where all connections are busy, a few more places take a new connection for as long as one
//! answer takes: health checks are answered, other requests wait a moment for an ordinary place,
//! and get 503 when none becomes free.
//!
//! A client is known by its address, and from its first request on by its token too: a place counts
//! for both, so one token behind many addresses is one client.

mod claimant;
mod entry;
mod table;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use claimant::Claimant;
pub(super) use entry::Entry;
use table::{LEAVING_MS_MAX, LEAVING_SOON_MS, Table};

use crate::clock::Millis;
use crate::descriptors::{LEAVING_MAX, RESERVE};
use crate::heads::Stage;
use crate::scoreboard::ProcessEntry;
use persona_http::{ClientAddress, Network, TokenNote};
use persona_storage::Party;

/// Most requests of the reserve that wait for an ordinary place, so that health checks always find
/// a free place in the reserve.
const WAITING_MAX: usize = RESERVE / 2;

/// How long a request of the reserve waits for an ordinary place. Most requests take a fraction of
/// it, so a moment in which all are busy is over soon.
const PLACE_WAIT: Duration = Duration::from_secs(1);

/// Pause between two looks for an ordinary place.
const PLACE_PACE: Duration = Duration::from_millis(5);

/// How long a client may take for the head of a request that it has begun.
const HEAD_MS_MAX: u64 = 10_000;

/// How long a client in a place of the reserve may take for the head of a request, also where it
/// has not begun one.
const RESERVE_HEAD_MS_MAX: u64 = 2_000;

/// What may be chosen about places.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Ordinary places, at least 1.
    pub places: usize,
    /// The part of them that one client may hold while other clients connect, in percent.
    pub percent_of_one: usize,
    /// How long a connection may be idle.
    pub idle: Duration,
    /// Peers that ask for many clients, so that the bound for one does not hold for them.
    pub proxies: Arc<[Network]>,
}

/// All places of a worker.
pub(super) struct Places {
    limits: Limits,
    process_entry: ProcessEntry,
    clock: Millis,
    table: Mutex<Table>,
}

/// A place that is taken, until it is dropped.
pub(super) struct Lease {
    pub entry: Arc<Entry>,
    places: Arc<Places>,
}

impl Places {
    pub(super) fn new(limits: Limits, process_entry: ProcessEntry, clock: Millis) -> Arc<Self> {
        Arc::new(Self { limits, process_entry, clock, table: Mutex::default() })
    }

    /// Ordinary places, taken or not. Every worker has as many.
    pub(super) fn count(&self) -> usize {
        self.limits.places
    }

    /// A place for a connection from this address; `None` while there is none. That lasts a moment:
    /// until a connection closes that was just told to, or until one of the reserve has its answer.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Lease> {
        let (client, now) = (ClientAddress::of_peer(peer).0, (self.clock)());
        let is_proxy =
            self.limits.proxies.iter().any(|network| network.contains(peer.to_canonical()));
        let mut table = self.lock();
        if table.leaving >= LEAVING_MAX {
            table.hasten(now, LEAVING_MS_MAX);
            if table.leaving_soon(now) >= LEAVING_MAX / 2 {
                return None;
            }
        }
        let is_reserved =
            table.ordinary >= self.limits.places && !self.claim(&mut table, client, is_proxy, now);
        if is_reserved {
            self.claim_reserved(&mut table, client, is_proxy, now)?;
        }
        let entry =
            Arc::new(Entry::new(client, is_proxy, is_reserved, table.entries.len(), self.clock));
        table.add(&entry);
        drop(table);
        Some(Lease { entry, places: Arc::clone(self) })
    }

    /// Tells a connection to leave, so that an ordinary place becomes free. Returns whether one is
    /// free.
    ///
    /// Where a client holds more than its share, only its connections leave: one that is not being
    /// answered, else one that has been busy for long, so that requests without end keep no place.
    fn claim(&self, table: &mut Table, client: IpAddr, is_proxy: bool, now: u64) -> bool {
        let claimant = Claimant::new(table, client, is_proxy, self.share());
        if table.leaving >= LEAVING_MAX {
            // A client that has its share does not keep others waiting with connections that leave
            // slowly.
            let is_urgent = claimant.is_modest() && claimant.has_greedy();
            table.hasten(now, if is_urgent { LEAVING_SOON_MS } else { LEAVING_MS_MAX });
            return false;
        }
        let is_greedy = |entry: &Entry| claimant.finds_greedy(table, entry);
        let may_leave = |entry: &Entry| {
            let may_claim = entry.has_place() && !entry.is_reserved() && claimant.may_claim(entry);
            may_claim && (!claimant.has_greedy() || is_greedy(entry) || entry.is_stale(now))
        };
        if let Some(entry) = table.first_to_go(now, self.limits.places, may_leave) {
            self.leave(table, &entry, now);
            return true;
        }
        let busy = table.first_of_busy(now, |entry| may_leave(entry) && is_greedy(entry));
        busy.is_some_and(|entry| {
            self.leave(table, &entry, now);
            entry.cut_off();
            true
        })
    }

    /// Most requests of the reserve that wait for an ordinary place when this one does too. A
    /// client that has its share leaves half of them to others.
    fn waiting_max(&self, table: &Table, entry: &Entry) -> usize {
        let claimant = Claimant::new(table, entry.client, entry.is_proxy, self.share());
        if claimant.is_modest() { WAITING_MAX } else { WAITING_MAX / 2 }
    }

    /// Places that one client may hold while other clients connect.
    fn share(&self) -> usize {
        (self.limits.places * self.limits.percent_of_one / 100).max(1)
    }

    /// Frees a place of the reserve, where all are taken. The connection that counts most is closed
    /// with its next answer.
    fn claim_reserved(
        &self,
        table: &mut Table,
        client: IpAddr,
        is_proxy: bool,
        now: u64,
    ) -> Option<()> {
        let claimant = Claimant::new(table, client, is_proxy, self.share());
        let may_leave = |entry: &&Arc<Entry>| {
            let stays = entry.may_stay() && entry.has_place() && !entry.is_reserved();
            stays && claimant.may_claim(entry)
        };
        if let Some(entry) =
            table.entries.iter().filter(may_leave).max_by_key(|entry| table.weight(entry))
        {
            entry.close_with_answer();
        }
        if table.reserved < RESERVE {
            return Some(());
        }
        if table.leaving_reserved >= RESERVE {
            return None;
        }
        let waits = |entry: &&Arc<Entry>| {
            entry.is_reserved() && entry.has_place() && entry.progress.stage() != Stage::Busy
        };
        let entry = table
            .entries
            .iter()
            .filter(waits)
            .max_by_key(|entry| entry.progress.lasts_ms(now))
            .cloned()?;
        self.leave(table, &entry, now);
        Some(())
    }

    /// Gives a connection of the reserve an ordinary place, if one is free or can be freed.
    fn promote(&self, entry: &Entry) -> bool {
        let mut table = self.lock();
        if !entry.has_place() {
            return false;
        }
        if entry.is_reserved() {
            let is_taken = table.ordinary >= self.limits.places;
            if is_taken && !self.claim(&mut table, entry.client, entry.is_proxy, (self.clock)()) {
                return false;
            }
            table.free(entry);
            entry.is_reserved.store(false, Relaxed);
            table.take(entry);
        }
        true
    }

    fn leave(&self, table: &mut Table, entry: &Arc<Entry>, now: u64) {
        table.free(entry);
        entry.note_left(now);
        *table.leaving_of(entry) += 1;
        // Counted before its client can see it.
        self.process_entry.connection_evicted();
        entry.close_gently(now);
    }

    /// Looks at every connection, once in a second, for those that were idle too long, are too slow
    /// or are too old.
    pub(super) fn look(&self) {
        let now = (self.clock)();
        let idle_max = u64::try_from(self.limits.idle.as_millis()).unwrap_or(u64::MAX);
        for entry in &self.lock().entries {
            if entry.is_reserved() {
                entry.look(now, RESERVE_HEAD_MS_MAX, RESERVE_HEAD_MS_MAX);
            } else {
                entry.look(now, idle_max, HEAD_MS_MAX);
            }
        }
    }

    /// Makes the place of a connection count for the token of its newest request too.
    fn note_token(&self, entry: &Entry, token: Party) {
        if entry.token() != Some(token) {
            self.lock().note_token(entry, token);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Takes note of the tokens of the requests of the connection; `None` for that of a proxy,
    /// which counts for no client.
    pub(super) fn token_note(&self) -> Option<TokenNote> {
        let (places, entry) = (Arc::clone(&self.places), Arc::clone(&self.entry));
        let note = TokenNote::new(move |token| places.note_token(&entry, token));
        (!self.entry.is_proxy).then_some(note)
    }

    /// Waits until the connection has an ordinary place; false when none became free in time.
    pub(super) async fn has_ordinary_place(&self) -> bool {
        if !self.entry.is_reserved() {
            return true;
        }
        {
            let mut table = self.places.lock();
            if table.waiting >= self.places.waiting_max(&table, &self.entry) {
                return false;
            }
            table.waiting += 1;
        }
        let _waiting = Waiting(&self.places);
        let promoted = async {
            while !self.places.promote(&self.entry) {
                sleep(PLACE_PACE).await;
            }
        };
        timeout(PLACE_WAIT, promoted).await.is_ok()
    }
}

/// Counts a request as long as it waits, also when its client leaves.
struct Waiting<'a>(&'a Places);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut table = self.places.lock();
        if self.entry.has_place() {
            table.free(&self.entry);
        } else {
            *table.leaving_of(&self.entry) -= 1;
        }
        if let Some(at) = table.entries.iter().position(|entry| Arc::ptr_eq(entry, &self.entry)) {
            table.entries.swap_remove(at);
        }
    }
}
