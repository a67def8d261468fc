//! The thread of the writer: takes requests from the queue and applies them, many in one
//! transaction.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{oneshot, watch};

use super::batch::{Batch, Batched};
use super::commit::{WriteConnection, WriteTransaction};
use super::heavy_write_lock::HeavyWriteGuard;
use super::label_task::LabelTask;
use super::part::Part;
use super::purge_task::{PurgeTask, RestTask};
use super::queue::{Taker, Weight};
use super::token_task::TokenTask;
use super::verdict::Verdict;
use super::write_lock::WriteLock;
use super::writer::{Job, Task, Told};
use crate::disk_space::Space;
use crate::fault_injection::{self, InjectedFault};
use crate::sqlite::connection::EMERGENCY_CHECKPOINT_PAGES;
use crate::sqlite::error::from_driver;
use crate::sqlite::maintenance::checkpoint::relieve;
use crate::sqlite::maintenance::disk::Disk;
use crate::sqlite::search::Entries;
use crate::sqlite::start::migrate;
use crate::sqlite::system_error::explained;
use crate::sqlite::tables::idempotency;
use crate::time::Time;
use crate::weights::Weights;
use crate::{Error, Loss, Observer, Written};

/// The state of the writer thread.
pub(super) struct Thread {
    pub connection: WriteConnection,
    pub write_lock: WriteLock,
    pub disk: Arc<Disk>,
    pub time: Time,
    pub observer: Arc<dyn Observer>,
    pub tasks: Taker<Task>,
    pub weights: Arc<Weights>,
    pub keys_max: u64,
    pub gives_up: watch::Sender<Option<Loss>>,
}

/// A request that is part of the running transaction, and its answer after the commit.
pub(crate) struct Applied {
    pub reply: oneshot::Sender<Told>,
    pub result: Result<Written, Error>,
    /// The guard of a heavy write, held until the commit, because the next heavy write may look at
    /// the state only after that.
    pub guard: Option<HeavyWriteGuard>,
}

impl Applied {
    fn answer(self) {
        // A request that no longer waits needs no answer.
        let _ = self.reply.send(Told::Done(self.result));
    }
}

impl Thread {
    pub(super) fn run(mut self) {
        while let Some((weight, task)) = self.tasks.next() {
            let served = match task {
                Task::Request(job) if job.claim.is_taken() => continue,
                Task::Request(job) => self.serve(*job, weight),
                Task::Together(together) if together.claim.is_taken() => continue,
                Task::Together(together) => self.serve_together(*together),
                Task::Part(part) => self.serve_part(part),
                Task::Token(task) => self.serve_token(*task),
                Task::Labels(task) if task.claim.is_taken() => continue,
                Task::Labels(task) => self.serve_labels(*task),
                Task::Purge(task) if task.claim.is_taken() => continue,
                Task::Purge(task) => self.serve_purge(*task),
                Task::Rest(task) => self.serve_rest(task),
            };
            if let ControlFlow::Break(loss) = served {
                self.gives_up.send_replace(Some(loss));
                return;
            }
        }
    }

    fn serve_part(&mut self, part: Part) -> ControlFlow<Loss> {
        let space = self.disk.space();
        if space.is_short() {
            part.answer(Err(space.shortage()));
            return ControlFlow::Continue(());
        }
        let flow = part.serve(&self.write_lock, &mut self.connection);
        self.go_on_alone(flow)
    }

    fn serve_token(&mut self, task: TokenTask) -> ControlFlow<Loss> {
        let space = self.disk.space();
        if space.is_short() && !task.is_urgent() {
            task.answer(Err(space.shortage()));
            return ControlFlow::Continue(());
        }
        let flow = task.serve(&self.write_lock, &mut self.connection);
        self.go_on_alone(flow)
    }

    fn serve_labels(&mut self, task: LabelTask) -> ControlFlow<Loss> {
        let space = self.disk.space();
        if space.is_short() {
            task.refuse(space.shortage());
            return ControlFlow::Continue(());
        }
        let flow = task.serve(&self.write_lock, &mut self.connection, &self.time, self.keys_max);
        self.go_on_alone(flow)
    }

    /// A purge makes no room: the file keeps its size, and what is freed is overwritten, which
    /// fills the WAL as any other write does.
    fn serve_purge(&mut self, task: PurgeTask) -> ControlFlow<Loss> {
        let space = self.disk.space();
        if space.is_short() {
            task.refuse(space.shortage());
            return ControlFlow::Continue(());
        }
        let flow = task.serve(&self.write_lock, &mut self.connection, &self.time);
        self.go_on_alone(flow)
    }

    fn serve_rest(&mut self, task: RestTask) -> ControlFlow<Loss> {
        let space = self.disk.space();
        if space.is_short() {
            task.answer(Err(space.shortage()));
            return ControlFlow::Continue(());
        }
        let flow = task.serve(&self.write_lock, &mut self.connection);
        self.go_on_alone(flow)
    }

    /// Serves the first request together with all light ones that wait behind it, in one
    /// transaction; a heavy one alone.
    ///
    /// Breaks when nothing more may be written through this connection.
    fn serve(&mut self, first: Job, weight: Weight) -> ControlFlow<Loss> {
        let space = self.disk.space();
        if space.is_short() {
            self.refuse_for_want_of_space(first, space);
            return ControlFlow::Continue(());
        }
        let guard = match self.write_lock.lock() {
            Ok(guard) => guard,
            Err(error) => {
                refuse(first, Error::Backend(Box::new(error)));
                return ControlFlow::Continue(());
            }
        };
        let began = Instant::now();
        let transaction = match self.connection.begin() {
            Ok(transaction) => transaction,
            Err(error) => {
                refuse(first, from_driver(error));
                return ControlFlow::Continue(());
            }
        };
        if let Err((error, loss)) = check_schema(&transaction) {
            refuse(first, error);
            return loss.map_or(ControlFlow::Continue(()), ControlFlow::Break);
        }
        let batch = Batch {
            connection: &transaction,
            time: &self.time,
            observer: &*self.observer,
            weights: &self.weights,
            keys_max: self.keys_max,
        };
        let joining = || {
            if weight == Weight::Heavy {
                return None;
            }
            match self.tasks.next_light()? {
                Task::Request(job) => Some(*job),
                Task::Together(_)
                | Task::Part(_)
                | Task::Token(_)
                | Task::Labels(_)
                | Task::Purge(_)
                | Task::Rest(_) => unreachable!("these count as heavy"),
            }
        };
        let Batched { mut applied, entries, ended } = batch.apply_all(first, joining, began);
        let count = applied.len();
        if fault_injection::is_on(InjectedFault::AcknowledgeBeforeCommit) {
            applied.drain(..).for_each(Applied::answer);
            fault_injection::pause();
        }
        let verdict = end(transaction, &entries, ended);
        // The entries are dropped before the answers: waiting requests still hold the documents, so
        // that the memory is freed on their side.
        drop(entries);
        let is_long = self.is_wal_long();
        // No other writer is let in while a long WAL is checkpointed, but the answers do not wait
        // for that.
        let guard = is_long.then_some(guard);
        self.observer.committed(began.elapsed(), count);
        let flow = verdict.tell(applied);
        let flow = self.go_on(flow, is_long);
        drop(guard);
        flow
    }

    /// Whether the WAL is so long that it must be checkpointed before the next transaction.
    pub(super) fn is_wal_long(&self) -> bool {
        self.connection.wal_frames() >= EMERGENCY_CHECKPOINT_PAGES
    }

    /// Does the rest of the work after the answers of a transaction. Breaks when nothing more may
    /// be written through this connection.
    pub(super) fn go_on(&self, flow: ControlFlow<Loss>, is_long: bool) -> ControlFlow<Loss> {
        flow?;
        if !self.connection.is_autocommit() {
            tracing::error!("a transaction could not be ended; this writer stops, which undoes it");
            return ControlFlow::Break(Loss::Writer);
        }
        if is_long { self.relieve() } else { ControlFlow::Continue(()) }
    }

    /// The same after what had a transaction alone, which has let the write lock go with its
    /// answer.
    fn go_on_alone(&self, flow: ControlFlow<Loss>) -> ControlFlow<Loss> {
        flow?;
        if !self.is_wal_long() {
            return ControlFlow::Continue(());
        }
        // No other writer is let in meanwhile. Without the lock the next transaction tries it.
        let Ok(_guard) = self.write_lock.lock() else { return ControlFlow::Continue(()) };
        self.relieve()
    }

    /// Refuses a request for lack of space, unless it repeats an earlier one, which needs no space.
    fn refuse_for_want_of_space(&self, job: Job, space: Space) {
        let known = job
            .write
            .idempotency
            .as_ref()
            .map(|wanted| idempotency::find(&self.connection, wanted, &job.write));
        answer(job, known.and_then(Result::transpose).unwrap_or_else(|| Err(space.shortage())));
    }

    /// Checkpoints a long WAL. Acknowledged writes do not depend on its result.
    fn relieve(&self) -> ControlFlow<Loss> {
        match relieve(&self.connection, &*self.observer) {
            Ok(()) => {}
            Err(Error::Unsynced(error)) => {
                tracing::error!(error = %error, "a sync of the disk failed; this writer stops");
                return ControlFlow::Break(Loss::Disk);
            }
            Err(error) => {
                tracing::warn!(error = %error, "could not checkpoint a long WAL; it is tried again after the next write");
            }
        }
        ControlFlow::Continue(())
    }
}

/// Ends a transaction: gives it up because of an earlier error, or writes its words and commits it.
pub(super) fn end(
    transaction: WriteTransaction<'_>,
    entries: &Entries,
    ended: Option<Error>,
) -> Verdict {
    if let Some(error) = ended {
        return Verdict::given_up(transaction, error);
    }
    match entries.write(&transaction) {
        Ok(()) => Verdict::of(transaction.commit()),
        Err(error) => {
            let error = from_driver(explained(&transaction, error));
            Verdict::given_up(transaction, error)
        }
    }
}

/// Checks the schema version behind the lock, because a newer program may have migrated the file,
/// and this one does not write what the new schema needs.
pub(super) fn check_schema(
    transaction: &WriteTransaction<'_>,
) -> Result<(), (Error, Option<Loss>)> {
    match migrate::version_of(transaction) {
        Ok(migrate::VERSION) => Ok(()),
        Ok(migrate::RETIRED) => {
            tracing::error!("the personas were moved to another database; this writer stops");
            Err((Error::Closed("its personas were moved to another database"), Some(Loss::Schema)))
        }
        Ok(version) => {
            tracing::error!(
                version,
                known = migrate::VERSION,
                "another version of the program changed the schema; this writer stops"
            );
            Err((Error::Closed("the schema was changed"), Some(Loss::Schema)))
        }
        Err(error) => Err((from_driver(explained(transaction, error)), None)),
    }
}

pub(crate) fn refuse(job: Job, error: Error) {
    answer(job, Err(error));
}

/// Answers a request that was not withdrawn, without a transaction.
fn answer(job: Job, result: Result<Written, Error>) {
    if job.claim.withdraw() {
        // A request that no longer waits needs no answer.
        let _ = job.reply.send(Told::Done(result));
    }
}
