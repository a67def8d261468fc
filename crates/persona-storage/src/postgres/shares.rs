//! Divides the connections of a process, so that no long read makes a write wait.
//!
//! Each kind of long read has a room of its own. All rooms together, with the shared reader of
//! short reads, leave at least one connection of the pool free; from six up, about a third of them.
//! Writes may use every connection that is free, and the pool serves those that wait for one in the
//! order of their arrival, so at most the rooms' number of connections is ever held by reads, and a
//! write waits for other writes only: ADR 0028.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, ReadRoom};

/// Most exports of one process: each holds a connection, a snapshot and a queue for as long as its
/// reader takes.
const EXPORTS_MAX: usize = 4;
/// A pool of this many connections has one for the shared reader, one for all long reads, and one
/// for writes. A smaller pool has no shared reader: its short reads use the connections of writes.
const LANE_MIN: usize = 3;
/// From this size on exports do not share a connection with lists.
const EXPORTS_APART_MIN: usize = 4;
/// From this size on the feed and the status do not share a connection with lists.
const LOOKS_APART_MIN: usize = 5;
/// One connection in this many is for exports; likewise for the feed and the status.
const POOL_PER_EXPORT: usize = 5;
const POOL_PER_LOOK: usize = 10;

/// The kinds of reads that hold a connection for long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A page of personas, with or without a search.
    List,
    /// A page of the feed, the figures of the status, or one persona with a large document.
    Look,
    /// Every persona.
    Export,
}

impl Kind {
    /// The name of the room, for the message to a client that waited in vain.
    const fn room(self) -> &'static str {
        match self {
            Self::List => "a place among the lists",
            Self::Look => "a place among the reads of the feed and of large personas",
            Self::Export => "a place among the exports",
        }
    }
}

/// Whether the short reads of a pool of this size have a connection of their own.
pub(super) const fn has_shared_reader(pool_max: usize) -> bool {
    pool_max >= LANE_MIN
}

/// The rooms of one process.
pub(super) struct Shares {
    lists: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    pub room: ReadRoom,
}

impl Shares {
    /// Divides a pool of this size.
    pub(super) fn of(pool_max: usize) -> Self {
        let room = |count| Arc::new(Semaphore::new(count));
        if pool_max < EXPORTS_APART_MIN {
            let all = room(1);
            return Self {
                lists: Arc::clone(&all),
                looks: Arc::clone(&all),
                exports: all,
                room: ReadRoom { lists: 1, exports: 1, large: 1 },
            };
        }
        if pool_max < LOOKS_APART_MIN {
            let reads = room(1);
            return Self {
                lists: Arc::clone(&reads),
                looks: reads,
                exports: room(1),
                room: ReadRoom { lists: 1, exports: 1, large: 1 },
            };
        }
        let exports = (pool_max / POOL_PER_EXPORT).clamp(1, EXPORTS_MAX);
        let looks = (pool_max / POOL_PER_LOOK).max(1);
        let shared_reader = 1;
        // Writes get at least as many connections as lists.
        let lists = (pool_max - shared_reader - exports - looks) / 2;
        Self {
            lists: room(lists),
            looks: room(looks),
            exports: room(exports),
            room: ReadRoom { lists, exports, large: looks },
        }
    }

    /// A place for a read of this kind.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when none was free in this time.
    pub(super) async fn place(
        &self,
        kind: Kind,
        wait: Duration,
    ) -> Result<OwnedSemaphorePermit, Error> {
        let room = Arc::clone(match kind {
            Kind::List => &self.lists,
            Kind::Look => &self.looks,
            Kind::Export => &self.exports,
        });
        // The semaphore is never closed.
        let got = tokio::time::timeout(wait, room.acquire_owned()).await.ok().and_then(Result::ok);
        got.ok_or(Error::Busy { what: kind.room() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{EXPORTS_MAX, Kind, Shares, has_shared_reader};
    use crate::Error;

    /// Connections that long reads can hold at once, each room once.
    fn held_by_reads(shares: &Shares) -> usize {
        let mut rooms = vec![&shares.lists];
        for room in [&shares.looks, &shares.exports] {
            if !rooms.iter().any(|known| Arc::ptr_eq(known, room)) {
                rooms.push(room);
            }
        }
        rooms.iter().map(|room| room.available_permits()).sum()
    }

    #[test]
    fn reads_of_all_kinds_together_leave_connections_to_writes_from_two_up() {
        for pool_max in 2..=500 {
            let shares = Shares::of(pool_max);
            let left = pool_max - held_by_reads(&shares) - usize::from(has_shared_reader(pool_max));
            assert!(left >= 1 && left >= pool_max / 4, "of {pool_max} only {left} are left");
            assert!(
                shares.lists.available_permits() >= 1 && shares.looks.available_permits() >= 1,
                "{pool_max}"
            );
            assert!((1..=EXPORTS_MAX).contains(&shares.exports.available_permits()), "{pool_max}");
        }
        let of_ten = Shares::of(10);
        assert_eq!(
            [&of_ten.lists, &of_ten.looks, &of_ten.exports].map(|room| room.available_permits()),
            [3, 1, 2]
        );
    }

    #[tokio::test]
    async fn a_kind_that_is_full_is_told_so_and_no_other_kind_is() {
        let shares = Shares::of(5);
        let _list = shares.place(Kind::List, Duration::ZERO).await.expect("free");
        let refused = shares.place(Kind::List, Duration::from_millis(1)).await.expect_err("full");
        assert!(matches!(refused, Error::Busy { what: "a place among the lists" }), "{refused}");
        for other in [Kind::Look, Kind::Export] {
            drop(shares.place(other, Duration::ZERO).await.expect("free"));
        }
    }
}
