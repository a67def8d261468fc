//! The writing side: the entry of one process on the scoreboard.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use persona_http::TaskRefusal;
use persona_http::contract::OperationId;
use persona_http::contract::tasks::TaskKind;
use persona_model::{Clock, Timestamp};
use persona_storage::{CacheEvent, Checkpoint, Connected, Observer};

use super::layout;
use super::measures::Measure;
use super::numbers::{Kind, NUMBERS, Number, ProcessState};
use super::{Scoreboard, distribution, routes};
use crate::clock::{SystemClock, monotonic_micros};

/// The entry of one process on the scoreboard. A slot (0 for the maintenance process, 1 and up for
/// workers) has two entries, so that a worker that drains and the one that replaces it never write
/// the same gauges.
#[derive(Clone)]
pub struct ProcessEntry {
    scoreboard: Arc<Scoreboard>,
    slot: u16,
    index: usize,
}

impl ProcessEntry {
    pub(super) fn new(scoreboard: Arc<Scoreboard>, slot: u16, index: usize) -> Self {
        Self { scoreboard, slot, index }
    }

    /// The turnstile of the server, which writers lock before the write lock.
    pub fn turnstile(&self) -> PathBuf {
        self.scoreboard.turnstile()
    }

    /// The slot: 0 for the maintenance process, 1 and up for workers.
    pub fn slot(&self) -> u16 {
        self.slot
    }

    /// The scoreboard that has the entry.
    pub fn scoreboard(&self) -> &Scoreboard {
        &self.scoreboard
    }

    // ---- by the supervisor
    // ---------------------------------------------------------------------------------------

    /// Makes the entry ready for a process that is about to be started: gauges start at zero,
    /// counters go on. Must not be called once the process runs, because its gauges would be lost.
    pub fn prepare(&self, now: Timestamp) {
        self.scoreboard.cells()[layout::ENTRIES_USED].fetch_max(self.index as u64 + 1, Relaxed);
        self.leave();
        self.set(Number::StartedAt, now.as_micros().unsigned_abs());
        self.set_state(ProcessState::Starting);
    }

    /// Records which process has the entry.
    pub fn taken_by(&self, pid: u32) {
        self.set(Number::Pid, u64::from(pid));
    }

    /// Clears the gauges of a process that ended, and what it was putting down.
    pub fn leave(&self) {
        self.scoreboard.clear_claim(self.index);
        for row in NUMBERS.iter().filter(|row| row.kind == Kind::Gauge) {
            self.set(row.number, 0);
        }
    }

    /// Counts that the process of the slot was replaced.
    pub fn restarted(&self) {
        self.add(Number::Restarts, 1);
    }

    /// The number of heartbeats of the process.
    pub fn heartbeats(&self) -> u64 {
        self.cell(Number::Heartbeat).load(Relaxed)
    }

    // ---- by the process
    // ------------------------------------------------------------------------------------------

    /// Records the state of the process.
    pub fn set_state(&self, state: ProcessState) {
        self.set(Number::State, state as u64);
    }

    /// Puts a task down for the maintenance process.
    ///
    /// # Errors
    ///
    /// A task is under way, or the last one of this kind has ended a moment ago.
    pub fn ask_for_task(&self, kind: TaskKind, now: Timestamp) -> Result<(), TaskRefusal> {
        self.scoreboard.ask_for_task(self.index, kind, now)
    }

    /// Gives a heartbeat.
    pub fn beat(&self) {
        self.add(Number::Heartbeat, 1);
    }

    /// Counts one answered request; `operation` is `None` for an unknown path or method.
    pub fn request_answered(&self, operation: Option<OperationId>, status: u16, took: Duration) {
        self.add(Number::Requests, 1);
        let series = routes::series_of(operation, status);
        self.record(layout::offset_of_series(series), micros(took));
    }

    /// Counts a request that is about to be answered.
    pub fn request_begun(&self) {
        self.add(Number::RequestsInFlight, 1);
    }

    /// Counts the end of a request: it was answered, or its client has left.
    pub fn request_ended(&self) {
        self.cell(Number::RequestsInFlight).fetch_sub(1, Relaxed);
    }

    /// Counts a stream of events that was opened.
    pub fn event_stream_opened(&self) {
        self.add(Number::EventStreamsOpen, 1);
    }

    /// Counts a stream of events that has ended.
    pub fn event_stream_ended(&self) {
        self.cell(Number::EventStreamsOpen).fetch_sub(1, Relaxed);
    }

    /// Counts an accepted connection.
    pub fn connection_opened(&self) {
        self.add(Number::Connections, 1);
        self.add(Number::ConnectionsOpen, 1);
    }

    /// Counts a connection that could not be accepted, because the process or the machine has run
    /// out of a resource.
    pub fn accept_failed(&self) {
        self.add(Number::AcceptsFailed, 1);
    }

    /// Counts lines that the log dropped for lack of room.
    pub fn log_lines_dropped(&self, lines: u64) {
        self.add(Number::LogLinesDropped, lines);
    }

    /// Counts a connection that is closed to make room for another one.
    pub fn connection_evicted(&self) {
        self.add(Number::ConnectionsEvicted, 1);
    }

    /// Counts a request for which no place was free.
    pub fn connection_turned_away(&self) {
        self.add(Number::ConnectionsTurnedAway, 1);
    }

    /// Counts a request that was refused for its head.
    pub fn head_refused(&self) {
        self.add(Number::HeadsRefused, 1);
    }

    /// Counts a closed connection.
    pub fn connection_closed(&self) {
        self.cell(Number::ConnectionsOpen).fetch_sub(1, Relaxed);
    }

    /// Connections that this process has open now.
    pub fn connections(&self) -> u64 {
        self.cell(Number::ConnectionsOpen).load(Relaxed)
    }

    fn block(&self) -> usize {
        layout::block_of(self.index)
    }

    fn cell(&self, number: Number) -> &AtomicU64 {
        &self.scoreboard.cells()[self.block() + layout::offset_of_number(number)]
    }

    fn set(&self, number: Number, value: u64) {
        self.cell(number).store(value, Relaxed);
    }

    fn add(&self, number: Number, amount: u64) {
        self.cell(number).fetch_add(amount, Relaxed);
    }

    fn measured(&self, measure: Measure, value: u64) {
        self.record(layout::offset_of_measure(measure), value);
    }

    /// Adds a value to the histogram at this place of the block.
    fn record(&self, offset: usize, value: u64) {
        let histogram = &self.scoreboard.cells()[self.block() + offset..][..distribution::CELLS];
        histogram[distribution::bucket_of(value)].fetch_add(1, Relaxed);
        histogram[distribution::BUCKETS].fetch_add(value, Relaxed);
    }
}

impl Observer for ProcessEntry {
    fn write_lock_waiting(&self) {
        self.set(Number::WriteLockWaitingSince, monotonic_micros());
    }

    fn write_lock_waited(&self, wait: Duration) {
        self.set(Number::WriteLockHeldSince, monotonic_micros());
        self.set(Number::WriteLockWaitingSince, 0);
        self.measured(Measure::WriteLockWait, micros(wait));
    }

    fn write_lock_held(&self, hold: Duration) {
        self.set(Number::WriteLockHeldSince, 0);
        self.measured(Measure::WriteLockHold, micros(hold));
    }

    fn committed(&self, took: Duration, writes: usize) {
        self.measured(Measure::Transaction, micros(took));
        self.measured(Measure::TransactionWrites, writes as u64);
        self.add(Number::Writes, writes as u64);
    }

    fn queued(&self, wait: Duration) {
        self.measured(Measure::QueueWait, micros(wait));
    }

    fn enqueued(&self) {
        self.add(Number::QueueDepth, 1);
    }

    fn dequeued(&self) {
        self.cell(Number::QueueDepth).fetch_sub(1, Relaxed);
    }

    fn lock_retried(&self) {
        self.add(Number::LockRetries, 1);
    }

    fn gave_up(&self) {
        self.add(Number::GaveUp, 1);
    }

    fn checkpointed(&self, took: Duration, result: Checkpoint) {
        self.measured(Measure::Checkpoint, micros(took));
        match result {
            Checkpoint::Complete { copied_frames } => {
                self.add(Number::Checkpoints, 1);
                self.add(Number::CheckpointFrames, copied_frames);
                self.set(Number::LastCheckpoint, SystemClock.now().as_micros().unsigned_abs());
            }
            Checkpoint::Blocked { copied_frames } => {
                self.add(Number::CheckpointsBlocked, 1);
                self.add(Number::CheckpointFrames, copied_frames);
            }
            Checkpoint::Failed => self.add(Number::CheckpointsFailed, 1),
        }
    }

    fn oldest_read(&self, began: Option<Instant>) {
        let since =
            began.map_or(0, |began| monotonic_micros().saturating_sub(micros(began.elapsed())));
        self.set(Number::OldestReadSince, since);
    }

    fn wal_bytes(&self, bytes: u64) {
        self.set(Number::WalBytes, bytes);
    }

    fn disk_space(&self, free_bytes: u64, is_short: bool) {
        self.set(Number::DiskFree, free_bytes);
        self.set(Number::DiskShort, is_short.into());
    }

    fn backed_up(&self, at: Timestamp) {
        self.cell(Number::LastBackup).store(at.as_micros().unsigned_abs() / 1_000_000, Relaxed);
    }

    fn backup_ended(&self, succeeded: bool) {
        self.add(if succeeded { Number::Backups } else { Number::BackupsFailed }, 1);
    }

    fn damage_found(&self) {
        self.add(Number::DamageFound, 1);
    }

    fn read_cache(&self, event: CacheEvent) {
        let number = match event {
            CacheEvent::Hit => Number::ReadCacheHits,
            CacheEvent::Miss => Number::ReadCacheMisses,
            CacheEvent::Synchronised => Number::ReadCacheSynchronisations,
            CacheEvent::Cleared => Number::ReadCacheClears,
        };
        self.add(number, 1);
    }

    fn read_cache_bytes(&self, bytes: u64) {
        self.set(Number::ReadCacheBytes, bytes);
    }

    fn connections_max(&self, max: usize) {
        self.set(Number::DatabaseMax, max as u64);
    }

    fn connected(&self, state: Connected) {
        self.add(number_of(state), 1);
    }

    fn disconnected(&self, state: Connected) {
        self.cell(number_of(state)).fetch_sub(1, Relaxed);
    }

    fn connection_waited(&self, wait: Duration) {
        self.measured(Measure::DatabaseWait, micros(wait));
    }
}

fn number_of(state: Connected) -> Number {
    match state {
        Connected::Open => Number::DatabaseOpen,
        Connected::InUse => Number::DatabaseInUse,
        Connected::Waiting => Number::DatabaseWaiting,
        Connected::Abandoned => Number::DatabaseAbandoned,
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "process_entry_tests.rs"]
mod tests;
