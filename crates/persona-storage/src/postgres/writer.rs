//! Writes: the order of their turns, and again until each is settled.
//!
//! Writers of one persona take turns within a process, in order of arrival, so that they do not
//! outrun each other; between processes the condition in the statement decides, and the one that
//! loses several times takes the row's own lock. From its turn on a write is a task of its own, so
//! that it ends whether or not its client still waits.
//!
//! A heavy write, which brings or changes a large document, takes a turn before: one at a time in a
//! process, so that heavy ones do not hold the connections that others need. It is worked on by a
//! thread of its own, because reading, patching and folding such a document would hold up the
//! thread that all connections live on.
//!
//! Start reading at [`Writer::write`], then `Shared::settle`.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use persona_model::{Clock, PersonaId};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, watch};

use super::connection::Connection;
use super::doubt::{limit, told_in_doubt};
use super::driver_error::DriverError;
use super::error::{Meaning, from_driver, from_pool};
use super::pool::Pool;
use super::quota::Quota;
use super::write_attempt::{Attempt, Failure, Request};
use super::write_statement;
use crate::observer::Waiting;
use crate::time::Time;
use crate::weights::Weights;
use crate::{Error, GLANCE_BYTES_MAX, Observer, Operation, Turn, Turns, Write, Written};

/// Most writes of one process that are under way or wait.
const WRITES_MAX: u32 = 1024;
/// Heavy writes at a time in one process.
const HEAVY_AT_ONCE: usize = 1;
/// Number of turns. Two personas with the same turn wait for each other, which is rare with so many
/// turns.
const TURNS: usize = 4096;
/// After so many lost races a writer takes the row's lock and cannot lose another one.
const RACES_MAX: u32 = 2;
/// Longest wait for a database that is away, while nothing was sent to it: longer than a failover
/// takes.
const AWAY_MAX: Duration = Duration::from_secs(10);
/// Pauses before trying again: a part of the first at random, twice as much each time, up to the
/// second.
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Takes writes.
pub(super) struct Writer {
    shared: Arc<Shared>,
    io_thread: Handle,
}

/// What became of a write that was taken.
enum Settled {
    /// It is done.
    Written(Written),
    /// Nothing was done, because the persona has so many bytes: a heavy write needs a turn first.
    Large(usize),
}

struct Shared {
    pool: Pool,
    time: Time,
    observer: Arc<dyn Observer>,
    newest: AtomicI64,
    quota: Quota,
    heavy: Turns,
    weights: Weights,
    turns: Vec<Arc<Mutex<()>>>,
    hasher: RandomState,
    room: Arc<Semaphore>,
    closing: AtomicBool,
    /// Whether another version of the program changed the schema.
    other_schema: watch::Sender<bool>,
}

impl Writer {
    pub(super) fn new(
        pool: Pool,
        keys_max: u64,
        io_thread: Handle,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let turns = (0..TURNS).map(|_| Arc::default()).collect();
        let room = Arc::new(Semaphore::new(WRITES_MAX as usize));
        let (newest, closing, hasher) =
            (AtomicI64::new(i64::MIN), AtomicBool::new(false), RandomState::new());
        let other_schema = watch::Sender::new(false);
        Self {
            shared: Arc::new(Shared {
                pool,
                time: Time::new(clock),
                observer,
                newest,
                quota: Quota::new(keys_max),
                heavy: Turns::new(HEAVY_AT_ONCE),
                weights: Weights::default(),
                turns,
                hasher,
                room,
                closing,
                other_schema,
            }),
            io_thread,
        }
    }

    /// Waits for the write's turn and then until it is settled.
    pub(super) async fn write(&self, write: Write) -> Result<Written, Error> {
        let write = Arc::new(write);
        loop {
            match self.write_once(&write).await? {
                Settled::Written(written) => return Ok(written),
                // The size is known now, so this happens once.
                Settled::Large(bytes) => self.learn(write.operation.id(), bytes),
            }
        }
    }

    async fn write_once(&self, write: &Arc<Write>) -> Result<Settled, Error> {
        let shared = &self.shared;
        if shared.closing.load(Ordering::Acquire) {
            return Err(Error::Closed("it is closing"));
        }
        let Ok(place) = Arc::clone(&shared.room).try_acquire_owned() else {
            return Err(shared.gave_up("a place in the queue of writes"));
        };
        let began = Instant::now();
        let waiting = Waiting::begin(&shared.observer);
        let heavy = shared.heavy_turn(write).await?;
        let is_heavy = heavy.is_some();
        let turn = shared.turn(write).await?;
        // What comes too late asks for no connection: none may be made yet, and that one would be
        // missing says something else.
        let is_late =
            || (Instant::now() >= write.deadline).then(|| shared.gave_up("its turn to write"));
        is_late().map_or(Ok(()), Err)?;
        let connection = shared.connection(write.deadline, began + AWAY_MAX).await?;
        is_late().map_or(Ok(()), Err)?;
        drop(waiting);
        shared.observer.queued(began.elapsed());
        let settling = {
            let (shared, write) = (Arc::clone(shared), Arc::clone(write));
            async move {
                let settled = shared.settle(&write, connection, is_heavy).await;
                if let Ok(Settled::Written(written)) = &settled {
                    shared
                        .weights
                        .learn(written.representation.id, written.representation.body.len());
                }
                drop((heavy, turn, place));
                settled
            }
        };
        let settled = if is_heavy {
            let io_thread = self.io_thread.clone();
            tokio::task::spawn_blocking(move || io_thread.block_on(settling))
        } else {
            self.io_thread.spawn(settling)
        };
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
        // The sender lives as long as this.
        let _ = self.shared.other_schema.subscribe().wait_for(|changed| *changed).await;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.shared.closing.load(Ordering::Acquire)
    }
}

impl Shared {
    fn gave_up(&self, what: &'static str) -> Error {
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

    async fn turn(&self, write: &Write) -> Result<OwnedMutexGuard<()>, Error> {
        let turn = Arc::clone(&self.turns[self.turn_of(write.operation.id())]);
        let waited = tokio::time::timeout_at(write.deadline.into(), turn.lock_owned()).await;
        waited.map_err(|_| self.gave_up("its turn to write"))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "every part of a hash is as good as another"
    )]
    fn turn_of(&self, id: PersonaId) -> usize {
        self.hasher.hash_one(id) as usize % TURNS
    }

    /// A connection, tried for again while the database is away and the patience lasts.
    async fn connection(&self, deadline: Instant, patience: Instant) -> Result<Connection, Error> {
        let mut failures = 0;
        loop {
            let wait = deadline.min(patience).saturating_duration_since(Instant::now());
            let error = match self.pool.connection(wait).await {
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

    /// Tries a write until it is done, refused, or given up. While it is in doubt whether an
    /// earlier attempt was done, it is tried on: the condition of the statement lets only one of
    /// them through, and only what that proves is told.
    async fn settle(
        &self,
        write: &Write,
        first: Connection,
        is_heavy: bool,
    ) -> Result<Settled, Error> {
        let began = Instant::now();
        let bytes_max = if is_heavy { usize::MAX } else { GLANCE_BYTES_MAX };
        let mut request = Request::new(write, &self.time, &self.newest, &self.quota, bytes_max)?;
        let (mut connection, mut races, mut failures) = (Some(first), 0, 0);
        // Since when it is in doubt whether the write was done.
        let mut doubt: Option<Instant> = None;
        loop {
            let held = if let Some(held) = connection.take() {
                held
            } else {
                let limit = limit(write, doubt);
                let made = self.connection(limit, doubt.map_or(began + AWAY_MAX, |_| limit)).await;
                made.map_err(|error| if doubt.is_some() { Error::OutcomeUnknown } else { error })?
            };
            let is_alone = races > RACES_MAX;
            let error = match self.attempt(&mut request, &held, is_alone).await {
                Ok(Attempt::Written(written)) => {
                    self.observer.committed(began.elapsed(), 1);
                    return Ok(Settled::Written(written));
                }
                Ok(Attempt::Large(bytes)) => return Ok(Settled::Large(bytes)),
                Ok(Attempt::Raced) => {
                    races += 1;
                    connection = Some(held);
                    None
                }
                Err(failure) => Some((failure, held)),
            };
            if let Some((failure, held)) = error {
                let kind = failure.meaning();
                if kind == Some(Meaning::Away) {
                    held.discard();
                    failures += 1;
                    if request.was_sent() {
                        doubt.get_or_insert_with(Instant::now);
                    }
                } else {
                    // Given back first: a write with a connection must not wait for a second one.
                    give_back(held, is_alone || kind == Some(Meaning::Sessions));
                    self.refuse(&request, failure)
                        .await
                        .map_err(|error| told_in_doubt(error, doubt.is_some()))?;
                    failures += u32::from(kind == Some(Meaning::Again));
                    races += u32::from(kind == Some(Meaning::Taken));
                }
            }
            if Instant::now() >= limit(write, doubt) {
                return Err(if doubt.is_some() {
                    Error::OutcomeUnknown
                } else {
                    self.gave_up("its turn to write")
                });
            }
            pause(races + failures, request.dice()).await;
        }
    }

    /// One attempt. Its commit is in doubt when the server gave up waiting for a standby meanwhile.
    async fn attempt(
        &self,
        request: &mut Request<'_>,
        connection: &Connection,
        is_alone: bool,
    ) -> Result<Attempt, Failure> {
        let unreplicated = self.pool.unreplicated();
        let attempt = if is_alone {
            request.attempt_alone(connection).await?
        } else {
            request.attempt(connection).await?
        };
        if matches!(attempt, Attempt::Written(_)) && self.pool.unreplicated() != unreplicated {
            return Err(Failure::Refused(Error::OutcomeUnknown));
        }
        Ok(attempt)
    }

    /// Fails when another attempt would be of no use.
    async fn refuse(&self, request: &Request<'_>, failure: Failure) -> Result<(), Error> {
        match failure {
            Failure::OtherSchema => {
                self.other_schema.send_replace(true);
                Err(Error::Closed("the schema has another version"))
            }
            Failure::Refused(error) => Err(error),
            Failure::Driver(error) => match Meaning::of(&error) {
                Meaning::Away | Meaning::Again => Ok(()),
                Meaning::Taken => self.refuse_taken_handle(request, &error).await,
                Meaning::Full | Meaning::Sessions | Meaning::Other => Err(from_driver(error)),
            },
        }
    }

    /// Fails when the handle that the write wants belongs to another persona. A persona that has
    /// given it up meanwhile does not count.
    async fn refuse_taken_handle(
        &self,
        request: &Request<'_>,
        error: &DriverError,
    ) -> Result<(), Error> {
        let constraint = error.as_db_error().and_then(|answer| answer.constraint());
        let Some(handle) = request.handle().filter(|_| constraint == Some("personas_by_handle"))
        else {
            return Ok(());
        };
        match write_statement::holder_of(&self.pool, handle, request.write.operation.id()).await? {
            Some(holder) => Err(Error::HandleTaken { handle: handle.into(), holder }),
            None => Ok(()),
        }
    }
}

/// Gives a connection back, unless it may be in the middle of something.
fn give_back(connection: Connection, is_in_between: bool) {
    if is_in_between {
        connection.discard();
    }
}

/// Waits longer with each failure, and never as long as another writer that failed at the same
/// time.
async fn pause(failures: u32, dice: u64) {
    let longest = PAUSE_MIN.saturating_mul(1 << failures.min(12)).min(PAUSE_MAX);
    let share =
        u32::try_from(dice.wrapping_mul(u64::from(failures) | 1) % 1000).expect("below 1000");
    tokio::time::sleep(longest * share / 1000).await;
}
