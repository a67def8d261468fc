//! From the command line to the command, and from its end to the exit code.

use std::future::Future;

use clap::Parser;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use persona_server::file_size_limit;
use persona_server::process_table::RUN_ROLE;
use persona_server::run_role;

use super::arguments::{Arguments, Command, RunRole};
use super::usage::explain;
use super::{
    backup, bench, check, completions, config, create, delete, diff, doctor, edit, export, health,
    history, import, label, list, prune, restore, revert, serve, show, token, top, transfer,
    undelete, update, verify, version, watch,
};
use crate::failure::Failure;
use crate::terminal::Output;

/// The output of the program without arguments.
const OVERVIEW: &str = "\
Persona Store keeps AI personas in one SQLite file and serves them over HTTP.
An acknowledged update is never lost, and is visible at once on every worker.

Examples:
  persona serve                          serve persona.db on http://127.0.0.1:8000
  persona import prompts.csv             put a collection into persona.db
  persona edit ada                       change one in your editor

Run:        serve, token, health, config
Look:       doctor, top, bench
Personas:   list, show, create, update, edit, delete, undelete
History:    history, diff, revert, label, watch
Collect:    import, export
File:       backup, restore, check, prune, move, verify
Shell:      completions, man, version, help

`persona help COMMAND` says more about each.";

/// Parses the command line, runs the command, and returns the exit code.
pub fn main() -> ExitCode {
    file_size_limit::report_as_error();
    if std::env::args_os().nth(1).is_some_and(|word| word == RUN_ROLE) {
        return match RunRole::try_parse_from(std::env::args_os().skip(1)) {
            Ok(child) => run_role::run(&child.role, child.slot, child.generation),
            Err(error) => explain(&error),
        };
    }
    let environment = Environment::of_process();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error),
    };
    let environment = environment.with_token_file(arguments.global.token_file.clone());
    let output = Output::new(arguments.global.format(&environment));
    let ended = match arguments.command {
        None if arguments.version => version::run(&output),
        None => {
            output.say(OVERVIEW);
            return ExitCode::Usage;
        }
        Some(Command::Serve(flags)) => match config::loaded(&flags, &environment, &output) {
            Ok(loaded) => return serve::run(loaded.config, &environment, &output),
            Err(failure) => Err(failure),
        },
        Some(command) => run(command, &environment, &output),
    };
    match ended {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            output.fail(&failure);
            failure.code
        }
    }
}

fn run(command: Command, environment: &Environment, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Import(arguments) => on_runtime(import::run(&arguments, environment, output)),
        Command::Export(arguments) => {
            on_runtime(until_interrupted(export::run(&arguments, environment, output)))
        }
        Command::List(arguments) => {
            on_runtime(until_interrupted(list::run(&arguments, environment, output)))
        }
        Command::Show(arguments) => {
            on_runtime(until_interrupted(show::run(&arguments, environment, output)))
        }
        Command::History(arguments) => {
            on_runtime(until_interrupted(history::run(&arguments, environment, output)))
        }
        Command::Diff(arguments) => {
            on_runtime(until_interrupted(diff::run(&arguments, environment, output)))
        }
        Command::Revert(arguments) => {
            on_runtime(until_interrupted(revert::run(&arguments, environment, output)))
        }
        Command::Watch(arguments) => {
            on_runtime(until_interrupted(watch::run(&arguments, environment, output)))
        }
        Command::Label(arguments) => {
            on_runtime(until_interrupted(label::run(&arguments.action, environment, output)))
        }
        Command::Create(arguments) => {
            on_runtime(until_interrupted(create::run(&arguments, environment, output)))
        }
        Command::Update(arguments) => {
            on_runtime(until_interrupted(update::run(&arguments, environment, output)))
        }
        Command::Edit(arguments) => on_runtime(edit::run(&arguments, environment, output)),
        Command::Delete(arguments) => {
            on_runtime(until_interrupted(delete::run(&arguments, environment, output)))
        }
        Command::Undelete(arguments) => {
            on_runtime(until_interrupted(undelete::run(&arguments, environment, output)))
        }
        Command::Backup(arguments) => backup::run(&arguments, environment, output),
        Command::Restore(arguments) => restore::run(&arguments, environment, output),
        Command::Check(arguments) => check::run(&arguments, environment, output),
        Command::Prune(arguments) => prune::run(&arguments, environment, output),
        Command::Move(arguments) => transfer::run(&arguments, output),
        Command::Verify(arguments) => on_runtime(verify::run(&arguments, environment, output)),
        Command::Token(arguments) => on_runtime(token::run(&arguments.action, environment, output)),
        Command::Health(arguments) => {
            on_runtime(until_interrupted(health::run(&arguments, environment, output)))
        }
        Command::Doctor(arguments) => {
            on_runtime(until_interrupted(doctor::run(&arguments, environment, output)))
        }
        Command::Top(arguments) => on_runtime(top::run(&arguments, environment, output)),
        Command::Bench(arguments) => on_runtime(bench::run(&arguments, environment, output)),
        Command::Config(arguments) => config::run(&arguments.action, environment, output),
        Command::Completions(arguments) => completions::completions(arguments.shell, output),
        Command::Man => completions::man(output),
        Command::Version => version::run(output),
        Command::Serve(_) => {
            unreachable!("dispatched before, because it ends with a code of its own")
        }
    }
}

/// Runs a command. The runtime is started here and not in `main`, so that `--help` does not pay for
/// it.
fn on_runtime(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            Failure::new(ExitCode::Failure, "could not start the runtime").because(error)
        })?;
    let ended = runtime.block_on(command);
    // A name lookup may still block a thread of the runtime; the program must not wait for it.
    runtime.shutdown_background();
    ended
}

/// Ends a command at the first Ctrl-C. Commands that must finish or keep something handle Ctrl-C
/// themselves.
async fn until_interrupted(
    command: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    tokio::select! {
        ended = command => ended,
        _ = tokio::signal::ctrl_c() => Err(Failure::silent(ExitCode::Interrupted)),
    }
}
