//! The language between the loop and its decisions: events go in, actions come out.

use std::str::FromStr;

use persona_model::UnknownWord;

use crate::exit_code::ExitCode;

/// The role of a child.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Makes the database ready, then ends.
    Init,
    /// Maintains the database.
    Maintenance,
    /// Answers requests.
    Worker,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Init, Self::Maintenance, Self::Worker];

    /// The word for this role on the command line and in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Maintenance => "maintenance",
            Self::Worker => "worker",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or(UnknownWord)
    }
}

/// Identifies one child; no other child ever has the same key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChildKey {
    /// The role of the child.
    pub role: Role,
    /// The slot: 0 for init and the maintenance process, 1 and up for workers.
    pub slot: u16,
    /// Counts the processes of the slot, from 1; 0 for init.
    pub generation: u64,
}

/// How a child ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The child exited with this code.
    Code(i32),
    /// A signal with this number ended the child.
    Signal(i32),
    /// The child could not be started.
    NotStarted,
}

impl Ending {
    /// Whether the code says that the disk failed, or that the outcome of a commit is unknown.
    pub fn is_disk_failure(self) -> bool {
        self == Self::Code(i32::from(ExitCode::DiskFailed.number()))
    }

    /// The exit code of a child, if it means that starting the child again would not help.
    ///
    /// Only codes of [`ExitCode`]: a panic ends with 101, and the next start may succeed.
    pub fn refusal(self) -> Option<ExitCode> {
        match self {
            Self::Code(number) => ExitCode::ALL
                .into_iter()
                .find(|code| *code != ExitCode::Ok && i32::from(code.number()) == number),
            Self::Signal(_) | Self::NotStarted => None,
        }
    }
}

/// What happens to the supervisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The program starts.
    Begin,
    /// A child says that it is ready.
    Ready(ChildKey),
    /// A child says that the server has to stop.
    Fatal(ChildKey),
    /// A worker says that it writes nothing more, because the schema is another one.
    SchemaMismatch(ChildKey),
    /// A child has ended.
    Exited(ChildKey, Ending),
    /// A child shows no sign of life.
    Stalled(ChildKey),
    /// TERM: stop when the requests are answered.
    Terminate,
    /// INT: like TERM; a second INT ends the processes at once.
    Interrupt,
    /// HUP: replace the workers one by one.
    Restart,
    /// TTIN: run one more worker.
    AddWorker,
    /// TTOU: run one worker fewer.
    RemoveWorker,
    /// USR1: the log file was moved away.
    ReopenLog,
    /// Time has passed.
    Tick,
}

/// What the supervisor can tell a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Finish the requests at hand and end. Other workers go on, so idle clients get time to move.
    Drain,
    /// Finish the requests at hand and end. No other worker goes on.
    Stop,
    /// End at once.
    Kill,
    /// Open the log file again.
    ReopenLog,
}

/// An action that the loop must carry out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Start this child.
    Spawn(ChildKey),
    /// Send this signal to this child.
    Signal(ChildKey, Signal),
    /// Accept no new connection into the queue, and close the supervisor's own listeners, because
    /// the server ends.
    StopListening,
    /// Open the supervisor's own log file again.
    ReopenLog,
    /// Tell the user that everything is ready.
    Announce,
    /// Write this event into the log.
    Log(LogEvent),
    /// End the program.
    Exit {
        /// The exit code.
        code: ExitCode,
        /// Whether a process had to be killed.
        forced: bool,
    },
}

/// An event for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogEvent {
    /// A child ended without being told to.
    UnexpectedExit(ChildKey, Ending),
    /// A child cannot be started, and trying again would not help.
    Refused(ChildKey),
    /// A child says that the server has to stop.
    Fatal(ChildKey),
    /// A sync of this child failed, or the outcome of one of its commits is unknown: every process
    /// opens the file again.
    Reopening(ChildKey),
    /// The processes of a slot failed to get ready this many times in a row.
    CrashLoop(ChildKey, u32),
    /// A child shows no sign of life and is killed.
    Stalled(ChildKey),
    /// A child did not reach its next state in time and is killed.
    Overdue(ChildKey),
    /// The workers are being replaced one by one.
    Restarting,
    /// A restart is under way already.
    RestartUnderWay,
    /// This replacement did not start, so the other workers are not replaced.
    RestartAbandoned(ChildKey),
    /// Every worker was replaced.
    Restarted,
    /// The number of wanted workers is now this.
    Workers(u16),
    /// More workers than this do not help on one SQLite file.
    MostWorkers(u16),
    /// A server keeps at least one worker.
    FewestWorkers,
    /// The request of the operator is only possible while all processes run.
    NotWhileStartingOrStopping,
    /// The server stops.
    Stopping,
}
