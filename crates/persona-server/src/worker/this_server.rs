//! The server that a worker belongs to, as its router sees it: the scoreboard, and the way to the
//! supervisor.

use std::io;
use std::os::unix::net::UnixStream;

use persona_http::contract::findings::Finding;
use persona_http::contract::status::Status;
use persona_http::contract::tasks::{Task, TaskKind};
use persona_http::{Restart, ServerFigures, ServerState, TaskRefusal};
use persona_model::Timestamp;

use crate::clock::monotonic_micros;
use crate::config::Config;
use crate::findings;
use crate::scoreboard::{NoRestart, ProcessEntry};
use crate::supervisor::{Message, say};

/// See the module.
pub(super) struct ThisServer {
    entry: ProcessEntry,
    /// The worker's end of its socket to the supervisor.
    supervisor: UnixStream,
    /// Whether the settings name backups.
    has_backups: bool,
}

impl ThisServer {
    /// The server of the worker with this entry and this socket.
    ///
    /// # Errors
    ///
    /// There is no room for another descriptor.
    pub(super) fn new(
        entry: &ProcessEntry,
        supervisor: &UnixStream,
        config: &Config,
    ) -> io::Result<Self> {
        let has_backups = config.backup_plan().is_some();
        Ok(Self { entry: entry.clone(), supervisor: supervisor.try_clone()?, has_backups })
    }

    /// Why the server does not offer a task, and what to do instead.
    fn not_offered(&self, kind: TaskKind) -> Option<&'static str> {
        match (kind, self.entry.scoreboard().is_on_server()) {
            (TaskKind::Backup, true) => {
                Some("PostgreSQL is backed up by its own tools: pg_dump or pg_basebackup")
            }
            (TaskKind::Checkpoint, true) => Some("PostgreSQL makes its checkpoints by itself"),
            (TaskKind::Check, true) => Some("PostgreSQL is checked by its own tools: pg_amcheck"),
            (TaskKind::Backup, false) if !self.has_backups => {
                Some("the settings name no backups: set backup_every, and where wanted backup_dir")
            }
            (_, false) => None,
        }
    }
}

impl ServerState for ThisServer {
    fn slot(&self) -> u16 {
        ServerState::slot(&self.entry)
    }

    fn figures(&self, now: Timestamp) -> ServerFigures {
        self.entry.figures(now)
    }

    fn metrics_text(&self) -> String {
        self.entry.metrics_text()
    }

    fn restart(&self) -> Restart {
        match self.entry.scoreboard().claim_restart(monotonic_micros()) {
            Err(NoRestart::UnderWay) => Restart::UnderWay,
            Err(NoRestart::TooSoon(wait)) => Restart::TooSoon(wait),
            Ok(()) if say(&self.supervisor, &Message::Restart).is_ok() => Restart::Begun,
            Ok(()) => Restart::Impossible,
        }
    }

    fn begin_task(&self, kind: TaskKind, now: Timestamp) -> Result<Task, TaskRefusal> {
        if let Some(reason) = self.not_offered(kind) {
            return Err(TaskRefusal::NotOffered(reason));
        }
        self.entry.ask_for_task(kind, now)?;
        Ok(self.entry.scoreboard().task(kind))
    }

    fn tasks(&self) -> Vec<Task> {
        let task = |kind| {
            let not_offered = self.not_offered(kind).map(str::to_owned);
            Task { not_offered, ..self.entry.scoreboard().task(kind) }
        };
        TaskKind::ALL.map(task).into()
    }

    fn findings(&self, status: &Status, now: Timestamp) -> Vec<Finding> {
        findings::of_server(status, self.entry.scoreboard().certificate_end(), now)
    }
}
