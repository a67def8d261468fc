//! A child of the supervisor from its start to its end: the hidden command `persona run-role`.
//!
//! What lives here: what all children do first and last. What must not: the work of a child
//! (`init`, `maintenance`, `worker`), and which child runs when (`supervisor`).

use std::io;

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::child::Error;
use crate::exit_code::ExitCode;
use crate::log::{Log, Stream, Writer, say};
use crate::supervisor::{ChildInput, ChildKey, Role, receive, wait_for_the_end};
use crate::{init, maintenance, process_table, worker};

/// Runs as a child of the supervisor: the hidden command `persona run-role`.
pub fn run(role: &str, slot: u16, generation: u64) -> ExitCode {
    let Ok(role) = role.parse::<Role>() else {
        say(Stream::Error, format!("error: there is no role {role:?}\n"));
        return ExitCode::Usage;
    };
    match try_run(ChildKey { role, slot, generation }) {
        Ok(()) => ExitCode::Ok,
        Err(error) => refuse(&error),
    }
}

fn try_run(key: ChildKey) -> Result<(), Error> {
    process_table::name_this_process(key.role.as_str(), key.slot);
    // The kernel kills this process when the supervisor ends, even if the process is stopped or
    // stuck: it could otherwise hold the write lock, and the next server would wait for it. No
    // acknowledged write is lost, because those are committed.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)?;
    let input = receive()?;
    end_with_the_supervisor(&input)?;
    let log = Log::open(&input.config, Writer { role: key.role.as_str(), slot: key.slot })?;
    log.count_on(input.scoreboard.entry(key.slot, key.generation));
    let ended = match key.role {
        Role::Init => init::run(&input),
        Role::Maintenance => maintenance::run(&input, key.generation, &log),
        Role::Worker => worker::run(input, key, &log),
    };
    log.finish();
    ended
}

/// Ends this process when the supervisor ended before the death signal was set: in that case the
/// signal is never sent.
fn end_with_the_supervisor(input: &ChildInput) -> io::Result<()> {
    let channel = input.channel.try_clone()?;
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

/// Prints to standard error why this process cannot work, and what to do about it.
fn refuse(error: &Error) -> ExitCode {
    let hint = error.hint().map_or(String::new(), |hint| format!("hint: {hint}\n"));
    say(Stream::Error, format!("error: {error}\n{hint}"));
    error.exit_code()
}
