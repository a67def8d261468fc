//! What the store reports while it works; the server counts it in metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::Timestamp;

/// The result of a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checkpoint {
    /// The whole WAL was copied into the database.
    Complete {
        /// Frames that this checkpoint copied.
        copied_frames: u64,
    },
    /// A reader on an old snapshot kept a part of the WAL, or all of it, from being copied or
    /// reset.
    Blocked {
        /// Frames that this checkpoint copied.
        copied_frames: u64,
    },
    /// The database failed.
    Failed,
}

/// What happened to the cache of reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheEvent {
    /// A read was answered from the cache.
    Hit,
    /// A read had to ask the database.
    Miss,
    /// The cache was synchronised with commits of this program: changed personas were dropped.
    Synchronised,
    /// The whole cache was dropped: another program had committed, or too much was changed at once.
    Cleared,
}

/// The states in which connections to a database server, and requests that wait for one, are
/// counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connected {
    /// The connection is open, whether or not a request uses it.
    Open,
    /// A request uses the connection.
    InUse,
    /// A request waits for a connection.
    Waiting,
    /// The connection gave no answer in time, and is kept until its answer comes or it breaks.
    Abandoned,
}

/// Receives measurements. Called on the write path: implementations must not block.
pub trait Observer: Send + Sync {
    /// A writer begins to wait for the write lock.
    fn write_lock_waiting(&self) {}
    /// A writer waited this long for the write lock, and holds it from now on.
    fn write_lock_waited(&self, _wait: Duration) {}
    /// A writer held the write lock this long, and has left it.
    fn write_lock_held(&self, _hold: Duration) {}
    /// A transaction took this long from BEGIN to the end of COMMIT, with this many writes in it.
    fn committed(&self, _took: Duration, _writes: usize) {}
    /// A write waited this long in the queue before its transaction began.
    fn queued(&self, _wait: Duration) {}
    /// A write begins to wait for its transaction.
    fn enqueued(&self) {}
    /// A write stopped waiting for its transaction, whatever its result.
    fn dequeued(&self) {}
    /// The database's own lock was held by a program that does not use the write lock; called once
    /// for each attempt.
    fn lock_retried(&self) {}
    /// A write gave up because its deadline passed or the queue was full.
    fn gave_up(&self) {}
    /// A checkpoint ended, after this long.
    fn checkpointed(&self, _took: Duration, _result: Checkpoint) {}
    /// The oldest snapshot that a list or export still reads from is of this moment; `None` when
    /// nothing is read.
    fn oldest_read(&self, _began: Option<Instant>) {}
    /// The WAL holds this many bytes now.
    fn wal_bytes(&self, _bytes: u64) {}
    /// The free bytes on the disk of the database, and whether writes are refused for lack of
    /// space; called about once a second.
    fn disk_space(&self, _free_bytes: u64, _is_short: bool) {}
    /// The newest scheduled backup was made at this time; also called at the start.
    fn backed_up(&self, _at: Timestamp) {}
    /// A scheduled backup ended.
    fn backup_ended(&self, _succeeded: bool) {}
    /// A damaged persona was found. The maintenance process reports each damaged persona once, and
    /// so does each process that reads one.
    fn damage_found(&self) {}
    /// Something happened to the cache of reads.
    fn read_cache(&self, _event: CacheEvent) {}
    /// The cache of reads takes up this many bytes now.
    fn read_cache_bytes(&self, _bytes: u64) {}
    /// The pool may have this many connections to the database server.
    fn connections_max(&self, _max: usize) {}
    /// One more connection or request is in this state from now on.
    fn connected(&self, _state: Connected) {}
    /// One connection or request has left this state.
    fn disconnected(&self, _state: Connected) {}
    /// A request waited this long for a connection, whether or not it got one.
    fn connection_waited(&self, _wait: Duration) {}
}

/// Reports nothing: for the command line and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// Counts a write as waiting for its turn until the value is dropped.
pub(crate) struct Waiting(Arc<dyn Observer>);

impl Waiting {
    pub(crate) fn begin(observer: &Arc<dyn Observer>) -> Self {
        observer.enqueued();
        Self(Arc::clone(observer))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dequeued();
    }
}

/// Counts a connection or request in a state until the value is dropped.
pub(crate) struct Counted(Arc<dyn Observer>, Connected);

impl Counted {
    pub(crate) fn begin(observer: &Arc<dyn Observer>, state: Connected) -> Self {
        observer.connected(state);
        Self(Arc::clone(observer), state)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.disconnected(self.1);
    }
}
