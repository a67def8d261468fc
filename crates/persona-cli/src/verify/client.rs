//! One client of the load: it sends requests, records them with their answers, and reads on the
//! other workers after each of its writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use persona_model::{EntityTag, PersonaId, Revision};

use super::answer::Understood;
use super::ask::Ask;
use super::attempt::{attempt, attempt_on};
use super::batches::{self, Change};
use super::checks::Check;
use super::connection::Connection;
use super::history::{Knowledge, RequestKind};
use super::load::Load;
use super::random::Random;
use super::search::{Written, search_name, search_word};

/// A document with more keys is replaced by one with a single key, so that documents stay small.
const KEYS_MAX: usize = 48;
/// One patch in this many is sent without an idempotency key, so that a lost answer stays lost.
const WITHOUT_KEY_ONCE_IN: u64 = 8;
/// One acknowledged write in this many is sent again on purpose.
const REPEATED_ONCE_IN: u64 = 8;
/// One acknowledged change in this many is searched for by its unique word.
const SEARCHED_ONCE_IN: u64 = 4;
/// Most attempts at one write, if the answers get lost.
const ATTEMPTS_MAX: usize = 50;
/// Most items of a batch.
const BATCH_ITEMS: u32 = 4;
/// Pause between two attempts to connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(10);
/// How long a server may be unreachable while processes are killed, and while none is.
const AWAY_MAX_KILLING: Duration = Duration::from_mins(1);
const AWAY_MAX: Duration = Duration::from_secs(3);

/// The last state of a persona that a client saw.
#[derive(Clone, Copy, Debug, Default)]
struct Sight {
    tag: Option<EntityTag>,
    keys: usize,
    is_deleted: bool,
}

/// One client.
pub struct Client {
    load: Arc<Load>,
    random: Random,
    home: Option<Connection>,
    sights: HashMap<u32, Sight>,
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(load: Arc<Load>, random: Random) -> Self {
        Self { load, random, home: None, sights: HashMap::new() }
    }

    /// Creates personas.
    pub async fn create_many(&mut self, count: u32) {
        for _ in 0..count {
            self.create().await;
        }
    }

    /// Works until the load ends.
    pub async fn run(mut self) {
        while !self.load.is_stopped() {
            self.act().await;
        }
    }

    /// Writes to a persona until one of the writes is refused, at most `most` times.
    pub async fn write_until_refused(&mut self, persona: u32, most: u32) {
        let before = self.load.refused.load(Relaxed);
        for _ in 0..most {
            self.write(RequestKind::Patch, persona, None).await;
            if self.load.refused.load(Relaxed) > before {
                return;
            }
        }
    }

    /// Replaces and deletes a persona on a condition that does not hold.
    pub async fn write_in_vain(&mut self, persona: u32) {
        // After this patch the first revision is not the current one, whatever its checksum.
        self.write(RequestKind::Patch, persona, None).await;
        let gone = Some(EntityTag { revision: Revision::FIRST, checksum: 0 });
        self.write(RequestKind::Replace, persona, gone).await;
        self.write(RequestKind::Delete, persona, gone).await;
    }

    /// Reads a persona, so that the history contains its state.
    pub async fn look_at(&mut self, persona: u32) {
        self.read(persona).await;
    }

    async fn act(&mut self) {
        let persona = self.choose();
        if self.load.personas().get(persona as usize).copied().flatten().is_none() {
            // Another client is just creating the persona; without yielding, this task could block
            // that client.
            return tokio::task::yield_now().await;
        }
        let sight = self.sights.get(&persona).copied().unwrap_or_default();
        let is_hot = persona < self.load.hot;
        match self.random.below(100) {
            _ if sight.is_deleted => self.write(RequestKind::Undelete, persona, sight.tag).await,
            _ if sight.keys > KEYS_MAX => self.read_and(RequestKind::Replace, persona).await,
            0..45 => drop(self.read(persona).await),
            45..76 => self.write(RequestKind::Patch, persona, None).await,
            76..82 => self.batch(persona).await,
            82..94 => self.read_and(RequestKind::Replace, persona).await,
            94..97 => self.create().await,
            _ if is_hot => self.write(RequestKind::Patch, persona, None).await,
            _ => self.read_and(RequestKind::Delete, persona).await,
        }
    }

    /// Changes several personas in one request, every other time as an atomic batch.
    async fn batch(&mut self, persona: u32) {
        let is_atomic = self.random.once_in(2);
        let mut personas = vec![persona];
        for _ in 1..BATCH_ITEMS {
            let other = self.choose();
            if !personas.contains(&other) {
                personas.push(other);
            }
        }
        let known = self.load.personas().clone();
        let change = |persona: u32| {
            let id = known.get(persona as usize).copied().flatten()?;
            Some(Change { persona, id, request: self.load.new_request(), replaces: None })
        };
        let changes: Vec<Change> = personas.into_iter().filter_map(change).collect();
        let more = serde_json::json!({});
        if let Some((done, worker)) = self.send_batch(&changes, is_atomic, &more).await {
            for persona in done {
                self.visit(persona, worker).await;
            }
        }
    }

    /// Sends a batch until it is answered. Returns the personas that were changed, and the worker
    /// that answered.
    pub async fn send_batch(
        &mut self,
        changes: &[Change],
        is_atomic: bool,
        more: &serde_json::Value,
    ) -> Option<(Vec<u32>, u8)> {
        for _ in 0..ATTEMPTS_MAX {
            if self.load.is_full() {
                return None;
            }
            let mut connection = self.connect().await?;
            let done = batches::send(&self.load, &mut connection, changes, is_atomic, more).await;
            let worker = connection.worker;
            self.home = Some(connection);
            if let Some(done) = done {
                return Some((done, worker));
            }
        }
        None
    }

    /// Creates a persona that other clients do not know.
    pub async fn create_hidden(&mut self) -> Option<(u32, PersonaId)> {
        let (operation, persona) = (RequestKind::Create, self.load.new_persona()?);
        let request = self.load.new_request();
        let ask = Ask { request, has_key: true, ..Ask::of(operation, persona) };
        for _ in 0..ATTEMPTS_MAX {
            let mut connection = self.connect().await?;
            let created = self.attempt(&ask, &mut connection).await;
            self.home = Some(connection);
            if let Some(id) = created.and_then(|created| created.id) {
                return Some((persona, id));
            }
        }
        None
    }

    fn choose(&mut self) -> u32 {
        let all = self.load.personas().len() as u64;
        let bound = if self.random.once_in(2) { u64::from(self.load.hot).min(all) } else { all };
        u32::try_from(self.random.below(bound)).unwrap_or_default()
    }

    async fn create(&mut self) {
        if let Some(persona) = self.load.new_persona() {
            self.write(RequestKind::Create, persona, None).await;
        }
    }

    /// Reads a persona, and replaces or deletes it if no other client changed it meanwhile.
    async fn read_and(&mut self, operation: RequestKind, persona: u32) {
        let Some(seen) = self.read(persona).await else { return };
        if let Some(tag) = seen.tag.filter(|_| !seen.is_deleted) {
            self.write(operation, persona, Some(tag)).await;
        }
    }

    /// Reads a persona; every other time with `If-None-Match`, if it was read before.
    async fn read(&mut self, persona: u32) -> Option<Understood> {
        let known = self.sights.get(&persona).and_then(|sight| sight.tag);
        let expected = known.filter(|_| self.random.once_in(2));
        let ask = Ask { expected, ..Ask::of(RequestKind::Read, persona) };
        let mut connection = self.connect().await?;
        let understood = self.attempt(&ask, &mut connection).await;
        self.home = Some(connection);
        understood
    }

    /// Writes; repeats a write with a key when its answer gets lost; then reads on the other
    /// workers.
    async fn write(&mut self, operation: RequestKind, persona: u32, expected: Option<EntityTag>) {
        let has_key = operation != RequestKind::Patch || !self.random.once_in(WITHOUT_KEY_ONCE_IN);
        let request = self.load.new_request();
        let ask = Ask { request, expected, has_key, ..Ask::of(operation, persona) };
        for _ in 0..ATTEMPTS_MAX {
            if self.load.is_full() {
                return;
            }
            let Some(mut connection) = self.connect().await else { return };
            let understood = self.attempt(&ask, &mut connection).await;
            let worker = connection.worker;
            self.home = Some(connection);
            match understood {
                None => {}
                Some(lost) if lost.outcome == Knowledge::Unknown && has_key => {}
                Some(done) if done.outcome == Knowledge::Done => {
                    if let (RequestKind::Create, Some(id)) = (operation, done.id) {
                        self.load.named(persona, id);
                    }
                    self.visit(persona, worker).await;
                    let is_new = operation == RequestKind::Create;
                    if is_new || self.random.once_in(SEARCHED_ONCE_IN) {
                        self.search(&ask, &done).await;
                    }
                    if has_key && self.random.once_in(REPEATED_ONCE_IN) {
                        self.repeat(&ask, &done).await;
                    }
                    return;
                }
                Some(_) => return,
            }
        }
    }

    /// Reads on every other worker.
    async fn visit(&mut self, persona: u32, own: u8) {
        let load = Arc::clone(&self.load);
        for worker in load.workers.iter().filter(|worker| **worker != own || own == 0) {
            if let Some(seen) = attempt_on(&load, *worker, &Ask::visit(persona)).await {
                self.remember(persona, &seen);
            }
        }
    }

    /// Searches for an acknowledged write on any worker.
    async fn search(&mut self, ask: &Ask, done: &Understood) {
        let load = Arc::clone(&self.load);
        let (Some(id), Some(revision)) = (done.id, done.revision) else { return };
        let Some(mut connection) = self.connection_to_any().await else { return };
        match ask.operation {
            RequestKind::Create => search_name(&load, ask.persona, id, &mut connection).await,
            RequestKind::Patch | RequestKind::Replace => {
                let written = Written { id, revision, request: ask.request };
                search_word(&load, &written, &mut connection).await;
            }
            _ => {}
        }
        load.pool.put_back(connection);
    }

    async fn connection_to_any(&mut self) -> Option<Connection> {
        let load = Arc::clone(&self.load);
        let worker = self.random.below(load.workers.len() as u64);
        load.pool.take(load.workers[usize::try_from(worker).unwrap_or_default()]).await
    }

    /// Sends an acknowledged write again, to any worker: nothing may change, and the answer must be
    /// the first one.
    async fn repeat(&mut self, ask: &Ask, first: &Understood) {
        let load = Arc::clone(&self.load);
        let Some(mut connection) = self.connection_to_any().await else { return };
        let again = self
            .attempt(ask, &mut connection)
            .await
            .filter(|again| again.outcome == Knowledge::Done);
        if again.is_some_and(|again| again.id != first.id) {
            load.complain(
                Check::Once,
                format!(
                    "the repetition of request {} was answered with another persona",
                    ask.request
                ),
            );
        }
        load.pool.put_back(connection);
    }

    /// Sends a request once and records the result; `None` when it was not sent.
    async fn attempt(&mut self, ask: &Ask, connection: &mut Connection) -> Option<Understood> {
        let understood = attempt(&self.load, ask, connection).await?;
        self.remember(ask.persona, &understood);
        Some(understood)
    }

    fn remember(&mut self, persona: u32, understood: &Understood) {
        if understood.revision.is_none() || understood.replayed {
            return;
        }
        let sight = self.sights.entry(persona).or_default();
        let keys = if understood.state.is_some() { understood.keys } else { sight.keys };
        *sight = Sight { tag: understood.tag, keys, is_deleted: understood.is_deleted };
    }

    /// The kept connection, or a new one; `None` when the server stays unreachable.
    async fn connect(&mut self) -> Option<Connection> {
        if let Some(connection) = self.home.take().filter(Connection::is_open) {
            return Some(connection);
        }
        let away_max = if self.load.killing { AWAY_MAX_KILLING } else { AWAY_MAX };
        let began = Instant::now();
        while self.load.gone().is_none() {
            match Connection::open(&self.load.address).await {
                Ok(connection) => return Some(connection),
                Err(error) if began.elapsed() >= away_max => self.load.give_up(error.to_string()),
                Err(_) => tokio::time::sleep(CONNECT_PAUSE).await,
            }
        }
        None
    }
}
