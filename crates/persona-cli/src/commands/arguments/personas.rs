//! Flags of the commands that read and change personas.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use persona_storage::SQUASH_SECONDS_MAX;

use super::Target;
use super::count::at_least_one;

/// Written apart from the comment, because the marks of a comment mean nothing on a terminal.
const NOTE_HELP: &str = "Why the change is made, in a sentence or two; persona history shows it";

/// Arguments of `import`.
#[derive(Args, Debug)]
pub struct Import {
    /// Files to import; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Check everything, send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// What to do with a persona that exists with other content.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub on_duplicate: OnDuplicate,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
    /// Make a new database where there is none yet; at a terminal it is asked for.
    #[arg(long = "create", help_heading = "Where")]
    pub new_database: bool,
}

/// What to do with a persona that exists with other content.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnDuplicate {
    /// Leave it as it is.
    #[default]
    Skip,
    /// Give it the content of the file.
    Update,
}

/// Written apart from the comment, because the marks of a comment mean nothing on a terminal.
const HISTORY_HELP: &str =
    "Every revision of every persona, deleted ones too; import reads them back as they were";

/// Arguments of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// File to write; - is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    pub force: bool,
    /// Every revision of every persona, deleted ones too; `import` reads them back as they were.
    #[arg(long, help = HISTORY_HELP)]
    pub history: bool,
    /// Only personas of this owner; with an empty NAME, those without one.
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Only personas with a handle that begins so, such as support/.
    #[arg(long, value_name = "PREFIX")]
    pub handle_prefix: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Written apart from the comment, because the marks of a comment mean nothing on a terminal.
const SORT_HELP: &str = "Order: name, created_at or updated_at, with - in front for largest first, or relevance, which is only \
                         possible with a text [default: relevance with a text, else -created_at]";

/// Arguments of `list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only personas that have every word of this text; "a phrase", pre* for a prefix, and after
    /// the first word -not for a word that must be absent. The last word counts as a prefix, so
    /// that wiz finds wizard, unless a blank follows it.
    pub text: Option<String>,
    /// Only those that have this tag, in any letter case; repeat for several.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Only those without this tag; repeat it for none of several.
    #[arg(long, value_name = "TAG")]
    pub without_tag: Vec<String>,
    /// Only those with this label, wherever it points.
    #[arg(long, value_name = "LABEL")]
    pub label: Option<String>,
    /// Only those of this owner; with an empty NAME, those without one.
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Only those with a handle that begins so, such as support/.
    #[arg(long, value_name = "PREFIX")]
    pub handle_prefix: Option<String>,
    /// Only this kind: character, user, agent or prompt.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only active ones, or with false only inactive ones.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub active: Option<bool>,
    /// Only those changed at or after this time, such as 2026-11-24T00:00:00Z, or since an earlier
    /// list with this option.
    #[arg(long, value_name = "TIME|POSITION")]
    pub updated_since: Option<String>,
    /// Deleted ones too.
    #[arg(long)]
    pub include_deleted: bool,
    /// Order of the list.
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true, help = SORT_HELP)]
    pub sort: Option<String>,
    /// Largest number of personas to list.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = at_least_one)]
    pub limit: u64,
    /// Only the names, one a line: for scripts.
    #[arg(long, conflicts_with = "json")]
    pub plain: bool,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `show`.
#[derive(Args, Debug)]
pub struct Show {
    /// Identity, handle or name.
    pub persona: String,
    /// Show the revision that this label points to, such as production; by default the current one.
    #[arg(long, value_name = "LABEL", conflicts_with = "revision")]
    pub label: Option<String>,
    /// Show this revision; persona history lists them.
    #[arg(long, value_name = "NUMBER", value_parser = at_least_one)]
    pub revision: Option<u64>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `history`.
#[derive(Args, Debug)]
pub struct History {
    /// Identity, handle or name.
    pub persona: String,
    /// Largest number of revisions to list.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = at_least_one)]
    pub limit: u64,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `diff`.
#[derive(Args, Debug)]
pub struct Diff {
    /// Identity, handle or name.
    pub persona: String,
    /// Revision to start from; by default the one before.
    #[arg(long, value_name = "REVISION", value_parser = at_least_one)]
    pub from: Option<u64>,
    /// Revision to compare it with; by default the current one.
    #[arg(long, value_name = "REVISION", value_parser = at_least_one)]
    pub to: Option<u64>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `revert`.
#[derive(Args, Debug)]
pub struct Revert {
    /// Identity, handle or name.
    pub persona: String,
    /// Revision of which the persona gets the content.
    #[arg(value_parser = at_least_one)]
    pub revision: u64,
    /// Author of the change; by default the login name.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Why the change is made, in a sentence or two; `persona history` shows it.
    #[arg(long, value_name = "TEXT", help = NOTE_HELP)]
    pub note: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `create`.
#[derive(Args, Debug)]
pub struct Create {
    /// What the persona is called.
    #[arg(long)]
    pub name: Option<String>,
    /// Another field; the value is taken as text, or as JSON where the field is no text. Repeat for
    /// several.
    #[arg(long, value_name = "FIELD=VALUE")]
    pub set: Vec<String>,
    /// JSON document to start from; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Author of the change; by default the login name.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Why the change is made, in a sentence or two; `persona history` shows it.
    #[arg(long, value_name = "TEXT", help = NOTE_HELP)]
    pub note: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
    /// Make a new database where there is none yet; at a terminal it is asked for.
    #[arg(long = "create", help_heading = "Where")]
    pub new_database: bool,
}

/// Arguments of `update`.
#[derive(Args, Debug)]
pub struct Update {
    /// Identity, handle or name.
    pub persona: String,
    /// A field and its new value, taken as text, or as JSON where the field is no text; no value,
    /// or null where the field is no text, clears it. Repeat for several.
    #[arg(long, value_name = "FIELD=VALUE")]
    pub set: Vec<String>,
    /// JSON object with the fields to change; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Author of the change; by default the login name.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Why the change is made, in a sentence or two; `persona history` shows it.
    #[arg(long, value_name = "TEXT", help = NOTE_HELP)]
    pub note: Option<String>,
    /// Mark an autosave, and drop the autosave that it replaces from the history, if both are of
    /// one author and the first one was made within so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=u64::from(SQUASH_SECONDS_MAX)))]
    pub squash: Option<u64>,
    /// Key (Idempotency-Key) of the autosave that it replaces, which stands for the author where
    /// neither of the two has one.
    #[arg(long, value_name = "KEY", requires = "squash")]
    pub squash_key: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `edit`.
#[derive(Args, Debug)]
pub struct Edit {
    /// Identity, handle or name.
    pub persona: String,
    /// Merge with what others changed meanwhile, where it does not overlap.
    #[arg(long)]
    pub merge: bool,
    /// Go on with a text that an earlier edit kept.
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Author of the change; by default the login name.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Why the change is made, in a sentence or two; `persona history` shows it.
    #[arg(long, value_name = "TEXT", help = NOTE_HELP)]
    pub note: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `delete`.
#[derive(Args, Debug)]
pub struct Delete {
    /// Identity, handle or name.
    pub persona: String,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
    /// Remove it for ever with its whole history, also one that is deleted already.
    #[arg(long)]
    pub purge: bool,
    /// Author of the deletion, or of the purge; by default the login name.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Why it is deleted, in a sentence or two; `persona history` shows it. A purge leaves no
    /// history that could.
    #[arg(long, value_name = "TEXT", help = NOTE_HELP, conflicts_with = "purge")]
    pub note: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `undelete`.
#[derive(Args, Debug)]
pub struct Undelete {
    /// Identity, or the handle or name that it had.
    pub persona: String,
    /// Author of the change; by default the login name.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Why the change is made, in a sentence or two; `persona history` shows it.
    #[arg(long, value_name = "TEXT", help = NOTE_HELP)]
    pub note: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}
