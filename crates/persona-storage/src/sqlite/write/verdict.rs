//! The answers to the requests of a transaction when it has ended.

use std::ops::ControlFlow;

use super::commit::{Committed, WriteTransaction};
use super::writer::Told;
use super::writer_thread::Applied;
use crate::sqlite::error::{another, from_driver, is_failed_sync};
use crate::{Error, Loss};

/// The outcome for the requests of a transaction, and whether the connection may be used further.
#[derive(Default)]
pub(crate) struct Verdict {
    /// The error for all requests; `None` when each has its own answer.
    error: Option<Error>,
    loss: Option<Loss>,
}

impl Verdict {
    pub(crate) fn of(committed: Committed) -> Self {
        match committed {
            Committed::Kept => Self::default(),
            Committed::NotKept(error) => Self::not_kept(from_driver(error)),
            Committed::Unknown(error) => {
                tracing::error!(%error, "a commit is in doubt; this writer stops");
                let loss = if is_failed_sync(&error) { Loss::Disk } else { Loss::Doubt };
                Self { error: Some(Error::OutcomeUnknown), loss: Some(loss) }
            }
        }
    }

    /// Undoes a transaction that cannot be committed any more.
    pub(crate) fn given_up(transaction: WriteTransaction<'_>, error: Error) -> Self {
        if let Err(error) = transaction.roll_back() {
            tracing::error!(%error, "could not roll a transaction back");
        }
        Self::not_kept(error)
    }

    fn not_kept(error: Error) -> Self {
        let loss = matches!(error, Error::Unsynced(_)).then_some(Loss::Disk);
        if loss.is_some() {
            // The kernel has forgotten the pages, and a second sync would succeed without them. So
            // nothing more is acknowledged through this connection.
            tracing::error!(%error, "a sync of the disk failed; this writer stops");
        }
        Self { error: Some(error), loss }
    }

    /// The outcome of a transaction with one value, and whether the connection may be used further.
    pub(crate) fn judge<T>(self, value: T) -> (Result<T, Error>, ControlFlow<Loss>) {
        let flow = self.loss.map_or(ControlFlow::Continue(()), ControlFlow::Break);
        (self.error.map_or(Ok(value), Err), flow)
    }

    /// Answers all requests. If the transaction was not committed, refusals are replaced by the
    /// error too: they were decided in a state that never became visible, and would name a revision
    /// that no reader ever sees.
    pub(crate) fn tell(self, applied: Vec<Applied>) -> ControlFlow<Loss> {
        for Applied { reply, result, guard } in applied {
            drop(guard);
            // A repetition of an earlier request keeps its answer, because the error concerns only
            // the other requests.
            let is_repetition = result.as_ref().is_ok_and(|written| written.replayed);
            let untold = |error| if is_repetition { Error::OutcomeUnknown } else { another(error) };
            // A request that no longer waits needs no answer.
            let result = self.error.as_ref().map_or(result, |error| Err(untold(error)));
            let _ = reply.send(Told::Done(result));
        }
        self.loss.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }
}
