//! The client for which a place is wanted, and what it holds already.

use std::collections::HashSet;
use std::net::IpAddr;

use persona_storage::Party;

use super::entry::Entry;
use super::table::Table;

/// A client that wants a place: its address, and the tokens of its other connections. Its new
/// connection has no token yet, because no request has come.
pub(super) struct Claimant {
    address: IpAddr,
    is_proxy: bool,
    tokens: HashSet<Party>,
    /// The places that the client holds: those of its address, or of one of its tokens if that
    /// holds more.
    held: usize,
    /// The places that one client may hold while other clients connect.
    share: usize,
    /// Whether another client holds more than its share.
    has_greedy: bool,
}

impl Claimant {
    pub fn new(table: &Table, address: IpAddr, is_proxy: bool, share: usize) -> Self {
        let own = table.entries.iter().filter(|entry| entry.client == address && !entry.is_proxy);
        let tokens: HashSet<Party> = own.filter_map(|entry| entry.token()).collect();
        let parties = tokens.iter().copied().chain([Party::Address(address)]);
        let held = parties.map(|party| table.held_by(party)).max().unwrap_or_default();
        let mut claimant = Self { address, is_proxy, tokens, held, share, has_greedy: false };
        let is_greedy = |entry: &Entry| entry.has_place() && claimant.finds_greedy(table, entry);
        // Nearly always no client has more than its share, so the connections are not looked at.
        claimant.has_greedy =
            table.has_more_than(share) && table.entries.iter().any(|entry| is_greedy(entry));
        claimant
    }

    /// Whether it holds less than its share.
    pub fn is_modest(&self) -> bool {
        self.held < self.share
    }

    /// Whether another client holds more than its share.
    pub fn has_greedy(&self) -> bool {
        self.has_greedy
    }

    /// Whether this connection belongs to another client, which holds more than its share.
    pub fn finds_greedy(&self, table: &Table, entry: &Entry) -> bool {
        !entry.is_reserved() && !self.owns(entry) && table.weight(entry) > self.share
    }

    /// Whether it may claim the place of this connection. A client that has its share makes room
    /// for itself only.
    pub fn may_claim(&self, entry: &Entry) -> bool {
        self.owns(entry) || self.is_proxy || self.is_modest()
    }

    /// Whether the connection is one of its own, by address or by token.
    fn owns(&self, entry: &Entry) -> bool {
        let has_token = |token| self.tokens.contains(&token);
        entry.client == self.address || (!entry.is_proxy && entry.token().is_some_and(has_token))
    }
}
