//! The numbers of each entry: one table of names, kinds and help texts.
//!
//! A new metric is a variant of [`Number`] and a row of [`NUMBERS`].

/// The state of a process, as the process itself reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProcessState {
    /// No process has the entry.
    Empty = 0,
    /// The process is starting.
    Starting = 1,
    /// The process does its work.
    Serving = 2,
    /// The process finishes its requests and ends.
    Draining = 3,
}

/// One number of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Number {
    State,
    Pid,
    StartedAt,
    Heartbeat,
    ConnectionsOpen,
    RequestsInFlight,
    QueueDepth,
    WalBytes,
    Requests,
    Connections,
    Restarts,
    Writes,
    LockRetries,
    GaveUp,
    CheckpointFrames,
    Checkpoints,
    CheckpointsBlocked,
    CheckpointsFailed,
    LastCheckpoint,
    WriteLockWaitingSince,
    WriteLockHeldSince,
    OldestReadSince,
    LastBackup,
    Backups,
    BackupsFailed,
    DamageFound,
    DatabaseOpen,
    DatabaseInUse,
    DatabaseWaiting,
    DatabaseAbandoned,
    DatabaseMax,
    LogLinesDropped,
    AcceptsFailed,
    DiskFree,
    DiskShort,
    ConnectionsEvicted,
    ConnectionsTurnedAway,
    HeadsRefused,
    ReadCacheHits,
    ReadCacheMisses,
    ReadCacheSynchronisations,
    ReadCacheClears,
    ReadCacheBytes,
    EventStreamsOpen,
}

/// What happens to a number when its entry is used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The number only grows, and keeps its value when the entry is filled again.
    Counter,
    /// The number describes one process, and starts at zero for each process.
    Gauge,
    /// The time at which something happened last, in microseconds since the epoch. The number keeps
    /// its value when the entry is filled again, and is exported as seconds.
    Moment,
}

/// How the numbers of several entries become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Merge {
    /// The sum over all entries.
    Sum,
    /// The largest of them.
    Max,
    /// One number for each slot: the sum of its two entries.
    PerSlot,
    /// The number is not exported.
    Hidden,
}

/// One line of the table of numbers.
pub(super) struct NumberRow {
    pub number: Number,
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub merge: Merge,
}

const fn row(
    number: Number,
    kind: Kind,
    merge: Merge,
    name: &'static str,
    help: &'static str,
) -> NumberRow {
    NumberRow { number, name, help, kind, merge }
}

/// Every number, in the order of [`Number`].
pub(super) const NUMBERS: [NumberRow; 44] = [
    row(Number::State, Kind::Gauge, Merge::Hidden, "", ""),
    row(Number::Pid, Kind::Gauge, Merge::Hidden, "", ""),
    row(Number::StartedAt, Kind::Gauge, Merge::Hidden, "", ""),
    row(Number::Heartbeat, Kind::Gauge, Merge::Hidden, "", ""),
    row(
        Number::ConnectionsOpen,
        Kind::Gauge,
        Merge::PerSlot,
        "persona_connections_open",
        "Connections that are open now.",
    ),
    row(
        Number::RequestsInFlight,
        Kind::Gauge,
        Merge::Sum,
        "persona_http_requests_in_flight",
        "Requests that are being answered now.",
    ),
    row(
        Number::QueueDepth,
        Kind::Gauge,
        Merge::Sum,
        "persona_write_queue_depth",
        "Writes that wait for their transaction now.",
    ),
    row(Number::WalBytes, Kind::Gauge, Merge::Max, "persona_wal_bytes", "Bytes of the WAL."),
    row(Number::Requests, Kind::Counter, Merge::Hidden, "", ""),
    row(
        Number::Connections,
        Kind::Counter,
        Merge::PerSlot,
        "persona_connections_total",
        "Connections that were accepted.",
    ),
    row(
        Number::Restarts,
        Kind::Counter,
        Merge::PerSlot,
        "persona_process_restarts_total",
        "How often the process of a slot was replaced.",
    ),
    row(
        Number::Writes,
        Kind::Counter,
        Merge::Sum,
        "persona_writes_total",
        "Writes that were part of a finished transaction.",
    ),
    row(
        Number::LockRetries,
        Kind::Counter,
        Merge::Sum,
        "persona_lock_retries_total",
        "Attempts that met a lock held outside the write lock.",
    ),
    row(
        Number::GaveUp,
        Kind::Counter,
        Merge::Sum,
        "persona_writes_given_up_total",
        "Writes that did not get their turn in time.",
    ),
    row(
        Number::CheckpointFrames,
        Kind::Counter,
        Merge::Sum,
        "persona_checkpoint_frames_total",
        "Frames of the WAL that checkpoints copied into the database file.",
    ),
    row(
        Number::Checkpoints,
        Kind::Counter,
        Merge::Sum,
        "persona_checkpoints_total",
        "Checkpoints that copied the whole WAL into the database file.",
    ),
    row(
        Number::CheckpointsBlocked,
        Kind::Counter,
        Merge::Sum,
        "persona_checkpoints_blocked_total",
        "Checkpoints that a reader of an old snapshot blocked.",
    ),
    row(
        Number::CheckpointsFailed,
        Kind::Counter,
        Merge::Sum,
        "persona_checkpoints_failed_total",
        "Checkpoints that failed.",
    ),
    row(
        Number::LastCheckpoint,
        Kind::Moment,
        Merge::Max,
        "persona_last_checkpoint_timestamp_seconds",
        "When a checkpoint last copied the whole WAL; 0 for never.",
    ),
    row(Number::WriteLockWaitingSince, Kind::Gauge, Merge::Hidden, "", ""),
    row(Number::WriteLockHeldSince, Kind::Gauge, Merge::Hidden, "", ""),
    row(Number::OldestReadSince, Kind::Gauge, Merge::Hidden, "", ""),
    row(
        Number::LastBackup,
        Kind::Gauge,
        Merge::Max,
        "persona_backup_last_success_time_seconds",
        "When the newest scheduled backup was made, in seconds since the epoch; 0 when there is \
         none.",
    ),
    row(
        Number::Backups,
        Kind::Counter,
        Merge::Sum,
        "persona_backups_total",
        "Scheduled backups that were made and checked.",
    ),
    row(
        Number::BackupsFailed,
        Kind::Counter,
        Merge::Sum,
        "persona_backups_failed_total",
        "Scheduled backups that failed.",
    ),
    row(
        Number::DamageFound,
        Kind::Counter,
        Merge::Sum,
        "persona_damage_found_total",
        "Damaged personas that the maintenance process, reads or writes came across.",
    ),
    row(Number::DatabaseOpen, Kind::Gauge, Merge::Hidden, "", ""),
    row(
        Number::DatabaseInUse,
        Kind::Gauge,
        Merge::PerSlot,
        "persona_database_connections_in_use",
        "Connections to the database server that a request uses now.",
    ),
    row(
        Number::DatabaseWaiting,
        Kind::Gauge,
        Merge::PerSlot,
        "persona_database_connections_waiting",
        "Requests that wait for a connection to the database server now.",
    ),
    row(
        Number::DatabaseAbandoned,
        Kind::Gauge,
        Merge::PerSlot,
        "persona_database_connections_abandoned",
        "Connections on which the database server gave no answer in time, kept until it does.",
    ),
    row(
        Number::DatabaseMax,
        Kind::Gauge,
        Merge::PerSlot,
        "persona_database_connections_max",
        "Most connections to the database server that the pool of a slot may have.",
    ),
    row(
        Number::LogLinesDropped,
        Kind::Counter,
        Merge::Sum,
        "persona_log_lines_dropped_total",
        "Lines of the log that were dropped because what reads it was too slow, or could not be \
         written to.",
    ),
    row(
        Number::AcceptsFailed,
        Kind::Counter,
        Merge::Sum,
        "persona_accepts_failed_total",
        "Attempts to accept a connection that failed because the process or the machine had run \
         out of something.",
    ),
    row(
        Number::DiskFree,
        Kind::Gauge,
        Merge::Max,
        "persona_disk_free_bytes",
        "Bytes that may still be written to the disk of the database.",
    ),
    row(
        Number::DiskShort,
        Kind::Gauge,
        Merge::Max,
        "persona_disk_short",
        "1 while writes are refused because the disk has less free than the reserve; 0 otherwise.",
    ),
    row(
        Number::ConnectionsEvicted,
        Kind::Counter,
        Merge::Sum,
        "persona_connections_evicted_total",
        "Connections that were closed to make room for others.",
    ),
    row(
        Number::ConnectionsTurnedAway,
        Kind::Counter,
        Merge::Sum,
        "persona_connections_turned_away_total",
        "Requests that were told to come again because every connection was busy.",
    ),
    row(
        Number::HeadsRefused,
        Kind::Counter,
        Merge::Sum,
        "persona_heads_refused_total",
        "Requests that were refused because their head cannot be read, is too large or came too \
         slowly, or because the frame of their body is broken.",
    ),
    row(
        Number::ReadCacheHits,
        Kind::Counter,
        Merge::Sum,
        "persona_read_cache_hits_total",
        "Reads of one persona that were answered from the cache of a worker.",
    ),
    row(
        Number::ReadCacheMisses,
        Kind::Counter,
        Merge::Sum,
        "persona_read_cache_misses_total",
        "Reads of one persona that had to ask the database although there is a cache.",
    ),
    row(
        Number::ReadCacheSynchronisations,
        Kind::Counter,
        Merge::Sum,
        "persona_read_cache_synchronisations_total",
        "Times that a worker dropped from its cache what was changed since it last looked.",
    ),
    row(
        Number::ReadCacheClears,
        Kind::Counter,
        Merge::Sum,
        "persona_read_cache_clears_total",
        "Times that a worker dropped its whole cache, because another program had written to the \
         file or too much was changed at once.",
    ),
    row(
        Number::ReadCacheBytes,
        Kind::Gauge,
        Merge::Sum,
        "persona_read_cache_bytes",
        "Memory that the caches of all workers take up.",
    ),
    row(
        Number::EventStreamsOpen,
        Kind::Gauge,
        Merge::Sum,
        "persona_event_streams_open",
        "Streams of events that are open now.",
    ),
];

#[cfg(test)]
mod tests {
    use super::NUMBERS;

    #[test]
    fn the_table_is_in_the_order_of_the_cells() {
        for (position, row) in NUMBERS.iter().enumerate() {
            assert_eq!(row.number as usize, position, "{}", row.name);
        }
    }
}
