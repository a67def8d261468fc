//! The maintenance process: one thread maintains the database, and the main thread handles signals
//! and gives heartbeats.
//!
//! Two threads are needed because maintenance may wait long for the write lock or the disk, and the
//! process must not look as if it hung.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use persona_storage::Error as StoreError;
use persona_storage::sqlite::ReplacedFile;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::field;

use super::tasks::Tasks;
use crate::backend::Maintenance;
use crate::child::{Error, HEARTBEAT, reopen_log};
use crate::clock::SystemClock;
use crate::log::Log;
use crate::scoreboard::ProcessState;
use crate::supervisor::{ChildInput, Message, say};

/// Maintains the database until the process is told to end, or cannot go on.
///
/// # Errors
///
/// The database cannot be used or failed, or the system refused a thread or a signal handler.
pub fn run(input: &ChildInput, generation: u64, log: &Log) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut terminate, mut reopen) =
            (signal(SignalKind::terminate())?, signal(SignalKind::user_defined1())?);
        // A terminal sends both signals to every process. They are ignored here: the maintenance
        // process ends after the workers, when the supervisor tells it to.
        let (_interrupt, _hangup) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
        let (_quit, _upgrade) = (signal(SignalKind::quit())?, signal(SignalKind::user_defined2())?);
        let process_entry = input.scoreboard.entry(0, generation);
        let maintenance = Maintenance::open(
            &input.config,
            Arc::new(SystemClock),
            Arc::new(process_entry.clone()),
            Some(process_entry.turnstile()),
        )?;
        let (stop, stopped) = channel();
        let (done, mut thread_ended) = oneshot::channel();
        let tasks = Tasks::start(input, &process_entry)?;
        let supervisor = input.channel.try_clone()?;
        thread::Builder::new().name("maintenance".into()).spawn(move || {
            // The receiver is dropped only when the process ends.
            let _ = done.send(look_after(maintenance, &stopped, &supervisor, tasks));
        })?;
        process_entry.beat();
        process_entry.set_state(ProcessState::Serving);
        say(&input.channel, &Message::Ready)?;
        let (mut beats, mut stop) = (tokio::time::interval(HEARTBEAT), Some(stop));
        loop {
            tokio::select! {
                _ = beats.tick() => process_entry.beat(),
                _ = reopen.recv() => reopen_log(log),
                _ = terminate.recv() => {
                    process_entry.set_state(ProcessState::Draining);
                    drop(stop.take());
                }
                ended = &mut thread_ended => return ended.unwrap_or(Err(Error::Thread)),
            }
        }
    })
}

/// Does the maintenance that is due until the sender of `stopped` is dropped, a sync failed, or the
/// outcome of a commit is unknown.
fn look_after(
    mut maintenance: Maintenance,
    stopped: &Receiver<()>,
    supervisor: &UnixStream,
    mut tasks: Tasks,
) -> Result<(), Error> {
    loop {
        if let Some(lost) = maintenance.replaced_file() {
            give_up(&lost, stopped, supervisor);
            return Ok(());
        }
        if let Ok(false) = maintenance.knows_the_schema() {
            return Err(Error::Schema);
        }
        let looked = tasks.look(&mut maintenance);
        let pause = match looked.and_then(|()| maintenance.tick()) {
            Ok(pause) => pause,
            Err(StoreError::Unsynced(error)) => {
                tracing::error!(error = %error, "a sync of the disk failed; every process opens the database again");
                return Err(Error::Unsynced);
            }
            Err(StoreError::OutcomeUnknown) => return Err(Error::Doubt),
            Err(error) => {
                tracing::warn!(error = %error, "maintenance of the database failed; it is tried again");
                HEARTBEAT
            }
        };
        match stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) | Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => {
                // The threads of backups and checks have connections too, which must be closed
                // first: the connection of maintenance must be the last on the file, because
                // closing it copies the WAL into the database.
                drop(tasks);
                return maintenance.close().map_err(|error| {
                    tracing::error!(error = %error, "a sync of the disk failed at the end; the WAL stays, and the next start makes the checkpoint");
                    Error::Unsynced
                });
            }
        }
    }
}

/// Tells that a file of the database is gone, and waits until the supervisor has ended all
/// processes: the write lock stays closed.
fn give_up(lost: &ReplacedFile, stopped: &Receiver<()>, supervisor: &UnixStream) {
    let rescued = lost.rescued.as_deref().map(Path::display);
    tracing::error!(
        file = %lost.file.display(),
        rescued = rescued.map(field::display),
        "a file of the database was removed or replaced while the server ran; what was acknowledged is in the rescued copy"
    );
    if let Err(error) = say(supervisor, &Message::Fatal) {
        tracing::error!(error = %error, "could not tell the supervisor");
    }
    let _ = stopped.recv();
}
