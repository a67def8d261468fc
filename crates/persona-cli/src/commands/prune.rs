//! `persona prune`: drops old revisions from the histories now, or tells which would go. A server
//! does the same by itself, a few at a time, where its settings say so.

use std::sync::Arc;

use persona_server::backend::{self, Maintenance};
use persona_server::clock::SystemClock;
use persona_server::config::{ConfigError, Environment, Flags, load};
use persona_server::exit_code::ExitCode;
use persona_server::units::size;
use persona_storage::{Error, HistoryPruned, NoObserver};
use serde_json::json;

use super::arguments::Prune;
use super::existing_database;
use crate::failure::Failure;
use crate::terminal::Output;

/// Drops them, or counts them.
pub fn run(arguments: &Prune, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let named = [
        ("database", &arguments.database),
        ("history_keep", &arguments.keep),
        ("history_keep_newest", &arguments.keep_newest),
    ];
    let values = named.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))).collect();
    let flags = Flags { config: arguments.config.clone(), values };
    let loaded = load(&flags, environment).map_err(by_own_names)?;
    for warning in &loaded.warnings {
        output.warn(warning);
    }
    let config = loaded.config;
    let limits = config.history_limits();
    if limits.keep_everything() {
        let failure = Failure::new(ExitCode::Usage, "nothing says which revisions may go");
        return Err(failure.hint("give --keep TIME, --keep-newest COUNT, or both"));
    }
    existing_database::require(&config, "name one with --database")?;
    let clock = Arc::new(SystemClock);
    if arguments.dry_run {
        let counted = backend::prunable(&config, clock, limits);
        return tell(counted.map_err(|error| Failure::start(&error))?, true, output);
    }
    backend::initialise(&config, true).map_err(|error| Failure::start(&error))?;
    let opened = Maintenance::open(&config, clock, Arc::new(NoObserver), None);
    let mut maintenance = opened.map_err(|error| Failure::start(&error))?;
    let pruned = maintenance.prune_now(limits);
    let closed = maintenance.close();
    let pruned =
        pruned.and_then(|pruned| closed.map(|()| pruned)).map_err(|error| failed(&error))?;
    tell(pruned, false, output)
}

/// What is wrong with the settings, with the names that the flags have here.
fn by_own_names(mut error: ConfigError) -> Failure {
    for problem in &mut error.problems {
        for (flag, own) in
            [("--history-keep", "--keep"), ("--history-keep-newest", "--keep-newest")]
        {
            if problem.origin == flag {
                own.clone_into(&mut problem.origin);
                break;
            }
        }
    }
    error.into()
}

fn failed(error: &Error) -> Failure {
    Failure::new(ExitCode::Failure, format!("could not drop old revisions: {error}"))
        .hint("run it again: what was dropped stays dropped")
}

fn tell(pruned: HistoryPruned, is_dry: bool, output: &Output) -> Result<(), Failure> {
    let HistoryPruned { revisions, bytes, damaged } = pruned;
    if damaged > 0 {
        let histories = if damaged == 1 { "history is" } else { "histories are" };
        output.warn(&format!(
            "{damaged} {histories} damaged, and old revisions stay there; run `persona check`"
        ));
    }
    if output.is_json() {
        return output.json(&json!({
            "dry_run": is_dry, "revisions": revisions, "bytes": bytes, "damaged": damaged,
        }));
    }
    let went = if is_dry { "would go" } else { "are gone" };
    output.result(&format!("{revisions} old revisions {went}, {} of texts", size(bytes)))
}
