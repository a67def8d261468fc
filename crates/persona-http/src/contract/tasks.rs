//! The bodies of what tells about tasks of the maintenance process.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;

/// What the maintenance process can be asked to do, and what became of the last request for each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TaskPage {
    /// Each kind of task once.
    pub items: Vec<Task>,
    /// Always null: there is one page.
    pub next_cursor: (),
}

/// A kind of task, and the last one of it that was asked for since the server started.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Which kind.
    pub kind: TaskKind,
    /// What became of the last one.
    pub state: TaskState,
    /// Why the server does not offer it, and what to do instead; null where it does.
    pub not_offered: Option<String>,
    /// When it was asked for.
    pub asked_at: Option<Time>,
    /// When it began.
    pub began_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// After how many seconds the next one can be asked for; 0 for at once.
    pub rests_for_seconds: u64,
    /// What it is doing now; null where it is not under way.
    pub step: Option<String>,
    /// How much of that step is done; 0 without one.
    pub done: u64,
    /// How much that step has in all; 0 without one, and where that is not known.
    pub total: u64,
    /// Of a backup that was made: its size.
    pub bytes: Option<u64>,
    /// Of a backup or a check that has ended: the personas in it, deleted ones too.
    pub personas: Option<u64>,
    /// Of a check that has ended: how many problems were found. The log names the first ones.
    pub problems: Option<u64>,
}

/// What the maintenance process can be asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TaskKind {
    /// A backup into the folder of the settings, as the scheduled ones.
    Backup,
    /// A checkpoint that empties the write-ahead log.
    Checkpoint,
    /// A check of the whole database, as `persona check`.
    Check,
}

impl TaskKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Backup, Self::Checkpoint, Self::Check];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Checkpoint => "checkpoint",
            Self::Check => "check",
        }
    }
}

/// What became of a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TaskState {
    /// None was asked for since the server started.
    #[default]
    Never,
    /// The task was asked for, and has not begun.
    Waiting,
    /// The task is being done.
    Running,
    /// The task has ended as it should.
    Done,
    /// The task has failed, or was broken off; the log says why.
    Failed,
}
