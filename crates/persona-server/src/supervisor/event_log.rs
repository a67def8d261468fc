//! The log lines of the supervisor.

use std::path::Path;

use persona_storage::sqlite::lock_probe::{
    Holder, holder_of_sqlite_write_lock, holder_of_write_lock,
};
use tracing::{error, info, warn};

use super::contention::{ADVICE, Delay};
use super::events::{ChildKey, Ending, LogEvent};
use crate::scoreboard::{WriteLockFigures, WriteLockUser};

/// Writes an event into the log.
pub(super) fn write(event: LogEvent) {
    match event {
        LogEvent::UnexpectedExit(key, ending) => {
            let (code, signal) = match ending {
                Ending::Code(code) => (Some(code), None),
                Ending::Signal(signal) => (None, Some(signal)),
                Ending::NotStarted => (None, None),
            };
            warn!(
                child.role = key.role.as_str(),
                child.slot = key.slot,
                code,
                signal,
                "a process ended unexpectedly"
            );
        }
        LogEvent::Refused(key) => error!(
            child.role = key.role.as_str(),
            child.slot = key.slot,
            "a process could not start, and trying again would not help: the server stops"
        ),
        LogEvent::CrashLoop(key, deaths) => error!(
            child.role = key.role.as_str(),
            child.slot = key.slot,
            deaths,
            "a process ended too often right after its start: the server stops"
        ),
        LogEvent::Fatal(key) => error!(
            child.role = key.role.as_str(),
            child.slot = key.slot,
            "a process found that going on would lose what was acknowledged: the server stops"
        ),
        LogEvent::Reopening(key) => error!(
            child.role = key.role.as_str(),
            child.slot = key.slot,
            "a sync of the disk failed or a commit is in doubt: all processes are replaced, so \
             that nothing more is acknowledged on what may be lost"
        ),
        LogEvent::Stalled(key) => child(key, "a process shows no sign of life and is killed"),
        LogEvent::Overdue(key) => child(key, "a process did not get on in time and is killed"),
        LogEvent::RestartAbandoned(key) => {
            child(
                key,
                "a replacement did not start: the restart ends here, the other workers stay",
            );
        }
        LogEvent::Restarting => info!(
            "replacing the workers one by one; settings are those of the start, they are not read \
             again"
        ),
        LogEvent::RestartUnderWay => info!("the workers are being replaced already"),
        LogEvent::Restarted => info!("every worker was replaced"),
        LogEvent::Workers(workers) => info!(workers, "the number of workers changes"),
        LogEvent::MostWorkers(workers_max) => warn!(
            workers_max,
            "no worker added: these are the most that this database bears; writers of one SQLite \
             file take turns, so more only wait, and PostgreSQL is for more"
        ),
        LogEvent::FewestWorkers => warn!("no worker removed: it is the last one"),
        LogEvent::NotWhileStartingOrStopping => {
            warn!("ignored: that can only be done while all workers run");
        }
        LogEvent::Stopping => info!("stopping"),
    }
}

/// Logs which process holds the write lock too long, and for how long. If it is no process of this
/// server, the system is asked for the holder. `is_ours` tells whether a process belongs to this
/// server.
pub(super) fn delay(delay: &Delay, database: &Path, is_ours: impl Fn(u32) -> bool) {
    let (slot, wait, what, holder) = match delay {
        Delay::Waiting { waiter, holder } => (
            waiter.slot,
            waiter.waiting,
            format!("{} waits for the write lock", named(waiter)),
            holder.as_ref(),
        ),
        Delay::Holding(holder) => {
            (holder.slot, holder.holding, "the write lock is held".into(), Some(holder))
        }
    };
    let (to_blame, reason) = match holder {
        Some(holder) => {
            blame(holder, holder_of_sqlite_write_lock(database).ok().flatten(), is_ours)
        }
        None => match holder_of_write_lock(database) {
            Some(outsider) => (Some(outsider.pid), format!("{outsider} holds it")),
            None => (None, "no process can be seen to hold it".into()),
        },
    };
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    warn!(slot, wait_ms, holder.pid = to_blame, "{what} for {wait_ms} ms: {reason}");
}

/// Finds the process that causes a long wait: the holder of the write lock, or a program that holds
/// SQLite's own lock without the write lock.
fn blame(
    holder: &WriteLockUser,
    of_lock: Option<Holder>,
    is_ours: impl Fn(u32) -> bool,
) -> (Option<u32>, String) {
    // The system is asked a moment after the look at the write lock. If a process of this server
    // holds SQLite's lock now, it got the write lock in between and is not the cause.
    match of_lock.filter(|holder| !is_ours(holder.pid)) {
        Some(outsider) => {
            let reason = format!(
                "{} holds it and waits for {outsider}, which holds the database's lock without \
                 the write lock",
                named(holder)
            );
            (Some(outsider.pid), reason)
        }
        None => (
            Some(holder.pid),
            format!("{} has held it for {} ms", named(holder), holder.holding.as_millis()),
        ),
    }
}

fn named(process: &WriteLockUser) -> String {
    match process.slot {
        0 => format!("the maintenance process (pid {})", process.pid),
        slot => format!("worker {slot} (pid {})", process.pid),
    }
}

/// Logs the advice for a write lock that stays busy.
pub(super) fn advice(minute: &WriteLockFigures) {
    let wait_p99_ms = minute.wait_p99_micros / 1000;
    warn!(
        wait_p99_ms,
        waits = minute.waits,
        "writers have waited long for each other for minutes: {ADVICE}"
    );
}

fn child(key: ChildKey, message: &'static str) {
    warn!(child.role = key.role.as_str(), child.slot = key.slot, "{message}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::blame;
    use crate::scoreboard::WriteLockUser;
    use persona_storage::sqlite::lock_probe::Holder;

    #[test]
    fn no_process_of_this_server_is_blamed_for_the_lock_without_the_write_lock() {
        let maintenance = WriteLockUser {
            slot: 0,
            pid: 7,
            waiting: Duration::ZERO,
            holding: Duration::from_millis(9),
        };
        let blamed = |pid| {
            blame(&maintenance, Some(Holder { pid, name: "shell".into() }), |process| {
                [7, 8].contains(&process)
            })
        };
        let itself = (Some(7), "the maintenance process (pid 7) has held it for 9 ms".to_owned());
        assert_eq!((blamed(7), blamed(8)), (itself.clone(), itself));
        let foreign = "the maintenance process (pid 7) holds it and waits for shell (pid 9), which holds the database's lock without the write lock";
        assert_eq!(blamed(9), (Some(9), foreign.to_owned()));
    }
}
