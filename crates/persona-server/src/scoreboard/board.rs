//! The reading side: the scoreboard as a whole.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use persona_model::Timestamp;

use super::layout::{self, ENTRIES, SLOTS};
use super::measures::Measure;
use super::memory::{Memory, NotMade};
use super::numbers::{Number, ProcessState};
use super::{Distribution, ProcessEntry, prometheus};
use crate::clock::monotonic_micros;

/// The memory itself, mapped into this process.
pub struct Scoreboard {
    memory: Memory,
}

/// The facts on the scoreboard about one living process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessFacts {
    /// 0 for the maintenance process, 1 and up for workers.
    pub slot: u16,
    /// Process id.
    pub pid: u32,
    /// When the process started, in microseconds since the epoch.
    pub started_at: i64,
    /// How often this slot was filled again.
    pub restarts: u64,
    /// Requests answered by this slot since the server started.
    pub requests: u64,
    /// Connections that are open now.
    pub connections: u64,
    /// Writes of this slot that were part of a finished transaction, since the server started.
    pub writes: u64,
    /// Writes that wait for their transaction now.
    pub queue_depth: u64,
    /// How long the process has been waiting for the write lock; zero when it does not wait.
    pub write_lock_waiting: Duration,
    /// How long the process has been holding the write lock; zero when it does not hold the lock.
    pub write_lock_holding: Duration,
    /// Age of the oldest list or export that is still running; zero when there is none.
    pub longest_read: Duration,
    /// How long this slot waited for the write lock, since the server started.
    pub write_lock_wait: Distribution,
    /// How long this slot held the write lock, since the server started.
    pub write_lock_hold: Distribution,
}

/// A process that waits for the write lock or holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WriteLockUser {
    /// 0 for the maintenance process, 1 and up for workers.
    pub slot: u16,
    /// Process id.
    pub pid: u32,
    /// How long the process has been waiting; zero when it does not wait.
    pub waiting: Duration,
    /// How long the process has been holding the lock; zero when it does not hold the lock.
    pub holding: Duration,
}

/// The results of all checkpoints since the server started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checkpoints {
    /// Checkpoints that copied the whole WAL into the database file.
    pub complete: u64,
    /// Checkpoints that a reader of an old snapshot blocked.
    pub blocked: u64,
    /// Checkpoints that ended with a failure of the database.
    pub failed: u64,
    /// When the last complete checkpoint ended.
    pub last: Option<Timestamp>,
}

impl Scoreboard {
    /// Makes a new scoreboard, all zero.
    ///
    /// # Errors
    ///
    /// The system has no memory for the scoreboard, or a limit forbids it.
    pub fn create() -> Result<Arc<Self>, NotMade> {
        let scoreboard = Self { memory: Memory::create(layout::SCOREBOARD_CELLS)? };
        // The keys of a new `RandomState` are random numbers of the system.
        let secret = RandomState::new().build_hasher().finish().max(1);
        scoreboard.cells()[layout::RATE_SECRET].store(secret, Relaxed);
        Ok(Arc::new(scoreboard))
    }

    /// Maps the scoreboard of the supervisor.
    pub fn attach(fd: OwnedFd) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { memory: Memory::attach(fd, layout::SCOREBOARD_CELLS)? }))
    }

    /// The descriptor that children get.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.memory.fd()
    }

    /// The entry of a process; `generation` counts the processes of the slot and chooses between
    /// its two entries.
    ///
    /// # Panics
    ///
    /// When there is no such slot.
    pub fn entry(self: &Arc<Self>, slot: u16, generation: u64) -> ProcessEntry {
        assert!(usize::from(slot) < SLOTS, "slot {slot} is not on the scoreboard");
        ProcessEntry::new(Arc::clone(self), slot, entry_index(slot, generation))
    }

    /// Notes when the server started.
    pub fn set_started_at(&self, at: Timestamp) {
        self.cells()[layout::STARTED_AT].store(at.as_micros().unsigned_abs(), Relaxed);
    }

    /// When the server started.
    pub fn started_at(&self) -> Timestamp {
        Timestamp::from_micros(self.cells()[layout::STARTED_AT].load(Relaxed).cast_signed())
    }

    /// Notes that the database is on a server.
    pub fn set_on_server(&self) {
        self.cells()[layout::ON_SERVER].store(1, Relaxed);
    }

    /// Whether the database is on a server, not in a file.
    pub fn is_on_server(&self) -> bool {
        self.cells()[layout::ON_SERVER].load(Relaxed) != 0
    }

    /// Notes when the certificate of the server ends.
    pub fn set_certificate_end(&self, at: Timestamp) {
        self.cells()[layout::CERTIFICATE_END].store(at.as_micros().unsigned_abs(), Relaxed);
    }

    /// When the certificate of the server ends; `None` where it has none.
    pub fn certificate_end(&self) -> Option<Timestamp> {
        let micros = self.cells()[layout::CERTIFICATE_END].load(Relaxed);
        (micros != 0).then(|| Timestamp::from_micros(micros.cast_signed()))
    }

    /// Every metric, merged over all entries, in the Prometheus text format 0.0.4.
    pub fn prometheus(&self) -> String {
        prometheus::text(self)
    }

    /// The processes that are alive, by slot. While a worker is being replaced its slot has two.
    pub fn processes(&self) -> Vec<ProcessFacts> {
        let alive = |entry: &usize| self.number(*entry, Number::Pid) != 0;
        self.used_entries().filter(alive).map(|entry| self.facts(entry)).collect()
    }

    /// All measurements of one kind, by all processes since the server started.
    pub fn distribution(&self, measure: Measure) -> Distribution {
        self.histogram(layout::offset_of_measure(measure))
    }

    /// Requests that are being answered now, by all workers.
    pub fn requests_in_flight(&self) -> u64 {
        self.sum(Number::RequestsInFlight)
    }

    /// Requests that were answered since the server started.
    pub fn requests(&self) -> u64 {
        self.sum(Number::Requests)
    }

    /// Attempts that met a lock of SQLite that a process held without the write lock, since the
    /// server started.
    pub fn lock_retries(&self) -> u64 {
        self.sum(Number::LockRetries)
    }

    /// Writes that did not get their turn in time, since the server started.
    pub fn writes_given_up(&self) -> u64 {
        self.sum(Number::GaveUp)
    }

    /// The processes that wait for the write lock or hold it now.
    pub fn write_lock_users(&self) -> Vec<WriteLockUser> {
        let now = monotonic_micros();
        let entries = self.used_entries().map(|entry| {
            let lasts = |number| Duration::from_micros(lasting(self.number(entry, number), now));
            WriteLockUser {
                slot: slot_of(entry),
                pid: self.pid_of(entry),
                waiting: lasts(Number::WriteLockWaitingSince),
                holding: lasts(Number::WriteLockHeldSince),
            }
        });
        entries.filter(|user| !user.waiting.is_zero() || !user.holding.is_zero()).collect()
    }

    /// The turnstile of this server: the memory of the scoreboard, opened again as a file that its
    /// writers lock before the write lock. It needs no file on a disk, and ends with the server.
    pub fn turnstile(&self) -> PathBuf {
        self.memory.path()
    }

    /// The results of all checkpoints since the server started.
    pub fn checkpoints(&self) -> Checkpoints {
        let last = self
            .used_entries()
            .map(|entry| self.number(entry, Number::LastCheckpoint))
            .max()
            .filter(|at| *at > 0);
        Checkpoints {
            complete: self.sum(Number::Checkpoints),
            blocked: self.sum(Number::CheckpointsBlocked),
            failed: self.sum(Number::CheckpointsFailed),
            last: last.map(|at| Timestamp::from_micros(at.cast_signed())),
        }
    }

    /// When the newest scheduled backup was made; `None` when there is none.
    pub fn last_backup(&self) -> Option<Timestamp> {
        let newest = self
            .used_entries()
            .map(|entry| self.number(entry, Number::LastBackup))
            .max()
            .filter(|seconds| *seconds > 0)?;
        i64::try_from(newest.saturating_mul(1_000_000)).ok().map(Timestamp::from_micros)
    }

    /// Scheduled backups that were made, and those that failed, since the server started.
    pub fn backups(&self) -> (u64, u64) {
        let sum = |number| self.used_entries().map(|entry| self.number(entry, number)).sum();
        (sum(Number::Backups), sum(Number::BackupsFailed))
    }

    /// Damaged personas that maintenance, reads and writes found, since the server started.
    pub fn damage_found(&self) -> u64 {
        self.used_entries().map(|entry| self.number(entry, Number::DamageFound)).sum()
    }

    /// The smallest number of open connections of a serving worker; `None` when no worker is
    /// serving.
    pub fn fewest_connections(&self) -> Option<u64> {
        let serving = |entry: &usize| {
            *entry >= FIRST_WORKER_ENTRY
                && self.number(*entry, Number::State) == ProcessState::Serving as u64
        };
        self.used_entries()
            .filter(serving)
            .map(|entry| self.number(entry, Number::ConnectionsOpen))
            .min()
    }

    /// The words of the budgets of clients, and the secret of their hashes.
    pub(super) fn rate_words(&self) -> (&[AtomicU64], u64) {
        let secret = self.cells()[layout::RATE_SECRET].load(Relaxed);
        (&self.cells()[layout::RATE_CELLS..], secret)
    }

    pub(super) fn cells(&self) -> &[AtomicU64] {
        self.memory.cells()
    }

    pub(super) fn number(&self, entry: usize, number: Number) -> u64 {
        self.cells()[layout::block_of(entry) + layout::offset_of_number(number)].load(Relaxed)
    }

    /// The sum of a number over all entries.
    pub(super) fn sum(&self, number: Number) -> u64 {
        self.used_entries().map(|entry| self.number(entry, number)).sum()
    }

    /// A number of a slot, the sum of its two entries.
    pub(super) fn number_of_slot(&self, slot: u16, number: Number) -> u64 {
        (0..2).map(|generation| self.number(entry_index(slot, generation), number)).sum()
    }

    /// How long something has lasted in a slot, in microseconds; `since` is the number with its
    /// beginning. The longer time of both entries counts.
    pub(super) fn lasts_in_slot(&self, slot: u16, since: Number, now: u64) -> u64 {
        (0..2)
            .map(|generation| lasting(self.number(entry_index(slot, generation), since), now))
            .max()
            .unwrap_or_default()
    }

    /// Entries that may have been filled; the others are all zero.
    pub(super) fn used_entries(&self) -> std::ops::Range<usize> {
        0..usize::try_from(self.cells()[layout::ENTRIES_USED].load(Relaxed))
            .unwrap_or(ENTRIES)
            .min(ENTRIES)
    }

    /// Slots of which an entry may have been filled.
    pub(super) fn used_slots(&self) -> std::ops::Range<u16> {
        0..u16::try_from(self.used_entries().end.div_ceil(2)).unwrap_or(u16::MAX)
    }

    /// The histogram at this place of the block, summed over the entries.
    pub(super) fn histogram(&self, offset: usize) -> Distribution {
        self.histogram_of(self.used_entries(), offset)
    }

    fn histogram_of_slot(&self, slot: u16, offset: usize) -> Distribution {
        self.histogram_of([entry_index(slot, 0), entry_index(slot, 1)], offset)
    }

    fn histogram_of(
        &self,
        entries: impl IntoIterator<Item = usize>,
        offset: usize,
    ) -> Distribution {
        let mut distribution = Distribution::default();
        for entry in entries {
            let first = layout::block_of(entry) + offset;
            distribution.add_cells(|cell| self.cells()[first + cell].load(Relaxed));
        }
        distribution
    }

    fn pid_of(&self, entry: usize) -> u32 {
        u32::try_from(self.number(entry, Number::Pid)).unwrap_or_default()
    }

    fn facts(&self, entry: usize) -> ProcessFacts {
        let slot = slot_of(entry);
        let now = monotonic_micros();
        let lasts = |number| Duration::from_micros(lasting(self.number(entry, number), now));
        ProcessFacts {
            slot,
            pid: self.pid_of(entry),
            started_at: self.number(entry, Number::StartedAt).cast_signed(),
            restarts: self.number_of_slot(slot, Number::Restarts),
            requests: self.number_of_slot(slot, Number::Requests),
            connections: self.number(entry, Number::ConnectionsOpen),
            writes: self.number_of_slot(slot, Number::Writes),
            queue_depth: self.number(entry, Number::QueueDepth),
            write_lock_waiting: lasts(Number::WriteLockWaitingSince),
            write_lock_holding: lasts(Number::WriteLockHeldSince),
            longest_read: lasts(Number::OldestReadSince),
            write_lock_wait: self
                .histogram_of_slot(slot, layout::offset_of_measure(Measure::WriteLockWait)),
            write_lock_hold: self
                .histogram_of_slot(slot, layout::offset_of_measure(Measure::WriteLockHold)),
        }
    }
}

/// The first entry of a worker; those before belong to the maintenance process.
const FIRST_WORKER_ENTRY: usize = 2;

/// The slot of an entry.
fn slot_of(entry: usize) -> u16 {
    u16::try_from(entry / 2).unwrap_or(u16::MAX)
}

/// How long something has lasted that began at `since`; zero when `since` is 0, which means that it
/// does not last.
fn lasting(since: u64, now: u64) -> u64 {
    if since == 0 { 0 } else { now.saturating_sub(since) }
}

/// The index of an entry.
pub(super) fn entry_index(slot: u16, generation: u64) -> usize {
    usize::from(slot) * 2 + usize::from(generation % 2 == 1)
}
