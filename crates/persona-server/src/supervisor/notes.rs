//! What the supervisor tells the log, in words.

use tracing::{error, info, warn};

use super::vocabulary::{Ending, Key, Note};

/// Writes a note into the log.
pub(super) fn log(note: Note) {
    match note {
        Note::Lost(key, ending) => {
            let (code, signal) = match ending {
                Ending::Code(code) => (Some(code), None),
                Ending::Signal(signal) => (None, Some(signal)),
                Ending::NotStarted => (None, None),
            };
            warn!(child.role = key.role.word(), child.slot = key.slot, code, signal, "a process ended unexpectedly");
        }
        Note::Refused(key) => error!(
            child.role = key.role.word(),
            child.slot = key.slot,
            "a process could not start, and trying again would not help: the server stops"
        ),
        Note::CrashLoop(key, deaths) => error!(
            child.role = key.role.word(),
            child.slot = key.slot,
            deaths,
            "a process ended too often right after its start: the server stops"
        ),
        Note::Stalled(key) => child(key, "a process shows no sign of life and is killed"),
        Note::Overdue(key) => child(key, "a process did not get on in time and is killed"),
        Note::RestartAbandoned(key) => child(key, "a replacement did not start: the restart ends here, the other workers stay"),
        Note::Restarting => info!("replacing the workers one by one; settings are those of the start, they are not read again"),
        Note::RestartUnderWay => info!("the workers are being replaced already"),
        Note::Restarted => info!("every worker was replaced"),
        Note::Workers(workers) => info!(workers, "the number of workers changes"),
        Note::MostWorkers(workers_max) => warn!(
            workers_max,
            "no worker added: writers of one SQLite file take turns, so more only wait; PostgreSQL is for more once it is available"
        ),
        Note::FewestWorkers => warn!("no worker removed: it is the last one"),
        Note::NotWhileStartingOrStopping => warn!("ignored: that can only be done while all workers run"),
        Note::Stopping => info!("stopping"),
    }
}

fn child(key: Key, message: &'static str) {
    warn!(child.role = key.role.word(), child.slot = key.slot, "{message}");
}
