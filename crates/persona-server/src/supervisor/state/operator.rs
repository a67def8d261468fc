//! The requests that an operator makes by signals while the server runs.

use std::time::Duration;

use super::super::child_state::ChildState;
use super::super::events::{Action, LogEvent, Role, Signal};
use super::machine::{Phase, State};

impl State {
    /// Whether [`State::restart`] would begin to replace the workers.
    pub(in crate::supervisor) fn can_restart(&self) -> bool {
        self.phase == Phase::Running { announced: true } && !self.renewing
    }

    /// Whether the workers are being replaced.
    pub(in crate::supervisor) fn is_restarting(&self) -> bool {
        self.renewing
    }

    pub(super) fn restart(&mut self, actions: &mut Vec<Action>) {
        let event = match self.phase {
            Phase::Running { announced: true } if self.renewing => LogEvent::RestartUnderWay,
            Phase::Running { announced: true } => {
                self.to_renew = (1..=self.workers).collect();
                self.renewing = true;
                LogEvent::Restarting
            }
            _ => LogEvent::NotWhileStartingOrStopping,
        };
        actions.push(Action::Log(event));
    }

    pub(super) fn add_worker(&mut self, actions: &mut Vec<Action>) {
        let event = match self.phase {
            Phase::Running { announced: true } if self.workers < self.workers_max => {
                self.workers += 1;
                self.slots.entry(self.workers).or_default().forgive();
                LogEvent::Workers(self.workers)
            }
            Phase::Running { announced: true } => LogEvent::MostWorkers(self.workers_max),
            _ => LogEvent::NotWhileStartingOrStopping,
        };
        actions.push(Action::Log(event));
    }

    pub(super) fn remove_worker(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let event = match self.phase {
            Phase::Running { announced: true } if self.workers > 1 => {
                let slot = self.workers;
                self.workers -= 1;
                self.to_renew.remove(&slot);
                for key in self
                    .living()
                    .filter(|key| key.role == Role::Worker && key.slot == slot)
                    .collect::<Vec<_>>()
                {
                    self.end(now, key, Signal::Drain, actions);
                }
                LogEvent::Workers(self.workers)
            }
            Phase::Running { announced: true } => LogEvent::FewestWorkers,
            _ => LogEvent::NotWhileStartingOrStopping,
        };
        actions.push(Action::Log(event));
    }

    pub(super) fn reopen_log(&mut self, actions: &mut Vec<Action>) {
        actions.push(Action::ReopenLog);
        for (key, process) in &mut self.processes {
            match process.state {
                // A process that is not ready may not have a handler for the signal yet, and would
                // be killed by it.
                ChildState::Starting => process.reopens_log = true,
                ChildState::Ready { .. } | ChildState::Ending => {
                    actions.push(Action::Signal(*key, Signal::ReopenLog));
                }
            }
        }
    }
}
