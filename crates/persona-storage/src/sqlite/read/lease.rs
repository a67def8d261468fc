//! Leases of long reads: which reads are running, until when, and how they are ended.
//!
//! A lease is held by the work that reads, and not by the request that asked for it, because a
//! request can be dropped while its work goes on. Each holds a snapshot, and the oldest one keeps
//! the WAL from being reset. One thread oversees all leases: it ends reads that are out of time and
//! reads that block writers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, InterruptHandle};

use super::wal_watch::{LOOK_EVERY, WalWatch};
use crate::{Error, Observer};

/// A WAL larger than this is in the way of the writers' next one. A client that has been waited for
/// so long in sum loses its snapshot then: the writes of all other clients are worth more. Half of
/// where the maintenance process resets the WAL, because writers go on until it has, and
/// the WAL may not outgrow 64 MiB.
const WAL_BYTES_MAX: u64 = 16 * 1024 * 1024;
const SLOW_CLIENT_WAIT_MAX: Duration = Duration::from_millis(250);
/// From this size of the WAL on every read that keeps it from being reset is in the way: where
/// the maintenance process wants to reset it. Until it is checkpointed, writers add as
/// much again on a fast disk.
const WAL_BYTES_LAST: u64 = 32 * 1024 * 1024;
/// No read is in the way of writers that have not written this much since it began.
const WAL_GROWTH_MIN: u64 = 8 * 1024 * 1024;

/// Why a read was ended before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sqlite) enum Reason {
    /// The request that asked for it was dropped.
    Left,
    /// The time of the read was over.
    TimedOut,
    /// The read kept the WAL from being reset.
    InTheWay,
    /// The store is closing.
    Closing,
}

/// The reads that are under way in one process.
pub(in crate::sqlite) struct Leases {
    observer: Arc<dyn Observer>,
    pub(crate) wal: WalWatch,
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    /// The oldest first.
    leases: Vec<Arc<Lease>>,
    overseer: Overseer,
    is_closed: bool,
}

/// What the thread that oversees the leases does.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Overseer {
    #[default]
    NotStarted,
    /// Looks at the leases from time to time.
    Awake,
    /// Waits for a lease to oversee.
    Asleep,
}

/// One read that is under way.
pub(in crate::sqlite) struct Lease {
    began: Instant,
    /// How long it may take; `None` for one that is bound to its client's pace.
    limit: Option<Duration>,
    /// Bytes of the WAL when it began, or less where it was reset meanwhile.
    wal_bytes_before: AtomicU64,
    /// How long the read waited for its client, in sum, in microseconds.
    waited_micros: AtomicU64,
    reason: OnceLock<Reason>,
    interrupt: InterruptHandle,
}

/// A lease, until this is dropped. The connection that reads must not be used for anything else
/// before.
pub(in crate::sqlite) struct Held {
    leases: Arc<Leases>,
    lease: Arc<Lease>,
}

impl Leases {
    pub(crate) fn new(wal: WalWatch, observer: Arc<dyn Observer>) -> Arc<Self> {
        Arc::new(Self { observer, wal, state: Mutex::default(), woken: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a read that begins now on this connection, and oversees it.
    ///
    /// # Errors
    ///
    /// The store is closing, or the system gives no thread to oversee it.
    pub(in crate::sqlite) fn begin(
        self: &Arc<Self>,
        connection: &Connection,
        limit: Option<Duration>,
    ) -> Result<Held, Error> {
        let wal_bytes_before = AtomicU64::new(self.wal.look().bytes());
        let interrupt = connection.get_interrupt_handle();
        let mut state = self.state();
        if state.is_closed {
            return Err(Error::Closed("it is closing"));
        }
        match state.overseer {
            Overseer::NotStarted => {
                let leases = Arc::clone(self);
                let oversee = move || leases.oversee();
                thread::Builder::new()
                    .name("reads".into())
                    .spawn(oversee)
                    .map_err(|error| Error::Backend(Box::new(error)))?;
                state.overseer = Overseer::Awake;
            }
            Overseer::Asleep => self.woken.notify_one(),
            Overseer::Awake => {}
        }
        let lease = Lease {
            began: Instant::now(),
            limit,
            wal_bytes_before,
            waited_micros: AtomicU64::new(0),
            reason: OnceLock::new(),
            interrupt,
        };
        let lease = Arc::new(lease);
        state.leases.push(Arc::clone(&lease));
        self.tell(&state);
        Ok(Held { leases: Arc::clone(self), lease })
    }

    /// Ends a read, if it is still under way.
    pub(in crate::sqlite) fn end(&self, lease: &Arc<Lease>, reason: Reason) {
        let state = self.state();
        if state.leases.iter().any(|held| Arc::ptr_eq(held, lease)) {
            lease.end(reason);
        }
    }

    /// Ends all reads with a limit, and lets none begin. Those that are bound to their client's
    /// pace go on.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state
            .leases
            .iter()
            .filter(|lease| lease.limit.is_some())
            .for_each(|lease| lease.end(Reason::Closing));
        self.woken.notify_one();
        drop(state);
        self.wal.close();
    }

    /// The observer is called while the state is locked, so that its last report is the current
    /// state.
    fn tell(&self, state: &State) {
        self.observer.oldest_read(state.leases.first().map(|lease| lease.began));
    }

    fn oversee(&self) {
        let mut state = self.state();
        loop {
            while state.leases.is_empty() {
                if state.is_closed {
                    return;
                }
                state.overseer = Overseer::Asleep;
                state = self.woken.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.overseer = Overseer::Awake;
            // Most reads end within this time.
            state = self
                .woken
                .wait_timeout(state, LOOK_EVERY)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if state.leases.is_empty() {
                continue;
            }
            drop(state);
            let (wal_bytes, now) = (self.wal.look().bytes(), Instant::now());
            state = self.state();
            for lease in &state.leases {
                if let Some(reason) = lease.verdict(now, wal_bytes) {
                    lease.end(reason);
                }
            }
        }
    }
}

impl Lease {
    /// The reason why the read must end; once decided, it stays.
    fn verdict(&self, now: Instant, wal_bytes: u64) -> Option<Reason> {
        if let Some(reason) = self.reason() {
            return Some(reason);
        }
        if self.limit.is_some_and(|limit| now.duration_since(self.began) >= limit) {
            return Some(Reason::TimedOut);
        }
        let is_slow =
            Duration::from_micros(self.waited_micros.load(Relaxed)) >= SLOW_CLIENT_WAIT_MAX;
        let allowed = if is_slow { WAL_BYTES_MAX } else { WAL_BYTES_LAST };
        // Smaller than at the beginning when the WAL was reset, which a snapshot of its very
        // end allows.
        let before = self.wal_bytes_before.fetch_min(wal_bytes, Relaxed).min(wal_bytes);
        (wal_bytes > allowed && wal_bytes - before > WAL_GROWTH_MIN).then_some(Reason::InTheWay)
    }

    /// Interrupts the statement that runs. Between two statements there is nothing to interrupt;
    /// the overseer repeats this in each round as long as the lease is held.
    ///
    /// Called only while the lease is known to be held, so that no other read on the same
    /// connection is met.
    fn end(&self, reason: Reason) {
        let _ = self.reason.set(reason);
        self.interrupt.interrupt();
    }

    fn reason(&self) -> Option<Reason> {
        self.reason.get().copied()
    }
}

impl Held {
    pub(in crate::sqlite) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    pub(in crate::sqlite) fn leases(&self) -> &Arc<Leases> {
        &self.leases
    }

    /// Why the read has to end, if it has.
    pub(in crate::sqlite) fn reason(&self) -> Option<Reason> {
        self.lease.reason()
    }

    /// Notes for how long its client was waited for, in sum.
    pub(in crate::sqlite) fn has_waited(&self, time: Duration) {
        self.lease
            .waited_micros
            .store(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The result of the read; if it was ended, the error is the reason, not the interrupt.
    pub(in crate::sqlite) fn judge<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| match self.reason() {
            Some(Reason::TimedOut) => {
                Error::ReadTimedOut { limit: self.lease.limit.unwrap_or_default() }
            }
            Some(Reason::InTheWay) => Error::ReadGaveWay,
            Some(Reason::Left | Reason::Closing) => Error::Closed("it is closing"),
            None => error,
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.leases.state();
        if let Some(at) = state.leases.iter().position(|lease| Arc::ptr_eq(lease, &self.lease)) {
            state.leases.remove(at);
        }
        self.leases.tell(&state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use rusqlite::Connection;

    use super::{Held, Leases, Reason, WalWatch};
    use crate::sqlite::Settings;
    use crate::{Error, NoObserver, Observer};

    const MIB: u64 = 1024 * 1024;
    /// Counts for hours.
    const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000000) SELECT max(i) FROM n";

    #[derive(Default)]
    struct Seen(Mutex<Option<Instant>>);

    impl Observer for Seen {
        fn oldest_read(&self, began: Option<Instant>) {
            *self.0.lock().expect("no panic") = began;
        }
    }

    fn connection() -> Connection {
        Connection::open_in_memory().expect("memory")
    }

    fn leases(observer: Arc<dyn Observer>) -> Arc<Leases> {
        Leases::new(WalWatch::new(Settings::new("no such file")), observer)
    }

    fn begin(leases: &Arc<Leases>, connection: &Connection, limit: Option<Duration>) -> Held {
        leases.begin(connection, limit).expect("it begins")
    }

    #[test]
    fn the_oldest_of_the_running_reads_is_told_in_whatever_order_they_end() {
        let seen = Arc::new(Seen::default());
        let oldest = || *seen.0.lock().expect("no panic");
        let (leases, connection) = (leases(seen.clone()), connection());
        let (first, second) =
            (begin(&leases, &connection, None), begin(&leases, &connection, None));
        assert_eq!(oldest(), Some(first.lease().began));
        drop(first);
        assert_eq!(oldest(), Some(second.lease().began));
        drop(second);
        assert_eq!(oldest(), None);
    }

    #[test]
    fn a_statement_is_ended_at_its_limit_and_when_its_client_left_and_the_next_one_is_not() {
        let (leases, connection) = (leases(Arc::new(NoObserver)), connection());
        let limit = Duration::from_millis(50);
        let read = |held: &Held| {
            let result = connection.query_row(ENDLESS, [], |row| row.get::<_, i64>(0));
            held.judge(result.map_err(|error| Error::Backend(Box::new(error))))
        };
        let held = begin(&leases, &connection, Some(limit));
        assert!(matches!(read(&held), Err(Error::ReadTimedOut { limit: told }) if told == limit));
        drop(held);
        let held = begin(&leases, &connection, Some(Duration::from_mins(10)));
        let (lease, ender) = (Arc::clone(held.lease()), Arc::clone(&leases));
        let left = std::thread::spawn(move || ender.end(&lease, Reason::Left));
        assert!(read(&held).is_err());
        left.join().expect("no panic");
        let lease = Arc::clone(held.lease());
        drop(held);
        // The lease is not held any more, so this is no read's statement.
        let next = begin(&leases, &connection, None);
        leases.end(&lease, Reason::Left);
        let one: i64 =
            connection.query_row("SELECT 1", [], |row| row.get(0)).expect("not interrupted");
        assert_eq!((one, next.reason()), (1, None));
    }

    #[test]
    fn a_read_gives_way_when_writers_have_filled_the_wal_beside_it() {
        let (leases, connection) = (leases(Arc::new(NoObserver)), connection());
        let verdict = |held: &Held, mib: u64| held.lease().verdict(Instant::now(), mib * MIB);
        let held = begin(&leases, &connection, None);
        assert_eq!((verdict(&held, 17), verdict(&held, 32)), (None, None));
        assert_eq!(verdict(&held, 33), Some(Reason::InTheWay));
        held.has_waited(Duration::from_millis(250));
        assert_eq!((verdict(&held, 16), verdict(&held, 17)), (None, Some(Reason::InTheWay)));
        let held = begin(&leases, &connection, None);
        held.lease().wal_bytes_before.store(50 * MIB, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(verdict(&held, 57), None, "writers wrote little since");
        assert_eq!(
            (verdict(&held, 1), verdict(&held, 33)),
            (None, Some(Reason::InTheWay)),
            "the WAL was reset meanwhile"
        );
    }

    #[test]
    fn a_store_that_closes_ends_its_reads_and_begins_none() {
        let (leases, connection) = (leases(Arc::new(NoObserver)), connection());
        let held = begin(&leases, &connection, Some(Duration::from_mins(10)));
        leases.close();
        assert_eq!(held.reason(), Some(Reason::Closing));
        assert!(matches!(leases.begin(&connection, None), Err(Error::Closed(_))));
    }
}
