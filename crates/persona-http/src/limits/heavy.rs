//! Turns for bodies that take too long to read on a serving thread.
//!
//! A serving thread has many other requests to answer. So a medium body is read on a blocking
//! thread, few bodies at the same time, and clients take turns. A large body makes its whole
//! request heavy: reading, checking and folding it takes up to a second and many times its size in
//! memory. The turn of a heavy request is kept until its answer. It is held by the work and not
//! only by the request: a client that goes away does not make room for another one before its work
//! has ended.

use std::time::Instant;

pub(crate) use persona_storage::Turn;
use persona_storage::{Party, Turns};

use crate::problem::{Code, Problem};

/// A body over this size is medium: reading it takes more than about a tenth of a millisecond, and
/// a worker can have a thousand of them at once. Ordinary personas have a few thousand bytes;
/// reading them takes less time than a switch to another thread and back.
const LIGHT_BODY_BYTES_MAX: usize = 8 * 1024;
/// A body over this size is large: reading it takes more than about a millisecond.
const MEDIUM_BODY_BYTES_MAX: usize = 64 * 1024;
/// Requests of each weight that one process works on at the same time. The largest take a hundred
/// times the size of their body in memory for a moment, and a processor each; more at once would
/// only make each take longer.
const TURNS: usize = 2;

/// How much work it is to read a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Weight {
    /// A serving thread reads it.
    Light,
    /// Another thread reads it.
    Medium,
    /// Another thread reads it, and its request keeps the turn until its answer.
    Large,
}

impl Weight {
    /// The weight of a body of this size.
    pub(crate) const fn of(bytes: usize) -> Self {
        if bytes <= LIGHT_BODY_BYTES_MAX {
            Self::Light
        } else if bytes <= MEDIUM_BODY_BYTES_MAX {
            Self::Medium
        } else {
            Self::Large
        }
    }
}

/// The turns of one process.
#[derive(Clone, Debug)]
pub struct HeavyTurns {
    medium: Turns,
    large: Turns,
}

impl Default for HeavyTurns {
    fn default() -> Self {
        Self { medium: Turns::new(TURNS), large: Turns::new(TURNS) }
    }
}

impl HeavyTurns {
    /// Waits for a turn to read a body that is not light.
    pub(crate) async fn take(
        &self,
        weight: Weight,
        client: Option<Party>,
        deadline: Instant,
    ) -> Result<Turn, Problem> {
        let busy = || {
            Problem::new(
                Code::Busy,
                "other large requests took all the time there was; nothing was changed",
            )
            .retry()
        };
        let turns = if weight == Weight::Large { &self.large } else { &self.medium };
        turns.take(client, deadline).await.ok_or_else(busy)
    }
}
