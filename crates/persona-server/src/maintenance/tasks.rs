//! The tasks that clients ask for over the scoreboard, taken up by the thread of maintenance.
//!
//! A checkpoint is made by this thread, because it has the connection for that. A backup is made by
//! the thread of the scheduled ones, in the place of the next of them. A check has a thread of its
//! own.

use std::io;

use persona_http::contract::tasks::{TaskKind, TaskState};
use persona_model::Clock;
use persona_storage::Error;
use persona_storage::sqlite::Settings;

use super::backups::Backups;
use super::check::Check;
use super::under_way::UnderWay;
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
        entry.scoreboard().fail_unfinished_task(SystemClock.now());
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
        let Some((kind, TaskState::Waiting)) = self.entry.scoreboard().asked_task() else {
            return Ok(());
        };
        let task = UnderWay::begin(&self.entry, kind);
        match kind {
            TaskKind::Checkpoint => return checkpoint(task, maintenance),
            TaskKind::Check => self.start_check(task),
            TaskKind::Backup => match &self.backups {
                Some(backups) => backups.ask(task),
                None => task.end(None),
            },
        }
        Ok(())
    }

    fn start_check(&mut self, task: UnderWay) {
        let Some(settings) = self.settings.clone() else { return task.end(None) };
        // The thread of the check before has ended: its task has.
        drop(self.check.take());
        match Check::start(settings, task) {
            Ok(check) => self.check = Some(check),
            Err(error) => tracing::error!(error = %error, "could not start a check"),
        }
    }
}

fn checkpoint(task: UnderWay, maintenance: &mut Maintenance) -> Result<(), Error> {
    let made = maintenance.checkpoint_now();
    task.end(matches!(made, Ok(true)).then(TaskResult::default));
    if !made? {
        tracing::warn!("a checkpoint could not empty the WAL: a reader uses an old snapshot");
    }
    Ok(())
}
