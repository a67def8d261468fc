//! How many items of batches one process has on their way to the store at a time.
//!
//! The queue of writes takes 1,024 of all clients together. Items beyond these turns wait here,
//! where clients take turns, so that batches leave most of the queue to single requests.

use std::net::IpAddr;
use std::time::Instant;

use persona_storage::{Turn, Turns};

use crate::problem::{Code, Problem};

/// Items of all batches that are written at a time: as many as one transaction has at most.
pub(crate) const ITEMS_AT_ONCE: usize = 256;
/// Items of one batch that are written or wait at a time.
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
        client: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<Turn, Problem> {
        let busy = || {
            let detail = "other batches took all the time there was; nothing was changed";
            Problem::new(Code::Busy, detail).retry()
        };
        self.0.take(client, deadline).await.ok_or_else(busy)
    }
}
