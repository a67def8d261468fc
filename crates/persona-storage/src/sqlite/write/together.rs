//! An atomic batch: several requests of one client in a transaction of their own.
//!
//! To other writes it is one heavy write (`queue.rs`, `heavy_write_lock.rs`): it is worked out
//! before its turn, and a light write waits for at most one of them. Its items, the bytes of their
//! documents and its time behind the write lock are bounded.
//!
//! No savepoint is needed: where an item is refused, the transaction is given up.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::claim::Claim;
use super::commit::{WriteConnection, WriteTransaction};
use super::foresight::{AheadOfBatch, Foreseen};
use super::queue::{LIGHT_BYTES_MAX, Size};
use super::transaction::{self, Step};
use super::verdict::Verdict;
use super::writer_thread::{Thread, check_schema, end};
use crate::atomic::Budget;
use crate::fault_injection;
use crate::observer::Waiting;
use crate::sqlite::error::{explain, from_driver};
use crate::sqlite::search::Entries;
use crate::sqlite::system_error::explained;
use crate::sqlite::tables::{feed, idempotency};
use crate::time::{Time, after, newest_of};
use crate::{AtomicBatch, Error, Loss, NotApplied, Observer, Written};

/// Longest time behind the write lock before the commit: about ten times what the largest batch
/// takes. A batch that takes longer is given up, as a write is that did not get its turn.
const TIME_MAX: Duration = Duration::from_secs(1);

/// The answer to a batch.
pub(super) type ToldOfAll = Result<Vec<Written>, NotApplied>;

/// A batch in the queue.
pub(crate) struct Together {
    /// The batch, shared with the side of the request, which frees its memory.
    pub batch: Arc<AtomicBatch>,
    pub queued_at: Instant,
    /// The claim, with the foreseen results of the items.
    pub claim: Claim<Box<AheadOfBatch>>,
    pub waiting: Waiting,
    pub reply: oneshot::Sender<ToldOfAll>,
}

impl Together {
    /// The size of a batch in the queue. A batch has its own transaction, like a heavy write.
    pub(super) fn size(batch: &AtomicBatch, ahead: &AheadOfBatch) -> Size {
        let bytes = batch.bytes();
        Size { bytes, cost: bytes.max(ahead.bytes()).max(LIGHT_BYTES_MAX + 1) }
    }

    /// Answers that nothing was applied, unless the batch was withdrawn.
    pub(super) fn refuse(self, error: Error) {
        if self.claim.withdraw() {
            // A request that no longer waits needs no answer.
            let _ = self.reply.send(Err(error.into()));
        }
    }
}

impl Thread {
    /// Applies a batch in a transaction of its own.
    ///
    /// Breaks when nothing more may be written through this connection.
    pub(super) fn serve_together(&mut self, together: Together) -> ControlFlow<Loss> {
        let space = self.disk.space();
        if space.is_short() {
            let known = self.replays(&together.batch);
            let Together { claim, reply, .. } = together;
            if claim.withdraw() {
                let _ = reply.send(known.unwrap_or_else(|| Err(space.shortage().into())));
            }
            return ControlFlow::Continue(());
        }
        let guard = match self.write_lock.lock() {
            Ok(guard) => guard,
            Err(error) => {
                together.refuse(Error::Backend(Box::new(error)));
                return ControlFlow::Continue(());
            }
        };
        let Together { batch, queued_at, claim, waiting, reply } = together;
        let Ok(ahead) = claim.apply() else { return ControlFlow::Continue(()) };
        drop(waiting);
        if Instant::now() >= batch.deadline() {
            self.observer.gave_up();
            let _ = reply.send(Err(Error::Busy { what: "its turn to write" }.into()));
            return ControlFlow::Continue(());
        }
        self.observer.queued(queued_at.elapsed());
        // The guard of the heavy write is held until the commit, because the next heavy write may
        // look at the state only after that.
        let (mut foreseen, heavy) = match ahead {
            Some(ahead) => (ahead.foreseen, Some(ahead.guard)),
            None => (Vec::new(), None),
        };
        let count = batch.writes().len();
        let (mut told, mut flow) = (Ok(Vec::with_capacity(count)), ControlFlow::Continue(()));
        let mut applying = Applying {
            connection: &mut self.connection,
            time: &self.time,
            observer: &*self.observer,
            keys_max: self.keys_max,
        };
        for part in fault_injection::parts_of_batch(count) {
            if part.start > 0 {
                fault_injection::pause_between_parts();
            }
            let applied;
            (applied, flow) = applying.part(&batch, part, &mut foreseen);
            told = told.and_then(|mut written: Vec<Written>| {
                written.extend(applied?);
                Ok(written)
            });
            if told.is_err() || flow.is_break() {
                break;
            }
        }
        let is_long = self.is_wal_long();
        // No other writer is let in while a long WAL is checkpointed, but the answer does not wait
        // for that.
        let guard = is_long.then_some(guard);
        drop(heavy);
        // A request that no longer waits needs no answer.
        let _ = reply.send(told);
        let flow = self.go_on(flow, is_long);
        drop(guard);
        flow
    }

    /// The answers to a batch in which every item repeats an earlier request. Such a batch needs no
    /// space, and "nothing was changed" would be wrong.
    fn replays(&self, batch: &AtomicBatch) -> Option<ToldOfAll> {
        let mut written = Vec::with_capacity(batch.writes().len());
        for (place, write) in batch.writes().iter().enumerate() {
            match idempotency::find(&self.connection, write.idempotency.as_ref()?, write) {
                Ok(known) => written.push(known?),
                Err(error) => return Some(Err(NotApplied::at(place)(error))),
            }
        }
        Some(Ok(written))
    }
}

/// Whether an error is about a single item. All other errors are about the batch as a whole.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound
            | Error::Purged { .. }
            | Error::RevisionDropped { .. }
            | Error::Deleted { .. }
            | Error::AlreadyExists { .. }
            | Error::Stale { .. }
            | Error::HandleTaken { .. }
            | Error::HandleMoved { .. }
            | Error::OwnerRefused { .. }
            | Error::Invalid(_)
            | Error::TestFailed { .. }
            | Error::UnknownBase { .. }
            | Error::Conflicts { .. }
            | Error::KeyReused
            | Error::TooManyKeys { .. }
            | Error::TooMuchAtOnce { .. }
    )
}

/// Applies a batch behind the write lock.
struct Applying<'a> {
    connection: &'a mut WriteConnection,
    time: &'a Time,
    observer: &'a dyn Observer,
    keys_max: u64,
}

impl Applying<'_> {
    /// Applies these items in one transaction: all of them, unless a fault was switched on.
    fn part(
        &mut self,
        batch: &AtomicBatch,
        part: Range<usize>,
        foreseen: &mut [Option<Foreseen>],
    ) -> (ToldOfAll, ControlFlow<Loss>) {
        let began = Instant::now();
        let transaction = match self.connection.begin() {
            Ok(transaction) => transaction,
            Err(error) => return (Err(from_driver(error).into()), ControlFlow::Continue(())),
        };
        if let Err((error, loss)) = check_schema(&transaction) {
            let flow = loss.map_or(ControlFlow::Continue(()), ControlFlow::Break);
            return (Err(error.into()), flow);
        }
        let count = part.len();
        let running = Running { transaction, time: self.time, keys_max: self.keys_max, began };
        let applied = running.apply(batch, part, foreseen);
        let transaction = running.transaction;
        let (written, entries) = match applied {
            Ok(applied) => applied,
            Err(NotApplied { place, error }) => {
                // An error that ended the transaction is no refusal of an item.
                let place = place.filter(|_| is_refusal(&error) && !transaction.is_autocommit());
                let (told, flow) = Verdict::given_up(transaction, error).judge(Vec::new());
                return (told.map_err(|error| NotApplied { place, error }), flow);
            }
        };
        let verdict = end(transaction, &entries, None);
        self.observer.committed(began.elapsed(), count);
        // For a repetition of an earlier request, "nothing was changed" would be wrong.
        let is_repetition = written.iter().any(|written| written.replayed);
        let (told, flow) = verdict.judge(written);
        let told = told.map_err(|error| if is_repetition { Error::OutcomeUnknown } else { error });
        (told.map_err(NotApplied::from), flow)
    }
}

/// The running transaction of a batch.
struct Running<'a> {
    transaction: WriteTransaction<'a>,
    time: &'a Time,
    keys_max: u64,
    began: Instant,
}

impl Running<'_> {
    /// Applies items one after the other; at the first that is refused the transaction is to be
    /// given up.
    fn apply(
        &self,
        batch: &AtomicBatch,
        part: Range<usize>,
        foreseen: &mut [Option<Foreseen>],
    ) -> Result<(Vec<Written>, Entries), NotApplied> {
        let Self { transaction, time, keys_max, began } = self;
        let last = feed::last_time_before(transaction, newest_of(time.now()));
        let mut now = last.map_err(|error| from_driver(explained(transaction, error)))?;
        let (mut written, mut entries) = (Vec::with_capacity(part.len()), Entries::default());
        let mut budget = Budget::WHOLE;
        for place in part {
            if began.elapsed() >= TIME_MAX {
                return Err(Error::Busy { what: "the end of the batch" }.into());
            }
            now = after(now, time.now());
            let (write, ahead) = (&batch.writes()[place], foreseen.get_mut(place));
            let ahead = ahead.and_then(Option::take);
            let step = transaction::apply(transaction, write, ahead, budget.left(), now, *keys_max);
            let step = step.map_err(|error| explain(transaction, error));
            let Step::Applied(one) = step.map_err(NotApplied::at(place))? else {
                return Err(NotApplied::at(place)(Budget::USED_UP));
            };
            budget.take(one.bytes, 0).map_err(NotApplied::at(place))?;
            if let Some(entry) = one.entry {
                entries.add(entry);
            }
            written.push(one.written);
        }
        Ok((written, entries))
    }
}
