//! Every command and flag.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::completions::Shell;
use crate::config::Flags;

/// The program as the user calls it.
#[derive(Parser, Debug)]
#[command(
    name = "persona",
    about = "Keeps AI personas in one SQLite file and serves them over HTTP: an acknowledged update is never lost.",
    disable_version_flag = true,
    disable_help_subcommand = false,
    infer_long_args = false,
    max_term_width = 120
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// Print the version.
    #[arg(short = 'V', long)]
    pub version: bool,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Print results as JSON.
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print results and errors only.
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub color: Color,
}

/// When to use colours.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where the personas are.
#[derive(Args, Clone, Debug, Default)]
pub struct Target {
    /// Database to open, also beside a running server.
    #[arg(long, value_name = "PATH", conflicts_with = "server", help_heading = "Where")]
    pub database: Option<String>,
    /// Server to talk to, such as http://127.0.0.1:8000.
    #[arg(long, value_name = "URL", help_heading = "Where")]
    pub server: Option<String>,
    /// Settings file to use in place of persona.toml.
    #[arg(long, value_name = "FILE", help_heading = "Where")]
    pub config: Option<PathBuf>,
}

/// Which database file. Commands that take this open the file themselves, also beside a running server.
#[derive(Args, Clone, Debug, Default)]
pub struct Place {
    /// Database, where it is not the one of the settings.
    #[arg(long, value_name = "PATH", help_heading = "Where")]
    pub database: Option<String>,
    /// Settings file to use in place of persona.toml.
    #[arg(long, value_name = "FILE", help_heading = "Where")]
    pub config: Option<PathBuf>,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the server.
    Serve(Flags),
    /// Import personas from files: awesome-prompts CSV, LobeHub agents, JSON, NDJSON, CSV.
    Import(Import),
    /// Export every persona as NDJSON.
    Export(Export),
    /// List personas.
    List(List),
    /// Show one persona.
    Show(Show),
    /// Create a persona.
    Create(Create),
    /// Edit a persona in your editor.
    Edit(Edit),
    /// Delete a persona; it can be brought back.
    Delete(Delete),
    /// Bring a deleted persona back.
    Undelete(Undelete),
    /// Copy the database to a file, also beside a running server.
    Backup(Backup),
    /// Put a backup in the place of the database, and keep the old one.
    Restore(Restore),
    /// Check whether a database or backup holds what was acknowledged.
    Check(Check),
    /// Put a server under load and prove that nothing is lost, stale or locked.
    Verify(Verify),
    /// Ask a running server whether it is ready.
    Health(Health),
    /// Find out what is wrong with a database or a server, and what to do about it.
    Doctor(Doctor),
    /// Watch what a running server does, second by second.
    Top(Top),
    /// Show or check the settings.
    Config(Config),
    /// Print the script that completes commands in a shell.
    Completions(Completions),
    /// Print the manual page.
    Man,
    /// Print the version.
    Version,
}

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

/// Arguments of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// File to write; - is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    pub force: bool,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only those that have every word of this: words, "a phrase", pre*, and -not after the first.
    pub text: Option<String>,
    /// Only those that have this tag; repeat for several.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Only this kind: character, user, agent or prompt.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only active ones, or with false only inactive ones.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub active: Option<bool>,
    /// Only those changed at or after this time, such as 2026-11-24T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub updated_since: Option<String>,
    /// Deleted ones too.
    #[arg(long)]
    pub include_deleted: bool,
    /// Order: name, `created_at` or `updated_at`, with - in front for largest first, or relevance with a text.
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Most personas to list.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// Tab-separated, without heading: for scripts.
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
    /// Another field; the value is taken as text, or as JSON where the field is no text. Repeat for several.
    #[arg(long, value_name = "FIELD=VALUE")]
    pub set: Vec<String>,
    /// JSON document to start from; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
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
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `undelete`.
#[derive(Args, Debug)]
pub struct Undelete {
    /// Identity.
    pub persona: String,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub struct Backup {
    /// File to write.
    pub file: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    pub force: bool,
    /// Which database.
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// Backup to restore.
    pub file: PathBuf,
    /// Copy and check everything, change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Which database.
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// File to check, such as a backup; by default the database.
    pub file: Option<PathBuf>,
    /// Which database.
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// Folder for the scratch database, so that its file system is verified; by default the current folder.
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    pub dir: Option<PathBuf>,
    /// Running server to verify in place of a scratch one; start it with --expose-worker.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Workers of the scratch server, 1 to 4; by default 4.
    #[arg(long, value_name = "NUMBER", conflicts_with = "server", value_parser = clap::value_parser!(u16).range(1..=4))]
    pub workers: Option<u16>,
    /// Durability class of the scratch server: normal or full.
    #[arg(long, value_name = "WORD", conflicts_with = "server", value_parser = ["normal", "full"])]
    pub durability: Option<String>,
    /// Clients that work at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub clients: u32,
    /// Length of the load.
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Personas that half of all requests are about.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub hot_keys: u32,
    /// Kill processes meanwhile: workers and keeper, or with =supervisor everything now and then.
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "workers")]
    pub chaos: Option<ChaosWord>,
    /// Number that all random choices follow from.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Fault of the scratch server; exists in test builds only.
    #[cfg(feature = "faults")]
    #[arg(long, value_name = "NAME", hide = true)]
    pub fault: Option<String>,
}

/// What `verify --chaos` kills.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChaosWord {
    /// Workers and the keeper.
    Workers,
    /// The supervisor too, which is then started again.
    Supervisor,
}

/// Arguments of `health`.
#[derive(Args, Debug)]
pub struct Health {
    /// Server to ask; by default the one that the settings describe.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Settings file to use in place of persona.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// Check every index entry too; takes as long as reading the whole file.
    #[arg(long)]
    pub full: bool,
    /// What to examine; a server that has the file open is found by itself.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `top`.
#[derive(Args, Debug)]
pub struct Top {
    /// Print the figures of one second and end.
    #[arg(long)]
    pub once: bool,
    /// Server to watch; by default the one that the settings describe.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Settings file to use in place of persona.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `config`.
#[derive(Args, Debug)]
pub struct Config {
    /// What to do with the settings.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What to do with the settings.
#[derive(Subcommand, Debug)]
pub enum ConfigAction {
    /// Print the settings that hold.
    Show {
        /// Say where each value came from.
        #[arg(long)]
        origin: bool,
        /// Settings, as for serve.
        #[command(flatten)]
        flags: Flags,
    },
    /// Find everything that is wrong with the settings.
    Check(Flags),
    /// Print the reference of all settings as Markdown.
    Reference,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// Which shell.
    pub shell: Shell,
}

/// The first word of the command line of a child of the supervisor.
pub const RUN_ROLE: &str = "run-role";

/// How the supervisor calls its children. Not among the commands, so that neither help nor completions offer it.
#[derive(Parser, Debug)]
#[command(name = RUN_ROLE)]
pub struct RunRole {
    /// Which role.
    pub role: String,
    /// Which slot.
    #[arg(long)]
    pub slot: u16,
    /// The how-manieth process of the slot.
    #[arg(long)]
    pub generation: u64,
}
