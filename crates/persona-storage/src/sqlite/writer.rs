//! The writer: one thread and one connection per process, a bounded queue, group commit.
//!
//! The thread waits for a request, then for the gate; by the time it is let in, more requests have queued up behind
//! the first, and all of them share one transaction, each in a savepoint of its own. Answers go out after the commit
//! and after the gate is free again. No async code runs here, so nothing can be awaited while the lock is held.
//!
//! Start reading at [`Writer::write`] (a request's side) and `Thread::run` (the thread's side).

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use persona_model::{Clock, Timestamp};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::connection::{self, Purpose};
use super::error::{copy_of, from_driver, is_failed_sync};
use super::gate::Gate;
use super::queue::{Queue, Refused, Size, Taker, Weight};
use super::search::{Entries, Entry};
use super::weights::Weights;
use super::{Settings, StartError, changes, migrate, personas, transaction};
use crate::fault::{self, Fault};
use crate::observer::Waiting;
use crate::{Error, Loss, Observer, Write, Written};

/// Most requests of one transaction: bounds what a failed commit takes down with it.
const BATCH_WRITES_MAX: usize = 256;
/// No further request joins a transaction that is this old, so that other processes are not kept waiting. Long enough for
/// the 32 that wait in each of two workers with 64 clients: who is left over waits for everybody else once more.
const BATCH_TIME_MAX: Duration = Duration::from_millis(10);

/// Takes requests and has them applied, in order of arrival.
pub(super) struct Writer {
    queue: Arc<Queue<Job>>,
    weights: Arc<Weights>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
    /// Why the thread gave up, if it did; its sender is gone when the thread is.
    gave_up: watch::Receiver<Option<Loss>>,
    observer: Arc<dyn Observer>,
}

/// A request in the queue.
struct Job {
    write: Write,
    queued_at: Instant,
    claim: Claim,
    waiting: Waiting,
    reply: oneshot::Sender<Result<Written, Error>>,
}

/// Decides, once, whether a request is applied or withdrawn: both sides may want to at the same moment.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Whether the caller is the first to decide.
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Withdraws the request when its future is dropped before the writer took it.
struct Withdrawal(Claim);

impl Drop for Withdrawal {
    fn drop(&mut self) {
        self.0.take();
    }
}

impl Writer {
    /// Starts the thread, with its connection and its gate open.
    pub(super) fn start(settings: &Settings, clock: Arc<dyn Clock>, observer: Arc<dyn Observer>) -> Result<Self, StartError> {
        let gate = Gate::open(&settings.path)
            .map_err(|source| StartError::Unreadable { path: Gate::path(&settings.path), source })?
            .observed_by(Arc::clone(&observer));
        let connection = connection::open(settings, Purpose::Write, Arc::clone(&observer))?;
        let (queue, jobs) = Queue::new();
        let weights = Arc::new(Weights::default());
        let (gives_up, gave_up) = watch::channel(None);
        let thread = Thread { connection, gate, clock, observer: Arc::clone(&observer), jobs, weights: Arc::clone(&weights), gives_up };
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || thread.run())
            .map_err(|source| StartError::Unreadable { path: settings.path.clone(), source })?;
        Ok(Self { queue, weights, thread: Some(thread).into(), gave_up, observer })
    }

    /// Queues a request and waits until it is committed.
    pub(super) async fn write(&self, write: Write) -> Result<Written, Error> {
        let deadline = write.deadline;
        let (reply, mut answer) = oneshot::channel();
        let claim = Claim::default();
        let waiting = Waiting::begin(&self.observer);
        self.enqueue(Job { write, queued_at: Instant::now(), claim: claim.clone(), waiting, reply })?;
        let withdrawal = Withdrawal(claim);
        let closed = || Error::Closed("its writer ended");
        match tokio::time::timeout_at(deadline.into(), &mut answer).await {
            Ok(answered) => answered.map_err(|_| closed())?,
            Err(_) if withdrawal.0.take() => {
                self.observer.gave_up();
                Err(Error::Busy { what: "its turn to write" })
            }
            // The writer took it just before the deadline: the outcome is on its way, and only it may be told.
            Err(_) => answer.await.map_err(|_| closed())?,
        }
    }

    fn enqueue(&self, job: Job) -> Result<(), Error> {
        let bytes = job.write.bytes;
        let size = Size { bytes, cost: bytes.max(self.weights.of(job.write.operation.id())) };
        let refused = self.queue.push(job.write.client, size, job);
        match refused {
            Ok(()) => {}
            // Perhaps an older write of another client, which had its room; its own side hears of it.
            Err(Refused::Full(job)) => {
                self.observer.gave_up();
                refuse(job, Error::Busy { what: "a place in the queue of writes" });
            }
            Err(Refused::Closed(_)) => return Err(Error::Closed("it takes no more writes")),
        }
        Ok(())
    }

    /// Whether writes can still be taken.
    pub(super) fn ready(&self) -> Result<(), Error> {
        // An error says that the sender is gone, and with it the thread.
        if self.gave_up.has_changed().is_err() { Err(Error::Closed("its writer ended")) } else { Ok(()) }
    }

    /// Waits until the thread has ended, and tells why.
    pub(super) async fn lost(&self) -> Loss {
        let mut gave_up = self.gave_up.clone();
        // An error says that the thread ended without a word.
        let why = gave_up.wait_for(Option::is_some).await.ok().and_then(|why| *why);
        why.unwrap_or(Loss::Writer)
    }

    /// Takes no further request, applies those that wait, and ends the thread.
    pub(super) fn close(&self) {
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

/// What the thread owns.
struct Thread {
    connection: Connection,
    gate: Gate,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    jobs: Taker<Job>,
    weights: Arc<Weights>,
    gives_up: watch::Sender<Option<Loss>>,
}

/// A request that is part of the running transaction, and what will be answered when that commits.
struct Applied {
    reply: oneshot::Sender<Result<Written, Error>>,
    result: Result<Written, Error>,
}

impl Applied {
    fn answer(self) {
        // Where nobody waits any more, nobody needs to know.
        let _ = self.reply.send(self.result);
    }
}

impl Thread {
    fn run(mut self) {
        while let Some((weight, job)) = self.jobs.next() {
            if job.claim.is_taken() {
                continue;
            }
            if let ControlFlow::Break(loss) = self.serve(job, weight) {
                self.gives_up.send_replace(Some(loss));
                return;
            }
        }
    }

    /// Serves the first request together with all light ones that wait behind it, in one transaction; a heavy one alone.
    ///
    /// Breaks when nothing more may be written through this connection.
    fn serve(&mut self, first: Job, weight: Weight) -> ControlFlow<Loss> {
        let id = first.write.operation.id();
        fault::look_outside(id, || personas::find(&self.connection, id).ok().flatten().map(|stored| stored.persona.document));
        let pass = match self.gate.enter() {
            Ok(pass) => pass,
            Err(error) => {
                refuse(first, Error::Backend(Box::new(error)));
                return ControlFlow::Continue(());
            }
        };
        let began = Instant::now();
        let transaction = match self.connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(transaction) => transaction,
            Err(error) => {
                refuse(first, from_driver(error));
                return ControlFlow::Continue(());
            }
        };
        // A program that knows another schema may have come between; what it keeps beside a persona, this one does not.
        match migrate::version_of(&transaction) {
            Ok(migrate::VERSION) => {}
            Ok(migrate::RETIRED) => {
                tracing::error!("the personas were moved to another database; this writer stops");
                refuse(first, Error::Closed("its personas were moved to another database"));
                return ControlFlow::Break(Loss::Schema);
            }
            Ok(version) => {
                tracing::error!(version, known = migrate::VERSION, "another version of the program changed the schema; this writer stops");
                refuse(first, Error::Closed("the schema was changed"));
                return ControlFlow::Break(Loss::Schema);
            }
            Err(error) => {
                refuse(first, from_driver(error));
                return ControlFlow::Continue(());
            }
        }
        let batch = Batch { connection: &transaction, clock: &*self.clock, observer: &*self.observer, weights: &self.weights };
        let joining = || if weight == Weight::Light { self.jobs.next_light() } else { None };
        let (mut applied, entries) = batch.apply_all(first, joining, began);
        let count = applied.len();
        if fault::is_on(Fault::AcknowledgeBeforeCommit) {
            applied.drain(..).for_each(Applied::answer);
            fault::pause();
        }
        // A full disk or a failed read can end the whole transaction, whatever the savepoints are.
        let lost = transaction.is_autocommit();
        let committed = if lost { Ok(()) } else { entries.write(&transaction).and_then(|()| transaction.commit()) };
        drop(pass);
        self.observer.committed(began.elapsed(), count);
        match committed {
            Ok(()) if lost => answer_all(applied, || Error::Busy { what: "a transaction that was not rolled back" }),
            Ok(()) => applied.into_iter().for_each(Applied::answer),
            Err(error) => {
                answer_all(applied, || from_driver(copy_of(&error)));
                if is_failed_sync(&error) {
                    // The kernel has forgotten the pages, and a second sync would succeed without them. So nothing more
                    // is acknowledged through this connection.
                    tracing::error!(%error, "a sync of the disk failed; this writer stops");
                    return ControlFlow::Break(Loss::Disk);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// The running transaction.
struct Batch<'a> {
    connection: &'a Connection,
    clock: &'a dyn Clock,
    observer: &'a dyn Observer,
    weights: &'a Weights,
}

impl Batch<'_> {
    /// Applies the first request and those that join it; what the search indexes are to be given is for later.
    fn apply_all(&self, first: Job, joining: impl Fn() -> Option<Job>, began: Instant) -> (Vec<Applied>, Entries) {
        let (mut applied, mut entries) = (Vec::new(), Entries::default());
        let mut now = changes::last_time(self.connection).unwrap_or_default();
        let mut next = Some(first);
        while let Some(job) = next {
            if let Some(done) = self.apply(job, &mut now, &mut entries) {
                applied.push(done);
            }
            let full = applied.len() >= BATCH_WRITES_MAX || began.elapsed() >= BATCH_TIME_MAX;
            next = if full || self.connection.is_autocommit() { None } else { joining() };
        }
        (applied, entries)
    }

    /// Applies one request in a savepoint; `None` when it was withdrawn or came too late.
    fn apply(&self, job: Job, now: &mut Timestamp, entries: &mut Entries) -> Option<Applied> {
        if !job.claim.take() {
            return None;
        }
        let Job { write, queued_at, waiting, reply, .. } = job;
        drop(waiting);
        if Instant::now() >= write.deadline {
            self.observer.gave_up();
            return Some(Applied { reply, result: Err(Error::Busy { what: "its turn to write" }) });
        }
        self.observer.queued(queued_at.elapsed());
        // Strictly growing, also when the clock is set back, so that `updated_since` never misses a change.
        *now = self.clock.now().max(Timestamp::from_micros(now.as_micros() + 1));
        let result = self.in_savepoint(&write, *now).map(|(written, entry)| {
            self.weights.learn(written.answer.id, written.answer.body.len());
            if let Some(entry) = entry {
                entries.add(entry);
            }
            written
        });
        Some(Applied { reply, result })
    }

    fn in_savepoint(&self, write: &Write, now: Timestamp) -> Result<(Written, Option<Entry>), Error> {
        let run = |sql: &str| self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map_err(from_driver);
        run("SAVEPOINT request")?;
        let result = transaction::apply(self.connection, write, now);
        if result.is_err() && !self.connection.is_autocommit() {
            run("ROLLBACK TO request")?;
        }
        if !self.connection.is_autocommit() {
            run("RELEASE request")?;
        }
        result
    }
}

fn refuse(job: Job, error: Error) {
    if job.claim.take() {
        // Where nobody waits any more, nobody needs to know.
        let _ = job.reply.send(Err(error));
    }
}

/// Answers requests whose transaction was not committed. A refusal is no exception: it was decided in a state that never
/// became true, and would tell of a revision that nobody ever sees.
fn answer_all(applied: Vec<Applied>, not_committed: impl Fn() -> Error) {
    for Applied { reply, .. } in applied {
        let _ = reply.send(Err(not_committed()));
    }
}
