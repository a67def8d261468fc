//! What the router sees of the process and the server that it runs in.
//!
//! The traits are implemented by the memory that the processes of a server share, and by [`Alone`]
//! for a router that no server runs: a command that opens the database itself.

use std::time::Duration;

use persona_model::Timestamp;

use crate::contract::status::{
    Backups, Checkpoints, Contention, Process, ReadCache, WriteLockUser,
};
use crate::contract::{OperationId, Time};

/// Counts what this process answers.
pub trait Metrics: Send + Sync {
    /// Counts an answered request; `None` where there is no such operation.
    fn request_answered(&self, operation: Option<OperationId>, status: u16, took: Duration);

    /// Counts a request that breaks the rules of HTTP after its head.
    fn head_refused(&self);

    /// Counts a stream of events that was opened.
    fn event_stream_opened(&self);

    /// Counts a stream of events that has ended.
    fn event_stream_ended(&self);
}

/// What all processes of the server say of themselves.
pub trait ServerState: Send + Sync {
    /// The slot of this process: 1 and up for workers, 0 where no server runs.
    fn slot(&self) -> u16;

    /// The figures of all processes, at this moment.
    fn figures(&self, now: Timestamp) -> ServerFigures;

    /// Every metric of all processes, in the Prometheus text format 0.0.4.
    fn metrics_text(&self) -> String;

    /// Has the workers replaced one by one; `false` where no server runs, or where the supervisor
    /// cannot be told.
    fn restart(&self) -> bool {
        false
    }
}

/// The figures of all processes of the server, as far as they concern no database.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerFigures {
    /// When the server started.
    pub started_at: Time,
    /// How the write-ahead log was copied back.
    pub checkpoints: Checkpoints,
    /// The processes that wait for the turn to write, and the one that has it.
    pub write_lock: Vec<WriteLockUser>,
    /// How long writers waited for each other.
    pub contention: Contention,
    /// The backups of the server.
    pub backups: Backups,
    /// Damaged personas that processes came across.
    pub damage_found: u64,
    /// The caches of reads of all workers.
    pub read_cache: ReadCache,
    /// Requests that are being answered now.
    pub requests_in_flight: u64,
    /// Streams of events that are open now.
    pub event_streams: u64,
    /// All processes, by slot.
    pub processes: Vec<Process>,
}

/// No server: nothing is counted, and there are no other processes.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Metrics for Alone {
    fn request_answered(&self, _: Option<OperationId>, _: u16, _: Duration) {}

    fn head_refused(&self) {}

    fn event_stream_opened(&self) {}

    fn event_stream_ended(&self) {}
}

impl ServerState for Alone {
    fn slot(&self) -> u16 {
        0
    }

    fn figures(&self, _: Timestamp) -> ServerFigures {
        ServerFigures::default()
    }

    fn metrics_text(&self) -> String {
        String::new()
    }
}
