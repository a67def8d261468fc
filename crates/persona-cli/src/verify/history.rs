//! The history: one small record for each request and its answer.
//!
//! The clock is monotonic and the same for all clients, because all of them are tasks of one
//! process.

use std::sync::Mutex;
use std::time::Instant;

/// Most records of one run: 20 million of 56 bytes are 1.1 GB, and twice that while the list grows.
pub const RECORDS_MAX: usize = 20_000_000;

/// The kind of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum RequestKind {
    /// POST: a new persona.
    Create,
    /// PATCH: adds one key and changes nothing else.
    Patch,
    /// PUT with `If-Match`: replaces all keys by one.
    Replace,
    /// DELETE with `If-Match`.
    Delete,
    /// POST to `undelete` with `If-Match`.
    Undelete,
    /// GET, with or without `If-None-Match`.
    Read,
    /// GET on another worker, right after a write was acknowledged.
    Visit,
    /// A line of the export after the load.
    Export,
}

impl RequestKind {
    /// Every operation.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Patch,
        Self::Replace,
        Self::Delete,
        Self::Undelete,
        Self::Read,
        Self::Visit,
        Self::Export,
    ];

    /// The word for this kind in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
            Self::Read => "read",
            Self::Visit => "visit",
            Self::Export => "export",
        }
    }

    /// Whether the request is a write.
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Patch | Self::Replace | Self::Delete | Self::Undelete)
    }
}

/// What the client knows about the outcome of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Knowledge {
    /// The request succeeded.
    Done,
    /// The answer says that nothing was changed, because a condition was not met or the server was
    /// busy.
    Refused,
    /// The answer says that nothing was changed, because the persona is deleted.
    Deleted,
    /// There was no answer: the request may have taken effect or not.
    Unknown,
}

/// One request and its answer. Times are nanoseconds since the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// When the request was about to be sent.
    pub invoked_at: u64,
    /// When the answer was there, or the client gave up.
    pub returned_at: u64,
    /// The state that the answer shows (see [`super::checks`]), if it shows one.
    pub state: Option<std::num::NonZeroU64>,
    /// The effect of a write on the state.
    pub effect: u64,
    /// The number of the persona in this run.
    pub persona: u32,
    /// The revision that the answer names; `None` when it names none, 0 when it says that there is
    /// no such persona.
    pub revision: Option<u32>,
    /// The number of the write, the same for all its attempts; 0 for reads.
    pub request: u32,
    /// The revision that a conditional write expects; 0 without a condition.
    pub expected: u32,
    /// The worker that answered; 0 when unknown.
    pub worker: u8,
    /// The kind of the request.
    pub operation: RequestKind,
    /// The outcome.
    pub outcome: Knowledge,
    /// Whether the answer was that of an earlier attempt (`Idempotency-Replayed`), so that it says
    /// nothing about the current state.
    pub replayed: bool,
}

/// Collects records.
#[derive(Debug)]
pub struct History {
    began: Instant,
    records: Mutex<Vec<Record>>,
}

impl History {
    /// An empty history that begins now.
    pub fn new() -> Self {
        Self { began: Instant::now(), records: Mutex::default() }
    }

    /// Nanoseconds since the beginning.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Adds a record; returns whether there is room for more.
    pub fn add(&self, record: Record) -> bool {
        let mut records = self.records.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        records.push(record);
        records.len() < RECORDS_MAX
    }

    /// Takes everything out.
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.records.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}
