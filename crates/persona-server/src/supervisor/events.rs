//! What the loop and its decisions say to each other: events go in, actions come out.

use std::str::FromStr;

use persona_model::UnknownWord;

use crate::exit_code::ExitCode;

/// What a child does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Prepares the file, then ends.
    Init,
    /// Looks after the file.
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

/// Names one child for ever: no other one has the same slot and generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChildKey {
    /// What it does.
    pub role: Role,
    /// Its place: 0 for init and maintenance process, 1 and up for workers.
    pub slot: u16,
    /// Counts the processes of the slot, from 1; 0 for init.
    pub generation: u64,
}

/// How a child ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It could not be started at all.
    NotStarted,
}

impl Ending {
    /// Whether a child says that the disk failed, or that a commit is in doubt.
    pub fn is_disk_failure(self) -> bool {
        self == Self::Code(i32::from(ExitCode::DiskFailed.number()))
    }

    /// The code with which a child says that starting it again would not help.
    ///
    /// Only codes of [`ExitCode`]: a panic ends with 101, and that may well go better the next
    /// time.
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
    /// INT: the same, and the second time at once.
    Interrupt,
    /// HUP: replace the workers one by one.
    Restart,
    /// TTIN: one worker more.
    AddWorker,
    /// TTOU: one worker less.
    RemoveWorker,
    /// USR1: the log file was moved away.
    ReopenLog,
    /// Time has passed.
    Tick,
}

/// What a child can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Finish the requests at hand. Other workers go on, so idle clients get time to notice.
    Drain,
    /// Finish the requests at hand. No other worker goes on.
    Stop,
    /// End at once.
    Kill,
    /// Open the log file again.
    ReopenLog,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Start this child.
    Spawn(ChildKey),
    /// Tell this child.
    Signal(ChildKey, Signal),
    /// Let no new connection into the queue of a server that ends, and close the supervisor's own
    /// listener.
    StopListening,
    /// Open the supervisor's own log file again.
    ReopenLog,
    /// Tell the user that everything is ready.
    Announce,
    /// Tell the log.
    Log(LogEvent),
    /// End the program.
    Exit {
        /// With this code.
        code: ExitCode,
        /// Whether something had to be killed.
        forced: bool,
    },
}

/// What the log is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogEvent {
    /// A child ended without being told to.
    UnexpectedExit(ChildKey, Ending),
    /// A child cannot be started, and trying again would not help.
    Refused(ChildKey),
    /// A child says that the server has to stop.
    Fatal(ChildKey),
    /// A sync of this child failed, or a commit of it is in doubt: every process opens the file
    /// again.
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
    /// This replacement did not start, so the other workers stay as they are.
    RestartAbandoned(ChildKey),
    /// Every worker was replaced.
    Restarted,
    /// There are now to be this many workers.
    Workers(u16),
    /// More workers than this do not help on one SQLite file.
    MostWorkers(u16),
    /// The last worker stays.
    FewestWorkers,
    /// That can only be done while everything runs.
    NotWhileStartingOrStopping,
    /// Everything is to end.
    Stopping,
}
