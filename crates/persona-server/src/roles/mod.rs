//! What a child of the supervisor does: prepare the database (`init`), look after it (`keeper`),
//! serve (`worker`).
//!
//! A worker is a few threads, each with a runtime of its own that accepts (`accept.rs`) and serves
//! (`connection.rs`, over a socket that does not wait for ever, `stream.rs`) until it is told to
//! stop (`drain.rs`). What must not be here: what a request means (`http`), who runs when
//! (`supervisor`).
//!
//! Start reading at [`run`].

mod accept;
mod allocator;
mod backups;
mod connection;
mod drain;
mod init;
mod keeper;
mod load;
mod places;
mod stream;
mod worker;

use std::io;
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};

pub use drain::Drain;

use crate::backend::StartError;
use crate::exit_code::ExitCode;
use crate::log::{Log, Stream, Writer, say};
use crate::process_table;
use crate::supervisor::{Handover, Key, Role, receive, wait_for_the_end};

/// Pace of the sign of life that a process gives on the scoreboard.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Why a child ends before its work is done.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The database cannot be used.
    #[error("could not start: {0}")]
    Start(#[from] StartError),
    /// The system did not give what is needed: a thread, a signal, the supervisor's socket.
    #[error("the system failed: {0}")]
    System(#[from] io::Error),
    /// A sync failed, so every process has to open the file again.
    #[error("the disk failed to sync, so the file has to be opened again")]
    Unsynced,
    /// Whether a commit was kept is unknown, so every process has to open the file again.
    #[error("what became of a commit is unknown, so the file has to be opened again")]
    Doubt,
    /// The file is another program's now, or was moved away; whoever starts next finds out which.
    #[error("the schema of the database is not what it was any more")]
    Schema,
    /// A thread of the process ended that must not.
    #[error("a thread ended unexpectedly")]
    Thread,
}

/// Runs as a child of the supervisor: the hidden command `persona run-role`.
pub fn run(role: &str, slot: u16, generation: u64) -> ExitCode {
    let Some(role) = Role::from_word(role) else {
        say(Stream::Error, format!("error: there is no role {role:?}\n"));
        return ExitCode::Usage;
    };
    match try_run(Key { role, slot, generation }) {
        Ok(()) => ExitCode::Ok,
        Err(error) => refuse(&error),
    }
}

fn try_run(key: Key) -> Result<(), Error> {
    process_table::name_this_process(key.role.word(), key.slot);
    // Ends this process with the supervisor, also when it is stopped or stuck: a stopped process
    // could hold the write lock of the file, and then the next server would wait for it. Nothing
    // acknowledged is lost, because that is committed.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)?;
    let handover = receive()?;
    end_with_the_supervisor(&handover)?;
    let log = Log::open(&handover.config, Writer { role: key.role.word(), slot: key.slot })?;
    log.count_on(handover.scoreboard.entry(key.slot, key.generation));
    let ended = match key.role {
        Role::Init => init::run(&handover),
        Role::Keeper => keeper::run(&handover, key.generation, &log),
        Role::Worker => worker::run(handover, key, &log),
    };
    log.finish();
    ended
}

/// Ends this process when the supervisor ended before the death signal was set: then the signal
/// never comes.
fn end_with_the_supervisor(handover: &Handover) -> io::Result<()> {
    let channel = handover.channel.try_clone()?;
    std::thread::Builder::new().name("supervisor".into()).spawn(move || {
        wait_for_the_end(&channel);
        #[expect(
            clippy::disallowed_methods,
            reason = "whatever the other threads are doing, they must not outlive the supervisor"
        )]
        std::process::exit(i32::from(ExitCode::Failure.number()));
    })?;
    Ok(())
}

/// Says on standard error why this process cannot work, and what to do about it.
fn refuse(error: &Error) -> ExitCode {
    let hint = match error {
        Error::Start(start) => start.hint().map_or(String::new(), |hint| format!("hint: {hint}\n")),
        _ => String::new(),
    };
    say(Stream::Error, format!("error: {error}\n{hint}"));
    match error {
        Error::Start(start) => start.exit_code(),
        Error::Unsynced | Error::Doubt => ExitCode::DiskFailed,
        Error::Schema => ExitCode::Config,
        Error::System(_) | Error::Thread => ExitCode::Failure,
    }
}
