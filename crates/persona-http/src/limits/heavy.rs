//! Heavy requests: bodies that take too long for a serving thread, and the turns of clients.
//!
//! A body of some megabytes takes a second to read, check and fold, and many times its size in
//! memory. So it is worked on elsewhere, by few requests at a time, and clients take turns. The
//! turn is held by the work and not only by the request: a client that goes away does not make room
//! for another one before its work has ended.

use std::net::IpAddr;
use std::time::Instant;

pub(crate) use persona_storage::Turn;
use persona_storage::Turns;

use crate::problem::{Code, Problem};

/// A larger body is heavy: it takes more than about a millisecond.
pub(crate) const LIGHT_BODY_BYTES_MAX: usize = 64 * 1024;
/// Heavy requests that are worked on at a time in one process. The largest take a hundred times
/// their body in memory for a moment, and a processor each; more would only make each take longer.
const TURNS: usize = 2;

/// The turns of one process.
#[derive(Clone, Debug)]
pub struct HeavyTurns(Turns);

impl Default for HeavyTurns {
    fn default() -> Self {
        Self(Turns::new(TURNS))
    }
}

impl HeavyTurns {
    /// Waits for a turn.
    pub(crate) async fn take(
        &self,
        client: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<Turn, Problem> {
        let busy = || {
            Problem::new(
                Code::Busy,
                "other large requests took all the time there was; nothing was changed",
            )
            .retry()
        };
        self.0.take(client, deadline).await.ok_or_else(busy)
    }
}
