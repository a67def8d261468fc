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
    /// What it counts in the queue: it has a transaction of its own, as a heavy write has.
    pub(super) fn size() -> Size {
        Size { bytes: size_of::<TokenChange>(), cost: LIGHT_BYTES_MAX + 1 }
    }

    /// Whether it is done also where no write is, for want of space: what is left free has room for
    /// it, and a token that has to end must end.
    pub(super) fn is_urgent(&self) -> bool {
        self.change.withdraws()
    }

    pub(super) fn answer(self, result: Result<Token, Error>) {
        // A request that no longer waits needs no answer.
        let _ = self.reply.send(result);
    }

    /// Does it. Breaks when nothing more may be written through this connection.
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
