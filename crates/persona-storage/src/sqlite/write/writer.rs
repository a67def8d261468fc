//! The writer: one thread and one connection per process, a bounded queue, group commit.
//!
//! The thread waits for a request, then for the write lock; by the time it is let in, more requests
//! have queued up behind the first, and all of them share one transaction, each in a savepoint of
//! its own. Answers go out after the commit and after the write lock is free again. No async code
//! runs here, so nothing can be awaited while the lock is held.
//!
//! Start reading at [`Writer::write`] (a request's side) and `Thread::run` (`writer_thread.rs`, the
//! thread's side).

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use persona_model::{Clock, PersonaId};
use tokio::sync::{oneshot, watch};

use super::claim::{Claim, Withdrawal};
use super::commit::WriteConnection;
use super::foresight::{Ahead, Foresight, Large, Looked};
use super::in_flight::InFlight;
use super::label_task::{LabelTask, ToldOfMoves};
use super::part::Part;
use super::purge_task::{PurgeTask, RestTask};
use super::queue::{Client, LIGHT_BYTES_MAX, Queue, Refused, Size, Weight};
use super::together::Together;
use super::token_task::TokenTask;
use super::write_lock::WriteLock;
use super::writer_thread::{Thread, refuse};
use crate::observer::Waiting;
use crate::sqlite::maintenance::disk::Disk;
use crate::sqlite::read::Readers;
use crate::sqlite::search::WrittenParts;
use crate::sqlite::{DatabaseError, Settings};
use crate::time::Time;
use crate::weights::Weights;
use crate::{
    AtomicBatch, Error, LabelMoves, Loss, MovedLabel, NotApplied, Observer, Operation, Token,
    TokenChange, Write, Written,
};

/// The entry point of writes: queues requests and waits for their results.
pub(crate) struct Writer {
    queue: Arc<Queue<Task>>,
    weights: Arc<Weights>,
    foresight: Foresight,
    in_flight: InFlight,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
    /// Why the thread gave up, if it did; the sender is dropped when the thread ends.
    gave_up: watch::Receiver<Option<Loss>>,
    pub(super) observer: Arc<dyn Observer>,
}

/// The answer to a request.
pub(crate) enum Told {
    /// The result of the request.
    Done(Result<Written, Error>),
    /// The request is heavier than it seemed and must be worked out first; nothing was changed.
    /// Sent at most once.
    IsHeavy,
}

/// A request in the queue.
pub(crate) struct Job {
    /// The write, shared with the side of the request, which frees its memory.
    pub write: Arc<Write>,
    pub queued_at: Instant,
    /// Whether it was worked out before, as far as it could be.
    pub was_looked_at: bool,
    /// The claim, with the foreseen result of the write, if it was worked out.
    pub claim: Claim<Box<Ahead>>,
    pub waiting: Waiting,
    pub reply: oneshot::Sender<Told>,
}

/// An item of the queue.
pub(super) enum Task {
    Request(Box<Job>),
    Together(Box<Together>),
    Part(Part),
    Token(Box<TokenTask>),
    Labels(Box<LabelTask>),
    Purge(Box<PurgeTask>),
    /// The removal of what a purge has left.
    Rest(RestTask),
}

/// The size of a write, and its foreseen result.
struct Sized {
    size: Size,
    was_looked_at: bool,
    ahead: Option<Box<Ahead>>,
}

impl Writer {
    /// Starts the thread, with its connection and its write lock open.
    pub(crate) fn start(
        settings: &Settings,
        disk: Arc<Disk>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        readers: Arc<Readers>,
    ) -> Result<Self, DatabaseError> {
        let write_lock = WriteLock::open(&settings.path)
            .map_err(|source| DatabaseError::Unreadable {
                path: WriteLock::path(&settings.path),
                source,
            })?
            .behind(settings.turnstile.as_deref())
            .observed_by(Arc::clone(&observer));
        let connection = WriteConnection::open(settings, Arc::clone(&observer))?;
        let (queue, tasks) = Queue::new();
        let weights = Arc::new(Weights::default());
        let (gives_up, gave_up) = watch::channel(None);
        let time = Time::new(clock);
        let thread = Thread {
            connection,
            write_lock,
            disk,
            time,
            observer: Arc::clone(&observer),
            tasks,
            weights: Arc::clone(&weights),
            keys_max: settings.idempotency_keys_max,
            gives_up,
        };
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || thread.run())
            .map_err(|source| DatabaseError::Unreadable { path: settings.path.clone(), source })?;
        let foresight = Foresight::new(settings.clone(), readers);
        let in_flight = InFlight::default();
        let thread = Some(thread).into();
        Ok(Self { queue, weights, foresight, in_flight, thread, gave_up, observer })
    }

    /// Queues a request and waits until it is committed.
    pub(crate) async fn write(&self, write: Write) -> Result<Written, Error> {
        let write = Arc::new(write);
        let flight = self.in_flight.begin(write.operation.id());
        match self.apply(&write, self.look_ahead(&write, flight.is_alone)).await? {
            Told::Done(result) => return result,
            // This happens for a short patch of a large persona of unknown size.
            Told::IsHeavy => {}
        }
        match self.apply(&write, self.look_ahead_of_heavy(&write, self.size_of(&write))).await? {
            Told::Done(result) => result,
            Told::IsHeavy => unreachable!("what was looked at is applied whatever its size is"),
        }
    }

    /// Queues an atomic batch and waits until it is committed.
    pub(crate) async fn write_all(&self, batch: AtomicBatch) -> Result<Vec<Written>, NotApplied> {
        let batch = Arc::new(batch);
        let ids = batch.writes().iter().map(|write| write.operation.id());
        let _flights: Vec<_> = ids.map(|id| self.in_flight.begin(id)).collect();
        let waiting = Waiting::begin(&self.observer);
        let ahead = self.foresight.of_batch(Arc::clone(&batch)).await;
        let ahead = ahead.inspect_err(|error| self.note_busy(error))?;
        let size = Together::size(&batch, &ahead);
        let (reply, answer) = oneshot::channel();
        let claim = Claim::new(Some(Box::new(ahead)));
        let together = Together {
            batch: Arc::clone(&batch),
            queued_at: Instant::now(),
            claim: claim.clone(),
            waiting,
            reply,
        };
        self.enqueue(batch.client(), size, Task::Together(Box::new(together)))?;
        self.answer(claim, batch.deadline(), answer).await?
    }

    async fn apply(
        &self,
        write: &Arc<Write>,
        sized: impl Future<Output = Result<Sized, Error>>,
    ) -> Result<Told, Error> {
        let waiting = Waiting::begin(&self.observer);
        let Sized { size, was_looked_at, ahead } = sized.await?;
        // The documents are kept until the answer is there, because freeing their memory would take
        // the writer thread longer than some statements.
        let _documents = ahead.as_ref().map(|ahead| ahead.documents());
        let (reply, answer) = oneshot::channel();
        let claim = Claim::new(ahead);
        let job = Job {
            write: Arc::clone(write),
            queued_at: Instant::now(),
            was_looked_at,
            claim: claim.clone(),
            waiting,
            reply,
        };
        self.enqueue(write.client, size, Task::Request(Box::new(job)))?;
        self.answer(claim, write.deadline, answer).await
    }

    /// Waits for the answer to what is in the queue.
    pub(super) async fn answer<T, P>(
        &self,
        claim: Claim<P>,
        deadline: Instant,
        mut answer: oneshot::Receiver<T>,
    ) -> Result<T, Error> {
        let withdrawal = Withdrawal(claim);
        let answered = match tokio::time::timeout_at(deadline.into(), &mut answer).await {
            Ok(answered) => answered,
            Err(_) if withdrawal.0.withdraw() => {
                self.observer.gave_up();
                return Err(Error::Busy { what: "its turn to write" });
            }
            // The writer took the request just before the deadline, so only its outcome may be
            // answered.
            Err(_) => answer.await,
        };
        let gone = |_| {
            Err(if withdrawal.0.withdraw() {
                Error::Closed("its writer ended")
            } else {
                Error::OutcomeUnknown
            })
        };
        answered.or_else(gone)
    }

    /// How large a write is, and what it will come to. What a light one comes to is not worked out
    /// beside another write of its persona, which would make it void.
    async fn look_ahead(&self, write: &Arc<Write>, is_alone: bool) -> Result<Sized, Error> {
        let mut size = self.size_of(write);
        // One copy at most doubles a document, and a light one stays about light.
        let multiplies =
            matches!(&write.operation, Operation::Patch { patch, .. } if patch.copies() > 1);
        if size.weight() == Weight::Light && !multiplies {
            let looked =
                if is_alone { self.foresight.of_light(write) } else { Looked::Light(None) };
            match looked {
                Looked::Light(ahead) => return Ok(Sized { size, was_looked_at: false, ahead }),
                Looked::Heavy(bytes) => {
                    self.weights.learn(write.operation.id(), bytes);
                    size.cost = size.cost.max(bytes);
                }
            }
        }
        self.look_ahead_of_heavy(write, size).await
    }

    fn size_of(&self, write: &Write) -> Size {
        let bytes = write.bytes;
        Size { bytes, cost: bytes.max(self.weights.of(write.operation.id())) }
    }

    async fn look_ahead_of_heavy(
        &self,
        write: &Arc<Write>,
        mut size: Size,
    ) -> Result<Sized, Error> {
        let looked = self.foresight.of_heavy(Arc::clone(write)).await;
        let mut ahead = looked.inspect_err(|error| self.note_busy(error))?;
        if let Some(ahead) = &mut ahead {
            ahead.written = self.write_parts(write, ahead.large.take()).await?;
        }
        size.cost = size.cost.max(ahead.as_ref().map_or(0, |ahead| ahead.bytes()));
        Ok(Sized { size, was_looked_at: true, ahead })
    }

    /// Counts a turn that did not come.
    fn note_busy(&self, error: &Error) {
        if matches!(error, Error::Busy { .. }) {
            self.observer.gave_up();
        }
    }

    /// Writes the words of a large text before the document, part by part.
    async fn write_parts(
        &self,
        write: &Write,
        large: Option<Large>,
    ) -> Result<Option<WrittenParts>, Error> {
        let Some(Large { document, parts }) = large else { return Ok(None) };
        let mut written = Vec::with_capacity(parts.len());
        for words in parts {
            let (reply, answer) = oneshot::channel();
            let part = Part { document: document.clone(), words, reply };
            self.enqueue(write.client, part.size(), Task::Part(part))?;
            let in_time = tokio::time::timeout_at(write.deadline.into(), answer).await;
            let Ok(answered) = in_time else {
                self.observer.gave_up();
                return Err(Error::Busy { what: "its turn to write" });
            };
            written.push(answered.unwrap_or(Err(Error::Closed("its writer ended")))?);
        }
        Ok(Some(WrittenParts { document, parts: written }))
    }

    /// Queues a change of a token and waits until it is committed.
    pub(crate) async fn change_token(&self, change: TokenChange) -> Result<Token, Error> {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(TokenTask { change, reply });
        self.enqueue(None, TokenTask::size(), Task::Token(task))?;
        // Where the writer ends in the middle of it, the change may have been kept.
        answer.await.unwrap_or(Err(Error::OutcomeUnknown))
    }

    /// Queues moves of labels and waits until they are committed.
    pub(crate) async fn move_labels(
        &self,
        moves: LabelMoves,
    ) -> Result<Vec<MovedLabel>, NotApplied> {
        let (moves, waiting) = (Arc::new(moves), Waiting::begin(&self.observer));
        let (reply, answer) = oneshot::channel::<ToldOfMoves>();
        let claim = Claim::new(None);
        let (client, deadline, size) = (moves.client, moves.deadline, LabelTask::size(&moves));
        let task = Box::new(LabelTask { moves, claim: claim.clone(), waiting, reply });
        self.enqueue(client, size, Task::Labels(task))?;
        self.answer(claim, deadline, answer).await?
    }

    /// Remembers how large a persona is, for the next write of it.
    pub(crate) fn learn(&self, id: PersonaId, bytes: usize) {
        if bytes > LIGHT_BYTES_MAX {
            self.weights.learn(id, bytes);
        }
    }

    pub(super) fn enqueue(&self, client: Client, size: Size, task: Task) -> Result<(), Error> {
        match self.queue.push(client, size, task) {
            Ok(()) => {}
            // The refused task may be an older write of another client, which gets this answer.
            Err(Refused::Full(task)) => {
                self.observer.gave_up();
                let error = Error::Busy { what: "a place in the queue of writes" };
                match task {
                    Task::Request(job) => refuse(*job, error),
                    Task::Together(together) => together.refuse(error),
                    Task::Part(part) => part.answer(Err(error)),
                    Task::Token(task) => task.answer(Err(error)),
                    Task::Labels(task) => task.refuse(error),
                    Task::Purge(task) => task.refuse(error),
                    Task::Rest(task) => task.answer(Err(error)),
                }
            }
            Err(Refused::Closed(_)) => return Err(Error::Closed("it takes no more writes")),
        }
        Ok(())
    }

    /// Whether writes can still be taken.
    pub(crate) fn ready(&self) -> Result<(), Error> {
        // An error says that the sender is gone, and with it the thread.
        if self.gave_up.has_changed().is_err() {
            Err(Error::Closed("its writer ended"))
        } else {
            Ok(())
        }
    }

    /// Waits until the thread has ended, and tells why.
    pub(crate) async fn lost(&self) -> Loss {
        let mut gave_up = self.gave_up.clone();
        // An error means that the thread ended without giving a reason.
        let why = gave_up.wait_for(Option::is_some).await.ok().and_then(|why| *why);
        why.unwrap_or(Loss::Writer)
    }

    /// Takes no further request, applies those that wait, and ends the thread.
    pub(crate) fn close(&self) {
        self.queue.close();
        if let Some(thread) = self.thread.lock().ok().and_then(|mut thread| thread.take()) {
            // A panic of the thread was already reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}
