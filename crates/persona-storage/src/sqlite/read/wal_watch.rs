//! Watches the size of the WAL, for reads that could keep it from being reset.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::time::{ClockId, clock_gettime};

use crate::NoObserver;
use crate::sqlite::connection::{self, Purpose, WalState};
use crate::sqlite::{DatabaseError, Settings};

/// How long a read waits for a thread, and for the WAL to be reset: longer than it takes to see
/// that another program holds the WAL, and a whole cycle after that.
pub(in crate::sqlite) const TURN_WAIT_MAX: Duration = Duration::from_secs(15);
/// Time between two looks at the WAL: a fast disk writes a megabyte in this time.
pub(in crate::sqlite) const LOOK_EVERY: Duration = Duration::from_millis(20);
/// At this size of the WAL no long read begins until the WAL was reset, because a reset needs a
/// moment without readers. Below where the maintenance process resets it
/// (`maintenance/process.rs`), so that most reads have ended by themselves when it does.
const WAL_BYTES_FULL: u64 = 24 * 1024 * 1024;
/// A WAL that has been full for so long although no long read holds it is held by another program.
const HELD_AFTER: Duration = Duration::from_secs(5);
/// Then long reads begin all the same, but only within this part of each cycle.
const STARTS: Duration = Duration::from_secs(1);
/// This part of each cycle is without any long read, so that a WAL that can be reset does.
const QUIET: Duration = Duration::from_secs(2);
/// A read that begins although the WAL is full has no more than this, whatever the setting is: the
/// others have to get their turn in time.
const LIMIT_MAX: Duration = Duration::from_secs(5);
const _: () = assert!(
    HELD_AFTER.as_secs() + STARTS.as_secs() + LIMIT_MAX.as_secs() + QUIET.as_secs()
        < TURN_WAIT_MAX.as_secs()
);

/// Looks at the WAL, with a connection of its own, because one that reads a snapshot cannot ask for
/// the size of the WAL.
pub(in crate::sqlite) struct WalWatch {
    settings: Settings,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    connection: Option<Connection>,
    at: Option<Instant>,
    wal: WalState,
    /// Whether the WAL did not change since the previous look, so that no process is writing.
    is_quiet: bool,
    /// Since when the WAL has been full without a reset.
    full_since: Option<Instant>,
    is_closed: bool,
}

impl WalWatch {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, seen: Mutex::default() }
    }

    /// The WAL as it was at most [`LOOK_EVERY`] ago; as it was seen last where it cannot be looked
    /// at just now.
    pub(crate) fn look(&self) -> WalState {
        self.see().wal
    }

    fn see(&self) -> MutexGuard<'_, Seen> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.is_closed && seen.at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            let now = Instant::now();
            seen.at = Some(now);
            // A failed look changes nothing; the next look may succeed.
            if let Ok(Some(wal)) = self.look_now(&mut seen.connection) {
                seen.is_quiet = seen.wal == wal;
                // A shorter one was reset since the look before.
                let before = seen.full_since.filter(|_| wal.frames >= seen.wal.frames);
                seen.full_since = (wal.bytes() >= WAL_BYTES_FULL).then(|| before.unwrap_or(now));
                seen.wal = wal;
            }
        }
        seen
    }

    fn look_now(
        &self,
        connection: &mut Option<Connection>,
    ) -> Result<Option<WalState>, DatabaseError> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(connection::open(
                &self.settings,
                Purpose::Read,
                Arc::new(NoObserver),
            )?),
        };
        connection::look_at_wal(connection)
            .map_err(|error| DatabaseError::from_driver(&self.settings.path, error))
    }

    /// How long a long read may take that begins now; `None` while none may, because the WAL is
    /// full and has to be reset first.
    ///
    /// All processes of a machine come to the same result at the same time without communication.
    pub(crate) fn limit_of_reads(&self) -> Option<Duration> {
        let (seen, limit) = (self.see(), self.settings.read_timeout);
        let Some(full_since) = seen.full_since else { return Some(limit) };
        // One that is checkpointed wholly is reset with the next write, and a reader that begins
        // before it is not in its way. One that begins beside a write is.
        if seen.is_quiet && seen.wal.copied == seen.wal.frames {
            return Some(limit);
        }
        let is_held = full_since.elapsed() >= HELD_AFTER;
        (is_held && is_time_to_start(monotonic(), limit)).then(|| limit.min(LIMIT_MAX))
    }

    /// Closes its connection, for good.
    pub(crate) fn close(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_closed = true;
        seen.connection = None;
    }
}

/// Whether long reads begin although the WAL is full, where this is their usual limit. Those of one
/// cycle have ended before the next one begins.
fn is_time_to_start(now: Duration, limit: Duration) -> bool {
    let cycle = STARTS + limit.min(LIMIT_MAX) + QUIET;
    now.as_micros() % cycle.as_micros() < STARTS.as_micros()
}

/// Time since the machine started: the same for all processes.
fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(
        now.tv_sec.try_into().unwrap_or_default(),
        now.tv_nsec.try_into().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use persona_test_support::wait_for;

    use super::{
        HELD_AFTER, LIMIT_MAX, Purpose, TURN_WAIT_MAX, WAL_BYTES_FULL, WalWatch, connection,
        is_time_to_start, monotonic,
    };
    use crate::sqlite::{Settings, initialise};

    #[test]
    fn in_each_cycle_there_is_a_time_without_any_long_read() {
        // A cycle of 8 s: a read that begins in its first second ends within 5 more.
        let starts: Vec<bool> = (0..32)
            .map(|half| is_time_to_start(Duration::from_millis(half * 500), Duration::from_secs(5)))
            .collect();
        let cycle: Vec<bool> = (0..16).map(|half| half < 2).collect();
        assert_eq!(starts, [cycle.clone(), cycle].concat());
        assert!(monotonic() > Duration::ZERO);
    }

    #[test]
    fn a_read_gets_its_turn_beside_a_full_wal_however_long_reads_may_take() {
        for limit in [100, 5_000, 7_001, 60_000, 600_000].map(Duration::from_millis) {
            let mut last_start = Duration::ZERO;
            for now in (0..1_000_000).step_by(100).map(Duration::from_millis) {
                if is_time_to_start(now, limit) {
                    last_start = now;
                }
                assert!(
                    now.saturating_sub(last_start) < TURN_WAIT_MAX,
                    "{limit:?}: no read begins from {last_start:?} on"
                );
            }
        }
    }

    #[test]
    fn a_read_that_begins_beside_a_full_wal_has_little_time() {
        let mut settings = Settings::new("no such file");
        settings.read_timeout = Duration::from_mins(1);
        let watch = WalWatch::new(settings);
        let mut seen = watch.seen.lock().expect("not poisoned");
        // What is seen stays as it is said here.
        seen.is_closed = true;
        seen.full_since = Instant::now().checked_sub(HELD_AFTER);
        drop(seen);
        let limit = wait_for("a read begins", Duration::from_mins(1), || watch.limit_of_reads());
        assert_eq!(limit, LIMIT_MAX);
    }

    /// As if the last look were so long ago that the next one is due.
    fn forget_the_last_look(watch: &WalWatch) {
        watch.seen.lock().expect("not poisoned").at = None;
    }

    #[test]
    fn reads_wait_for_a_full_wal_that_has_to_start_over_and_for_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = Settings::new(folder.path().join("persona.db"));
        settings.read_timeout = Duration::from_mins(1);
        initialise(&settings).expect("a new file");
        let open = |purpose| {
            connection::open(&settings, purpose, std::sync::Arc::new(crate::NoObserver))
                .expect("it opens")
        };
        let (writer, maintenance) = (open(Purpose::Write), open(Purpose::Maintain));
        let watch = WalWatch::new(settings.clone());
        assert!(watch.limit_of_reads().is_some());
        writer
            .execute_batch(
                "CREATE TABLE filling (text); INSERT INTO filling VALUES (zeroblob(33554432))",
            )
            .expect("written");
        forget_the_last_look(&watch);
        assert!(watch.look().bytes() >= WAL_BYTES_FULL);
        assert!(watch.limit_of_reads().is_none());
        connection::checkpoint(&maintenance, rusqlite::wal::CheckpointMode::PASSIVE)
            .expect("copied");
        forget_the_last_look(&watch);
        assert!(watch.limit_of_reads().is_none(), "a process may be writing");
        forget_the_last_look(&watch);
        assert!(
            watch.limit_of_reads().is_some(),
            "it is copied and no process writes, so the next write resets it"
        );
    }
}
