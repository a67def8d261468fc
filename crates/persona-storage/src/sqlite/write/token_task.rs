//! A change of a token on its way to the database: in a transaction of its own, because it is rare.

use std::ops::ControlFlow;

use tokio::sync::oneshot;

use super::alone::alone;
use super::commit::WriteConnection;
use super::queue::{LIGHT_BYTES_MAX, Size};
use super::write_lock::WriteLock;
use crate::sqlite::error::explain;
use crate::sqlite::tables::tokens;
use crate::{Error, Loss, Token, TokenChange};

/// A change of a token that waits in the queue.
pub(super) struct TokenTask {
    pub change: TokenChange,
    pub reply: oneshot::Sender<Result<Token, Error>>,
}

impl TokenTask {
    /// The size of a change of a token in the queue. It has its own transaction, like a heavy
    /// write.
    pub(super) fn size() -> Size {
        Size { bytes: size_of::<TokenChange>(), cost: LIGHT_BYTES_MAX + 1 }
    }

    /// Whether the change is made even when writes are refused for lack of space: the reserve has
    /// room for it, and a token that must end must end.
    pub(super) fn is_urgent(&self) -> bool {
        self.change.withdraws()
    }

    pub(super) fn answer(self, result: Result<Token, Error>) {
        // A request that no longer waits needs no answer.
        let _ = self.reply.send(result);
    }

    /// Makes the change. Breaks when nothing more may be written through this connection.
    pub(super) fn serve(
        self,
        write_lock: &WriteLock,
        connection: &mut WriteConnection,
    ) -> ControlFlow<Loss> {
        let (result, flow) = alone(write_lock, connection, |transaction| {
            tokens::change(transaction, &self.change).map_err(|error| explain(transaction, error))
        });
        self.answer(result);
        flow
    }
}
