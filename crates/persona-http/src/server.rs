//! The traits through which the router sees its process and its server.
//!
//! The scoreboard, which the processes of a server share, implements the traits. [`Alone`]
//! implements them for a router outside of a server: in a command that opens the database itself.

use std::time::Duration;

use persona_model::Timestamp;

use crate::contract::findings::Finding;
use crate::contract::status::{
    Backups, Checkpoints, Contention, Process, ReadCache, Status, WriteLockUser,
};
use crate::contract::tasks::{Task, TaskKind};
use crate::contract::{OperationId, Time};

/// Counts what this process answers.
pub trait Metrics: Send + Sync {
    /// Counts an answered request; `operation` is `None` for an unknown path or method.
    fn request_answered(&self, operation: Option<OperationId>, status: u16, took: Duration);

    /// Counts a request that breaks the rules of HTTP after its head.
    fn head_refused(&self);

    /// Counts a stream of events that was opened.
    fn event_stream_opened(&self);

    /// Counts a stream of events that has ended.
    fn event_stream_ended(&self);
}

/// The state of all processes of the server.
pub trait ServerState: Send + Sync {
    /// The slot of this process: 1 and up for workers, 0 where no server runs.
    fn slot(&self) -> u16;

    /// The figures of all processes, at this moment.
    fn figures(&self, now: Timestamp) -> ServerFigures;

    /// Every metric of all processes, in the Prometheus text format 0.0.4.
    fn metrics_text(&self) -> String;

    /// Has the workers replaced one by one.
    fn restart(&self) -> Restart {
        Restart::Impossible
    }

    /// Has the maintenance process begin a task. Of several requests at once, on any workers, one
    /// is taken.
    ///
    /// # Errors
    ///
    /// The server does not offer the task, or has enough to do.
    fn begin_task(&self, _kind: TaskKind, _now: Timestamp) -> Result<Task, TaskRefusal> {
        Err(TaskRefusal::NoServer)
    }

    /// Each kind of task, and what became of the last one; empty where no server runs.
    fn tasks(&self) -> Vec<Task> {
        Vec::new()
    }

    /// What the checks find of a server with this status; empty where no server runs.
    fn findings(&self, _status: &Status, _now: Timestamp) -> Vec<Finding> {
        Vec::new()
    }
}

/// Why a task is not begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskRefusal {
    /// No server runs here.
    NoServer,
    /// The server does not offer the task; the text says why, and what to do instead.
    NotOffered(&'static str),
    /// A task of this kind is under way.
    Busy(TaskKind),
    /// The last task of this kind has ended a moment ago.
    Rests {
        /// Which kind.
        kind: TaskKind,
        /// How long until the next one.
        rest: Duration,
    },
}

/// What came of the wish that the workers are replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// The supervisor was told.
    Begun,
    /// The workers are being replaced.
    UnderWay,
    /// The workers were replaced a short time ago; the next time has to wait this long.
    TooSoon(Duration),
    /// No server runs, or the supervisor cannot be told.
    Impossible,
}

/// The figures of all processes of the server, except for those of the database.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerFigures {
    /// When the server started.
    pub started_at: Time,
    /// The checkpoints of the write-ahead log.
    pub checkpoints: Checkpoints,
    /// The processes that wait for the write lock, and the one that holds it.
    pub write_lock: Vec<WriteLockUser>,
    /// How long writers waited for each other.
    pub contention: Contention,
    /// The backups of the server.
    pub backups: Backups,
    /// The number of damaged personas that processes found.
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

/// A router outside of a server: nothing is counted, and there are no other processes.
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
