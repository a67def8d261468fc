//! The only place that touches processes: starts them, signals them, and reports their messages and
//! ends.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use persona_model::Clock;
use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open, pidfd_send_signal, waitpid};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::UnboundedSender;

use super::events::{ChildKey, Ending, Event, Role, Signal};
use super::ipc::{self, Message, OfWorker};
use crate::backend::Prepared;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::process_table::{self, RUN_ROLE};
use crate::scoreboard::Scoreboard;

/// This program, even after a newer version was installed under its name: the link leads to the
/// running file, so a rolling restart never mixes versions.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// A report to the supervisor's loop.
#[derive(Debug)]
pub(super) enum Report {
    /// An event to decide about.
    Event(Event),
    /// The facts that the init process found, for the user.
    Prepared(Prepared),
}

/// The living children.
pub(super) struct Children {
    config: Config,
    scoreboard: Arc<Scoreboard>,
    reports: UnboundedSender<Report>,
    /// The pidfd and the number of each process. Unlike the number, the pidfd never means another
    /// process.
    running: HashMap<ChildKey, (OwnedFd, u32)>,
}

impl Children {
    /// Makes an empty set of children. Their reports are sent to `reports`.
    pub(super) fn new(
        config: Config,
        scoreboard: Arc<Scoreboard>,
        reports: UnboundedSender<Report>,
    ) -> Self {
        Self { config, scoreboard, reports, running: HashMap::new() }
    }

    /// Starts a child. A failure is reported like the end of a child.
    pub(super) fn spawn(&mut self, key: ChildKey, of_worker: OfWorker<'_>) {
        if let Err(error) = self.try_spawn(key, of_worker) {
            tracing::error!(child.role = key.role.as_str(), child.slot = key.slot, error = %error, "could not start a process");
            self.report_end(key, Ending::NotStarted);
        }
    }

    fn try_spawn(&mut self, key: ChildKey, of_worker: OfWorker<'_>) -> io::Result<()> {
        let (ours, theirs) = UnixStream::pair()?;
        let of_worker = if key.role == Role::Worker { of_worker } else { OfWorker::default() };
        ipc::give(&ours, &self.config, self.scoreboard.fd(), of_worker)?;
        let mut command = Command::new(OWN_PROGRAM);
        command.arg0(process_table::title(key.role.as_str(), key.slot));
        command.args([
            RUN_ROLE,
            key.role.as_str(),
            "--slot",
            &key.slot.to_string(),
            "--generation",
            &key.generation.to_string(),
        ]);
        // Standard output is for results, and children have none.
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).kill_on_drop(true);
        if key.role != Role::Init {
            // The entry is prepared before the child runs, because the child could otherwise be
            // ready before this process runs again.
            self.scoreboard.entry(key.slot, key.generation).prepare(SystemClock.now());
        }
        let child = command.spawn()?;
        let number = child.id().ok_or_else(|| io::Error::other("the process has no number"))?;
        let pid = i32::try_from(number)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the process has no number"))?;
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        ours.set_nonblocking(true)?;
        let channel = tokio::net::UnixStream::from_std(ours)?;
        if key.role != Role::Init {
            let entry = self.scoreboard.entry(key.slot, key.generation);
            entry.taken_by(number);
            if key.generation > 1 {
                entry.restarted();
            }
        }
        self.running.insert(key, (handle, number));
        tokio::spawn(follow(key, child, channel, self.reports.clone()));
        Ok(())
    }

    /// Signals a child, unless it has just ended.
    pub(super) fn signal(&self, key: ChildKey, signal: Signal) {
        let signal = match signal {
            Signal::Drain => rustix::process::Signal::TERM,
            Signal::Stop => rustix::process::Signal::INT,
            Signal::Kill => rustix::process::Signal::KILL,
            Signal::ReopenLog => rustix::process::Signal::USR1,
        };
        if let Some((handle, _)) = self.running.get(&key) {
            // This fails only when the process has ended, which is reported separately.
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    /// Removes a child that has ended.
    pub(super) fn forget(&mut self, key: ChildKey) {
        if self.running.remove(&key).is_some() && key.role != Role::Init {
            self.scoreboard.entry(key.slot, key.generation).leave();
        }
    }

    /// The heartbeats of all children that have one.
    pub(super) fn heartbeats(&self) -> Vec<(ChildKey, u64)> {
        let keys = self.running.keys().filter(|key| key.role != Role::Init);
        keys.map(|key| (*key, self.scoreboard.entry(key.slot, key.generation).heartbeats()))
            .collect()
    }

    /// Whether a child has given its first heartbeat.
    pub(super) fn has_beaten(&self, key: ChildKey) -> bool {
        self.scoreboard.entry(key.slot, key.generation).heartbeats() > 0
    }

    /// Whether the system says that a child was stopped, by a signal.
    pub(super) fn is_stopped(&self, key: ChildKey) -> bool {
        let pid = self.running.get(&key).and_then(|(_, pid)| i32::try_from(*pid).ok());
        pid.is_some_and(process_table::is_stopped)
    }

    /// Reaps orphaned processes, if this is process 1 of a container: the kernel makes process 1
    /// their parent, and unreaped they would stay in the table of processes for ever. A health
    /// check or a shell in the container can leave such processes behind.
    pub(super) fn reap_orphans(&self) {
        if std::process::id() != 1 {
            return;
        }
        // The children of this program are reaped elsewhere, where their ends are reported.
        let orphans = process_table::children_of_process_1().into_iter().filter_map(Pid::from_raw);
        for orphan in orphans.filter(|pid| !self.is_one(pid.as_raw_nonzero().get().unsigned_abs()))
        {
            // An orphan that still runs is checked again at the next tick.
            let _ = waitpid(Some(orphan), WaitOptions::NOHANG);
        }
    }

    /// Whether this is the process number of a child.
    pub(super) fn is_one(&self, pid: u32) -> bool {
        self.running.values().any(|(_, child)| *child == pid)
    }

    /// The process numbers of all workers, by slot.
    pub(super) fn worker_pids(&self) -> Vec<u32> {
        let mut workers: Vec<(u16, u32)> = self
            .running
            .iter()
            .filter(|(key, _)| key.role == Role::Worker)
            .map(|(key, (_, pid))| (key.slot, *pid))
            .collect();
        workers.sort_unstable();
        workers.into_iter().map(|(_, pid)| pid).collect()
    }

    fn report_end(&self, key: ChildKey, ending: Ending) {
        // The loop holds the receiver until the program ends.
        let _ = self.reports.send(Report::Event(Event::Exited(key, ending)));
    }
}

/// Reports the messages of a child, and at last how it ended. Keeps the supervisor's end of the
/// socket open until then.
async fn follow(
    key: ChildKey,
    mut child: Child,
    channel: tokio::net::UnixStream,
    reports: UnboundedSender<Report>,
) {
    let mut lines = BufReader::new(channel).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let report = match serde_json::from_str(&line) {
            Ok(Message::Ready) => Report::Event(Event::Ready(key)),
            Ok(Message::Fatal) => Report::Event(Event::Fatal(key)),
            Ok(Message::SchemaMismatch) => Report::Event(Event::SchemaMismatch(key)),
            Ok(Message::Restart) => Report::Event(Event::Restart),
            Ok(Message::Prepared(prepared)) => Report::Prepared(prepared),
            Err(error) => {
                tracing::warn!(child.role = key.role.as_str(), error = %error, "a process said something that makes no sense");
                continue;
            }
        };
        let _ = reports.send(report);
    }
    let ending = child.wait().await.map_or(Ending::NotStarted, ending_of);
    let _ = reports.send(Report::Event(Event::Exited(key, ending)));
}

fn ending_of(status: ExitStatus) -> Ending {
    status.code().map_or_else(|| Ending::Signal(status.signal().unwrap_or_default()), Ending::Code)
}
