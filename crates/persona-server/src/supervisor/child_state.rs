//! The state of a living child, as its supervisor sees it.

use std::time::Duration;

/// How long a maintenance process or worker may take from its start until it is ready. Opening a
/// file takes milliseconds; a machine that swaps may take seconds.
pub(super) const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How long the maintenance process may take for its last checkpoint. If it is not finished by
/// then, the next start copies the WAL.
pub(super) const MAINTENANCE_STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The stage of a child's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ChildState {
    Starting,
    Ready { since: Duration },
    Ending,
}

/// The facts about a living process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Process {
    pub(super) state: ChildState,
    /// When the child is killed, unless it reaches its next state before.
    pub(super) deadline: Option<Duration>,
    /// Whether the child must reopen its log as soon as it is ready, because the log was rotated
    /// while it started.
    pub(super) reopens_log: bool,
}

impl Process {
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, ChildState::Ready { .. })
    }
}
