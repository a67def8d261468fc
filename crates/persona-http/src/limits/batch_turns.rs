//! The number of batch items that one process writes at the same time.
//!
//! The queue of writes takes 1,024 of all clients together. Items of batches wait here for a turn,
//! and clients take turns, so that most of the queue stays free for single requests.

use std::time::Instant;

use persona_storage::{Party, Turn, Turns};

use crate::problem::{Code, Problem};

/// Most items of all batches that are written at the same time: as many as one transaction has at
/// most.
pub(crate) const ITEMS_AT_ONCE: usize = 256;
/// Most items of one batch that are being written or wait for a turn.
pub(crate) const ITEMS_OF_BATCH_AT_ONCE: usize = 128;

/// The turns of one process.
#[derive(Clone, Debug)]
pub struct BatchTurns(Turns);

impl Default for BatchTurns {
    fn default() -> Self {
        Self(Turns::new(ITEMS_AT_ONCE))
    }
}

impl BatchTurns {
    /// Waits for a turn of one item.
    pub(crate) async fn take(
        &self,
        client: Option<Party>,
        deadline: Instant,
    ) -> Result<Turn, Problem> {
        let busy = || {
            let detail = "other batches took all the time there was; nothing was changed";
            Problem::new(Code::Busy, detail).retry()
        };
        self.0.take(client, deadline).await.ok_or_else(busy)
    }
}
