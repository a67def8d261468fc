//! What all clients of one run share.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Mutex, OnceLock, PoisonError};

use persona_model::PersonaId;

use super::checks::{Check, Findings};
use super::history::{History, Knowledge, Record, RequestKind};
use super::pool::Pool;
use crate::client::ServerAddress;

/// Most personas of one run; enough that few clients meet on one, few enough to be exported in
/// seconds.
const PERSONAS_MAX: usize = 10_000;

/// What all clients of one run share.
#[derive(Debug)]
pub struct Load {
    /// Where the server is.
    pub address: ServerAddress,
    /// Tells the personas of this run from all others.
    pub tag: String,
    /// The slots of the workers; 0 alone when the server does not name them.
    pub workers: Vec<u8>,
    /// How many personas, the first ones, half of all requests are about.
    pub hot: u32,
    /// Processes are killed meanwhile, so that lost answers are no fault.
    pub killing: bool,
    /// Spare connections.
    pub pool: Pool,
    /// What was asked and answered.
    pub history: History,
    /// What clients saw at once.
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
    requests: AtomicU32,
    stopped: AtomicBool,
    full: AtomicBool,
    refusing: AtomicBool,
    gone: OnceLock<String>,
}

impl Load {
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

    /// From now on the server refuses writes because it is told to.
    pub fn expect_refusals(&self) {
        self.refusing.store(true, Relaxed);
    }

    /// Whether a server that is busy, or has no space, is no fault.
    pub fn tolerates_refusals(&self) -> bool {
        self.killing || self.refusing.load(Relaxed)
    }

    /// Ends the load, because the server has no space left, which is no fault of it.
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

    /// Whether the server is there and takes writes, so that more than the load can be asked of it.
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

    /// The number of a new persona; `None` when there are enough.
    pub fn new_persona(&self) -> Option<u32> {
        let mut personas = self.personas();
        personas.push(None);
        u32::try_from(personas.len() - 1).ok().filter(|_| personas.len() <= PERSONAS_MAX)
    }

    /// What a persona is called.
    pub fn name_of(&self, persona: u32) -> String {
        format!("{} {persona}", self.tag)
    }

    /// Keeps the identity of a persona.
    pub fn named(&self, persona: u32, id: PersonaId) {
        self.personas()[persona as usize] = Some(id);
    }

    /// The identities of all personas, by number; `None` where none is known yet.
    pub fn personas(&self) -> std::sync::MutexGuard<'_, Vec<Option<PersonaId>>> {
        self.personas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a broken promise.
    pub fn complain(&self, check: Check, what: String) {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).add(check, what);
    }

    /// Notes a request and its answer.
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
        // The export after the load has to have room as well, and it does: a list grows beyond its
        // intended length.
        if !self.history.add(record) && record.operation != RequestKind::Export {
            self.stop();
        }
    }
}
