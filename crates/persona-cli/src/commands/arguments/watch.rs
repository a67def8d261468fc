//! Flags of the command that watches changes.

use clap::Args;

use super::Target;
use super::count::at_least_one;

/// Written apart from the comment, because the marks of a comment mean nothing on a terminal.
const AFTER_HELP: &str = "Begin behind this event: its sequence, next_after of the API, or 0 for every change there is [default: \
                          what changes from now on]";
const EXEC_HELP: &str = "Run this command with sh for each event, one after the other: the event is given as JSON on standard \
                         input, and in EVENT_SEQUENCE, EVENT_PERSONA, EVENT_REVISION, EVENT_KIND, EVENT_AT, EVENT_BY and EVENT_LABEL; \
                         the first command that fails ends the watch";

/// Arguments of `watch`.
#[derive(Args, Debug)]
pub struct Watch {
    /// Only changes of these personas, each by its identity, handle or name.
    #[arg(value_name = "PERSONA")]
    pub personas: Vec<String>,
    /// Begin behind this event.
    #[arg(long, value_name = "SEQUENCE", help = AFTER_HELP)]
    pub after: Option<String>,
    /// Only this kind of change: created, updated, deleted, undeleted, labelled, unlabelled
    /// or purged; repeat for several.
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// Only changes of personas that have this tag, or had it before; repeat for all of several.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Only changes of personas of this owner, or that it gave away with the change; with an empty
    /// NAME, of those without one.
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Only moves of this label, such as production; repeat for several.
    #[arg(long, value_name = "LABEL")]
    pub label: Vec<String>,
    /// With each event the persona at that revision, in JSON.
    #[arg(long)]
    pub document: bool,
    /// End after so many events.
    #[arg(long, value_name = "NUMBER", value_parser = at_least_one)]
    pub count: Option<u64>,
    /// Run a command for each event.
    #[arg(long, value_name = "COMMAND", help = EXEC_HELP)]
    pub exec: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}
