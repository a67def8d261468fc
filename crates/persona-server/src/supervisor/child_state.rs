//! The state of a living child, as far as its supervisor knows.

use std::time::Duration;

/// How long a maintenance process or worker may take from its start until it is ready. Opening a
/// file takes milliseconds; a machine that swaps may take seconds.
pub(super) const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How long the maintenance process may take for its last checkpoint. The next start finishes what
/// it does not.
pub(super) const MAINTENANCE_STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How far a child has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ChildState {
    Starting,
    Ready { since: Duration },
    Ending,
}

/// What is known of a living process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Process {
    pub(super) state: ChildState,
    /// When the child is killed, unless it reaches its next state before.
    pub(super) deadline: Option<Duration>,
    /// Whether the log was rotated before the child could be told.
    pub(super) reopens_log: bool,
}

impl Process {
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, ChildState::Ready { .. })
    }
}
