//! The shared state of all clients of a run.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use http::{Method, request};
use persona_http::contract::OperationId;
use persona_model::PersonaId;

use super::checks::{Check, Findings};
use super::history::{History, Knowledge, Record, RequestKind};
use super::pool::Pool;
use crate::client::ServerAddress;

/// Most personas of one run; so many that two clients rarely use the same one, and few enough to be
/// exported in seconds.
const PERSONAS_MAX: usize = 10_000;

/// The shared state of all clients of a run.
#[derive(Debug)]
pub struct Load {
    /// The address of the server.
    pub address: ServerAddress,
    /// The tag that marks the personas of this run.
    pub tag: String,
    /// The slots of the workers; only 0 when the server does not name them.
    pub workers: Vec<u8>,
    /// The number of hot personas: half of all requests go to the first this many.
    pub hot: u32,
    /// Whether processes are killed during the load, so that lost answers are no fault.
    pub killing: bool,
    /// Spare connections.
    pub pool: Pool,
    /// The record of requests and answers.
    pub history: History,
    /// The violations that clients found themselves.
    pub findings: Mutex<Findings>,
    /// Requests that were answered or given up.
    pub operations: AtomicU64,
    /// Acknowledged writes.
    pub writes: AtomicU64,
    /// Requests without an answer.
    pub unknown: AtomicU64,
    /// Refused writes.
    pub refused: AtomicU64,
    personas: Mutex<Vec<Option<PersonaId>>>,
    purged: Mutex<Vec<PersonaId>>,
    unpurged: AtomicBool,
    requests: AtomicU32,
    stopped: AtomicBool,
    full: AtomicBool,
    refusing: AtomicBool,
    gone: OnceLock<String>,
}

impl Load {
    /// The beginning of a request of an operation for this target, with the token of the run.
    pub fn request(&self, operation: OperationId, target: &str) -> request::Builder {
        let method = operation.row().method.as_str();
        // The table has methods that HTTP has.
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        self.address.request(method, target)
    }

    /// The state before the first request.
    pub fn new(
        address: ServerAddress,
        tag: String,
        workers: Vec<u8>,
        hot: u32,
        killing: bool,
    ) -> Self {
        Self {
            pool: Pool::new(address.clone()),
            address,
            tag,
            workers,
            hot,
            killing,
            history: History::new(),
            findings: Mutex::default(),
            operations: AtomicU64::default(),
            writes: AtomicU64::default(),
            unknown: AtomicU64::default(),
            refused: AtomicU64::default(),
            personas: Mutex::default(),
            purged: Mutex::default(),
            unpurged: AtomicBool::default(),
            requests: AtomicU32::new(1),
            stopped: AtomicBool::default(),
            full: AtomicBool::default(),
            refusing: AtomicBool::default(),
            gone: OnceLock::new(),
        }
    }

    /// Begins no further request.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    /// Whether no further request is to begin.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Notes that the server refuses writes on purpose from now on.
    pub fn expect_refusals(&self) {
        self.refusing.store(true, Relaxed);
    }

    /// Whether refusals for load or lack of space are no fault.
    pub fn tolerates_refusals(&self) -> bool {
        self.killing || self.refusing.load(Relaxed)
    }

    /// Ends the load, because the server has no space left, which is no fault of the server.
    pub fn fill(&self) {
        self.full.store(!self.refusing.load(Relaxed), Relaxed);
        self.stop();
    }

    /// Whether the server had no space left.
    pub fn is_full(&self) -> bool {
        self.full.load(Relaxed)
    }

    /// Ends everything, because the server cannot be reached any more.
    pub fn give_up(&self, why: String) {
        // The first reason stays.
        let _ = self.gone.set(why);
        self.stop();
    }

    /// Whether the server can be reached and accepts writes, so that the tests after the load can
    /// run.
    pub fn can_go_on(&self) -> bool {
        self.gone().is_none() && !self.is_full()
    }

    /// Why the server cannot be reached any more.
    pub fn gone(&self) -> Option<&str> {
        self.gone.get().map(String::as_str)
    }

    /// The number of a new write.
    pub fn new_request(&self) -> u32 {
        self.requests.fetch_add(1, Relaxed)
    }

    /// The number of a new persona; `None` when there are [`PERSONAS_MAX`].
    pub fn new_persona(&self) -> Option<u32> {
        let mut personas = self.personas();
        personas.push(None);
        u32::try_from(personas.len() - 1).ok().filter(|_| personas.len() <= PERSONAS_MAX)
    }

    /// The name of a persona.
    pub fn name_of(&self, persona: u32) -> String {
        format!("{} {persona}", self.tag)
    }

    /// Stores the identity of a persona.
    pub fn named(&self, persona: u32, id: PersonaId) {
        self.personas()[persona as usize] = Some(id);
    }

    /// The identities of all personas, by number; `None` for an identity that is not known yet.
    pub fn personas(&self) -> MutexGuard<'_, Vec<Option<PersonaId>>> {
        self.personas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The personas of which a purge was acknowledged, in this order.
    pub fn purged(&self) -> MutexGuard<'_, Vec<PersonaId>> {
        self.purged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a persona that was to be purged may be left.
    pub fn leave_unpurged(&self) {
        self.unpurged.store(true, Relaxed);
    }

    /// Whether all personas that were to be purged are.
    pub fn has_purged_all(&self) -> bool {
        !self.unpurged.load(Relaxed)
    }

    /// What clients found themselves.
    pub fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a broken promise.
    pub fn complain(&self, check: Check, what: String) {
        self.findings().add(check, what);
    }

    /// Records a request and its answer.
    pub fn record(&self, record: Record) {
        self.operations.fetch_add(1, Relaxed);
        let counter = match record.outcome {
            Knowledge::Unknown => Some(&self.unknown),
            Knowledge::Refused if record.operation.is_write() => Some(&self.refused),
            Knowledge::Done if record.operation.is_write() => Some(&self.writes),
            _ => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Relaxed);
        }
        // When the history is full the load ends, except for the export after the load, for which
        // the list may grow further.
        if !self.history.add(record) && record.operation != RequestKind::Export {
            self.stop();
        }
    }
}
