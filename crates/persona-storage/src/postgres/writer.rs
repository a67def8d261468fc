//! Writes: the order of their turns.
//!
//! Writers of one persona take turns within a process, in order of arrival, so that they do not
//! outrun each other; between processes the condition in the statement decides. From its turn on a
//! write waits in a queue, and those that wait at the same time share a transaction (`group.rs`).
//! What was taken from the queue is settled whether or not its client still waits.
//!
//! A heavy write, which brings or changes a large document, takes a turn before: one at a time in a
//! process, so that heavy ones do not hold the connections that others need. It is worked on alone,
//! by a thread of its own, because reading, patching and folding such a document would hold up the
//! thread that all connections live on.
//!
//! An atomic batch is a heavy write too (`together.rs`).
//!
//! Start reading at [`Writer::write`], then `group.rs`, then `Shared::settle` (`settle.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use persona_model::{Clock, PersonaId};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::connection::Connection;
use super::error::from_pool;
use super::group::{self, GROUPS_AT_ONCE};
use super::label_attempt::Moving;
use super::persona_turns::{PersonaTurn, PersonaTurns};
use super::pool::{Pool, READ_WAIT_MAX};
use super::purge;
use super::purge_attempt::Purging;
use super::settle::{Tries, pause};
use super::settle_all::Settling;
use super::together_attempt::Batch;
use super::write_attempt::{Common, Request};
use super::write_queue::Queue;
use crate::observer::Waiting;
use crate::time::Time;
use crate::weights::Weights;
use crate::{
    AtomicBatch, Error, GLANCE_BYTES_MAX, LabelMoves, MovedLabel, NotApplied, Observer, Operation,
    Purge, Tombstone, Turn, Turns, Write, Written,
};

/// Most writes of one process that are under way or wait.
const WRITES_MAX: u32 = 1024;
/// Most concurrent heavy writes of one process.
const HEAVY_AT_ONCE: usize = 1;
/// Longest wait for a database that cannot be reached, if nothing was sent to it yet: longer than a
/// failover takes.
pub(super) const AWAY_MAX: Duration = Duration::from_secs(10);
/// The entry point of writes.
pub(super) struct Writer {
    shared: Arc<Shared>,
    io_thread: Handle,
}

/// The result of a write that was taken from the queue.
pub(super) enum Settled {
    /// The write is done.
    Written(Written),
    /// Nothing was done, because the persona has this many bytes: a heavy write needs a turn first.
    Large(usize),
}

/// A write's turn at its persona, and its place among the writes of the process.
pub(super) type Held = (PersonaTurn, OwnedSemaphorePermit);

/// The shared state of all writes of a process.
pub(super) struct Shared {
    pub pool: Pool,
    pub common: Arc<Common>,
    pub observer: Arc<dyn Observer>,
    pub queue: Queue,
    heavy: Turns,
    weights: Weights,
    turns: PersonaTurns,
    room: Arc<Semaphore>,
    closing: AtomicBool,
    /// Whether another version of the program changed the schema.
    pub other_schema: watch::Sender<bool>,
}

impl Writer {
    pub(super) fn new(
        pool: Pool,
        keys_max: u64,
        io_thread: Handle,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(WRITES_MAX as usize));
        let shared = Arc::new(Shared {
            pool,
            common: Common::new(Time::new(clock), keys_max),
            observer,
            queue: Queue::default(),
            heavy: Turns::new(HEAVY_AT_ONCE),
            weights: Weights::default(),
            turns: PersonaTurns::default(),
            room,
            closing: AtomicBool::new(false),
            other_schema: watch::Sender::new(false),
        });
        for _ in 0..GROUPS_AT_ONCE {
            io_thread.spawn(group::run(Arc::clone(&shared)));
        }
        Self { shared, io_thread }
    }

    /// Waits for the write's turn and then until it is settled.
    pub(super) async fn write(&self, write: Write) -> Result<Written, Error> {
        let write = Arc::new(write);
        loop {
            match self.write_once(&write).await {
                Ok(Settled::Written(written)) => return Ok(written),
                // The size is known now, so this happens once.
                Ok(Settled::Large(bytes)) => self.learn(write.operation.id(), bytes),
                Err(error) => return Err(purge::told(&self.shared.pool, &write, error).await),
            }
        }
    }

    async fn write_once(&self, write: &Arc<Write>) -> Result<Settled, Error> {
        let shared = &self.shared;
        let place = shared.place()?;
        let began = Instant::now();
        let waiting = Waiting::begin(&shared.observer);
        let heavy = shared.heavy_turn(write).await?;
        let held = (shared.turn(write).await?, place);
        // A late write asks for no connection: while none exists yet, the error would be about a
        // missing connection and not about the deadline.
        shared.check_not_late(write)?;
        match heavy {
            Some(heavy) => self.write_heavy(write, began, waiting, (held, heavy)).await,
            None => self.write_light(write, began, waiting, held).await,
        }
    }

    /// Waits in the queue until a transaction takes the write, and then until it is settled.
    async fn write_light(
        &self,
        write: &Arc<Write>,
        began: Instant,
        waiting: Waiting,
        held: Held,
    ) -> Result<Settled, Error> {
        let shared = &self.shared;
        let (ticket, mut settled) = shared.queue.join(write, began, waiting, held);
        if let Ok(settled) = tokio::time::timeout_at(write.deadline.into(), &mut settled).await {
            return settled.unwrap_or(Err(Error::OutcomeUnknown));
        }
        if ticket.leave() {
            return Err(shared.gave_up("its turn to write"));
        }
        settled.await.unwrap_or(Err(Error::OutcomeUnknown))
    }

    /// Works on a heavy write with a connection and a thread of its own.
    async fn write_heavy(
        &self,
        write: &Arc<Write>,
        began: Instant,
        waiting: Waiting,
        held: (Held, Turn),
    ) -> Result<Settled, Error> {
        let shared = Arc::clone(&self.shared);
        let connection = shared.connection(write.deadline, began + AWAY_MAX).await?;
        shared.check_not_late(write)?;
        drop(waiting);
        shared.observer.queued(began.elapsed());
        let request = Request::new(Arc::clone(write), &shared.common, usize::MAX)?;
        let settling = async move {
            let settled = shared.settle(request, Some(connection), Tries::default()).await;
            shared.learn_from(&settled);
            drop(held);
            settled
        };
        let io_thread = self.io_thread.clone();
        let settled = tokio::task::spawn_blocking(move || io_thread.block_on(settling));
        settled.await.unwrap_or(Err(Error::OutcomeUnknown))
    }

    /// Waits for the turn of a heavy write, and then until the batch is settled: with a connection
    /// and a thread of its own.
    pub(super) async fn write_all(&self, batch: AtomicBatch) -> Result<Vec<Written>, NotApplied> {
        let shared = Arc::clone(&self.shared);
        let (began, deadline) = (Instant::now(), batch.deadline());
        let place = shared.place()?;
        let waiting = Waiting::begin(&shared.observer);
        let turn = shared.heavy.take(batch.client(), deadline).await;
        let held = (place, turn.ok_or_else(|| shared.gave_up("its turn to write"))?);
        shared.check_not_late(&batch.writes()[0])?;
        let connection = shared.connection(deadline, began + AWAY_MAX).await?;
        shared.check_not_late(&batch.writes()[0])?;
        drop(waiting);
        shared.observer.queued(began.elapsed());
        let batch = Batch::of(batch, &shared.common)?;
        let together = Settling::new(Arc::clone(&shared), deadline, batch);
        let settling = async move {
            let settled = together.settle(connection).await;
            drop(held);
            settled
        };
        let io_thread = self.io_thread.clone();
        let settled = tokio::task::spawn_blocking(move || io_thread.block_on(settling)).await;
        let written = settled.unwrap_or_else(|_| Err(Error::OutcomeUnknown.into()))?;
        for Written { representation, .. } in &written {
            self.learn(representation.id, representation.body.len());
        }
        Ok(written)
    }

    /// Waits for a connection, and then until the moves are settled, on the thread of connections:
    /// they hold no document, and are few.
    pub(super) async fn move_labels(
        &self,
        moves: LabelMoves,
    ) -> Result<Vec<MovedLabel>, NotApplied> {
        let shared = Arc::clone(&self.shared);
        let (began, deadline) = (Instant::now(), moves.deadline);
        let place = shared.place()?;
        let waiting = Waiting::begin(&shared.observer);
        shared.check_in_time(deadline)?;
        let connection = shared.connection(deadline, began + AWAY_MAX).await?;
        shared.check_in_time(deadline)?;
        drop(waiting);
        shared.observer.queued(began.elapsed());
        let moving = Settling::new(shared, deadline, Moving::of(moves)?);
        let settling = self.io_thread.spawn(async move {
            let settled = moving.settle(connection).await;
            drop(place);
            settled
        });
        settling.await.unwrap_or_else(|_| Err(Error::OutcomeUnknown.into()))
    }

    /// Waits for the turn of a heavy write, and then until the purge is settled, on a thread of its
    /// own: the document is read for its checksum. The server removes any history in one
    /// transaction, beside which others go on.
    pub(super) async fn purge(&self, purge: Purge) -> Result<Tombstone, Error> {
        let shared = Arc::clone(&self.shared);
        let (began, deadline) = (Instant::now(), purge.deadline);
        let place = shared.place()?;
        let waiting = Waiting::begin(&shared.observer);
        let turn = shared.heavy.take(purge.client, deadline).await;
        let held = (place, turn.ok_or_else(|| shared.gave_up("its turn to write"))?);
        shared.check_in_time(deadline)?;
        let connection = shared.connection(deadline, began + AWAY_MAX).await?;
        shared.check_in_time(deadline)?;
        drop(waiting);
        shared.observer.queued(began.elapsed());
        let purging = Purging::new(shared, purge)?;
        let settling = async move {
            let settled = purging.settle(connection).await;
            drop(held);
            settled
        };
        let io_thread = self.io_thread.clone();
        let settled = tokio::task::spawn_blocking(move || io_thread.block_on(settling));
        settled.await.unwrap_or(Err(Error::OutcomeUnknown))
    }

    /// Remembers how large a persona is, for the next write of it.
    pub(super) fn learn(&self, id: PersonaId, bytes: usize) {
        self.shared.weights.learn(id, bytes);
    }

    /// Takes no further write, and waits until all that were taken are settled.
    pub(super) async fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        // Every write holds a place until it is settled. The semaphore is never closed, so this
        // always succeeds.
        drop(self.shared.room.acquire_many(WRITES_MAX).await);
    }

    /// Waits until a write has found another version of the schema; then no write succeeds any
    /// more.
    pub(super) async fn other_schema(&self) {
        // The sender lives as long as this value.
        let _ = self.shared.other_schema.subscribe().wait_for(|changed| *changed).await;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.shared.closing.load(Ordering::Acquire)
    }
}

impl Shared {
    /// Remembers how large a persona is that was written.
    pub(super) fn learn_from(&self, settled: &Result<Settled, Error>) {
        if let Ok(Settled::Written(written)) = settled {
            let answer = &written.representation;
            self.weights.learn(answer.id, answer.body.len());
        }
    }

    /// A place among the writes of the process.
    fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Error::Closed("it is closing"));
        }
        let place = Arc::clone(&self.room).try_acquire_owned();
        place.map_err(|_| self.gave_up("a place in the queue of writes"))
    }

    fn check_not_late(&self, write: &Write) -> Result<(), Error> {
        self.check_in_time(write.deadline)
    }

    fn check_in_time(&self, deadline: Instant) -> Result<(), Error> {
        if Instant::now() >= deadline {
            return Err(self.gave_up("its turn to write"));
        }
        Ok(())
    }

    pub(super) fn gave_up(&self, what: &'static str) -> Error {
        self.observer.gave_up();
        Error::Busy { what }
    }

    /// The turn that a heavy write needs before anything else; `None` for a light one.
    async fn heavy_turn(&self, write: &Write) -> Result<Option<Turn>, Error> {
        let cost = write
            .bytes
            .max(write.operation.document_bytes())
            .max(self.weights.of(write.operation.id()));
        let multiplies =
            matches!(&write.operation, Operation::Patch { patch, .. } if patch.copies() > 1);
        if cost <= GLANCE_BYTES_MAX && !multiplies {
            return Ok(None);
        }
        let turn = self.heavy.take(write.client, write.deadline).await;
        turn.map(Some).ok_or_else(|| self.gave_up("its turn to write"))
    }

    async fn turn(&self, write: &Write) -> Result<PersonaTurn, Error> {
        let turn = self.turns.take(write.operation.id());
        let waited = tokio::time::timeout_at(write.deadline.into(), turn).await;
        waited.map_err(|_| self.gave_up("its turn to write"))
    }

    /// A connection. While all are busy, one is waited for until the deadline; while the database
    /// cannot be reached, attempts are repeated until the patience ends.
    pub(super) async fn connection(
        &self,
        deadline: Instant,
        patience: Instant,
    ) -> Result<Connection, Error> {
        let mut failures = 0;
        loop {
            let now = Instant::now();
            let place = deadline.saturating_duration_since(now);
            // The patience may end while the pool is busy, although the database can be reached.
            let server = patience.saturating_duration_since(now).max(READ_WAIT_MAX).min(place);
            let error = match self.pool.connection_within(place, server).await {
                Ok(connection) => return Ok(connection),
                Err(error) => from_pool(error),
            };
            match error {
                Error::Busy { what } => return Err(self.gave_up(what)),
                Error::Unreachable if Instant::now() < deadline.min(patience) => {
                    failures += 1;
                    pause(failures, u64::from(failures)).await;
                }
                error => return Err(error),
            }
        }
    }
}
