//! Moves of labels on their way to the database: in a transaction of their own, because they are
//! rare.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::alone::alone;
use super::claim::Claim;
use super::commit::WriteConnection;
use super::queue::{LIGHT_BYTES_MAX, Size};
use super::write_lock::WriteLock;
use crate::observer::Waiting;
use crate::sqlite::error::explain;
use crate::sqlite::tables::labels;
use crate::time::Time;
use crate::{Error, LabelMoves, Loss, MovedLabel, NotApplied};

/// What moves are told.
pub(super) type ToldOfMoves = Result<Vec<MovedLabel>, NotApplied>;

/// Moves that wait in the queue.
pub(super) struct LabelTask {
    pub moves: Arc<LabelMoves>,
    pub claim: Claim<()>,
    pub waiting: Waiting,
    pub reply: oneshot::Sender<ToldOfMoves>,
}

impl LabelTask {
    /// The size of moves in the queue: they have a transaction of their own, as a heavy write has.
    pub(super) fn size(moves: &LabelMoves) -> Size {
        let bytes = moves.bytes();
        Size { bytes, cost: bytes.max(LIGHT_BYTES_MAX + 1) }
    }

    /// Tells that nothing was moved, unless the moves were withdrawn.
    pub(super) fn refuse(self, error: Error) {
        if self.claim.withdraw() {
            // A request that no longer waits needs no answer.
            let _ = self.reply.send(Err(error.into()));
        }
    }

    /// Makes the moves. Breaks when nothing more may be written through this connection.
    pub(super) fn serve(
        self,
        write_lock: &WriteLock,
        connection: &mut WriteConnection,
        time: &Time,
        keys_max: u64,
    ) -> ControlFlow<Loss> {
        let Self { moves, claim, waiting, reply } = self;
        let mut place = None;
        let (result, flow) = alone(write_lock, connection, |transaction| {
            // Here, so that what waits for the lock can still be withdrawn.
            if claim.apply().is_err() {
                return Err(Error::Busy { what: WITHDRAWN });
            }
            drop(waiting);
            if Instant::now() >= moves.deadline {
                return Err(Error::Busy { what: "its turn to write" });
            }
            labels::move_all(transaction, &moves, time, keys_max).map_err(|refused| {
                place = refused.place.filter(|_| is_refusal(&refused.error));
                explain(transaction, refused.error)
            })
        });
        // A request that no longer waits needs no answer.
        let _ = reply.send(result.map_err(|error| NotApplied { place, error }));
        flow
    }
}

/// Told to no request.
const WITHDRAWN: &str = "a request that was withdrawn";

/// Whether an error is about the move that met it. All others are told of the moves as a whole.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound
            | Error::Purged { .. }
            | Error::RevisionDropped { .. }
            | Error::HandleMoved { .. }
            | Error::Label(_)
    )
}
