//! The tasks that clients ask for over the scoreboard, taken up by the thread of maintenance.
//!
//! A checkpoint is made by this thread, because it has the connection for that. A backup is made by
//! the thread of the scheduled ones, in the place of the next of them. A check has a thread of its
//! own.

use std::io;
use std::time::Instant;

use persona_http::contract::tasks::{TaskKind, TaskState};
use persona_model::Clock;
use persona_storage::Error;
use persona_storage::sqlite::Settings;

use super::backups::Backups;
use super::check::Check;
use super::rest::rest_after;
use crate::backend::Maintenance;
use crate::clock::SystemClock;
use crate::scoreboard::{ProcessEntry, TaskResult};
use crate::supervisor::ChildInput;

/// What takes up the tasks of this process. Dropped, it ends their threads.
pub(super) struct Tasks {
    entry: ProcessEntry,
    /// `None` where the database is on a server; then no task is offered.
    settings: Option<Settings>,
    backups: Option<Backups>,
    check: Option<Check>,
}

impl Tasks {
    /// Starts the thread of scheduled backups, if the settings ask for backups.
    pub(super) fn start(input: &ChildInput, entry: &ProcessEntry) -> io::Result<Self> {
        entry.scoreboard().clear_tasks(SystemClock.now());
        let config = &input.config;
        let settings = config.database.file().map(|path| config.file_settings(path));
        let backups = Backups::start(input, entry)?;
        Ok(Self { entry: entry.clone(), settings, backups, check: None })
    }

    /// Takes up the task that waits, if there is one.
    ///
    /// # Errors
    ///
    /// As for [`Maintenance::tick`], from a checkpoint.
    pub(super) fn look(&mut self, maintenance: &mut Maintenance) -> Result<(), Error> {
        let scoreboard = self.entry.scoreboard();
        let Some((kind, TaskState::Waiting)) = scoreboard.asked_task() else { return Ok(()) };
        scoreboard.task_began(kind, SystemClock.now());
        let is_begun = match kind {
            TaskKind::Checkpoint => return self.checkpoint(maintenance),
            TaskKind::Backup => self.backups.as_ref().is_some_and(Backups::ask),
            TaskKind::Check => self.start_check(),
        };
        if !is_begun {
            self.end(kind, None, Instant::now());
        }
        Ok(())
    }

    fn checkpoint(&self, maintenance: &mut Maintenance) -> Result<(), Error> {
        let began = Instant::now();
        let made = maintenance.checkpoint_now();
        let result = matches!(made, Ok(true)).then(TaskResult::default);
        self.end(TaskKind::Checkpoint, result, began);
        if !made? {
            tracing::warn!("a checkpoint could not empty the WAL: a reader uses an old snapshot");
        }
        Ok(())
    }

    fn start_check(&mut self) -> bool {
        let Some(settings) = self.settings.clone() else { return false };
        // The thread of the check before has ended: its task has.
        drop(self.check.take());
        match Check::start(settings, self.entry.clone()) {
            Ok(check) => self.check = Some(check),
            Err(error) => tracing::error!(error = %error, "could not start a check"),
        }
        self.check.is_some()
    }

    fn end(&self, kind: TaskKind, result: Option<TaskResult>, began: Instant) {
        let rest = rest_after(kind, result.is_some(), began.elapsed());
        self.entry.scoreboard().task_ended(kind, result, rest, SystemClock.now());
    }
}
