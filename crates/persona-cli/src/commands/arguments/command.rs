//! The program as the user calls it: every command, and what all of them take.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use persona_server::config::{Environment, Flags};
use persona_server::process_table::RUN_ROLE;

use super::{
    Backup, Bench, Check, Create, Delete, Diff, Doctor, Edit, Export, Health, History, Import,
    Label, List, Move, Prune, Restore, Revert, Show, Token, Top, Undelete, Update, Verify, Watch,
};
use crate::terminal::Format;

/// The program as the user calls it.
#[derive(Parser, Debug)]
#[command(
    name = "persona",
    about = "Keeps AI personas in one SQLite file and serves them over HTTP: an acknowledged \
             update is never lost.",
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
    /// File with the access token for a server, - for standard input; also the variable
    /// `PERSONA_TOKEN`.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Where", help = TOKEN_FILE_HELP)]
    pub token_file: Option<PathBuf>,
    /// When to use colours.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Output"
    )]
    pub color: Color,
}

impl Global {
    /// How results and messages are written. Colours are for terminals, unless the user asks for
    /// them or forbids them.
    pub fn format(&self, environment: &Environment) -> Format {
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !environment.forbids_color() && std::io::stderr().is_terminal(),
        };
        // Shells set it to the width of their terminal; a user may want another one.
        let columns = environment.get("COLUMNS").and_then(|text| text.parse().ok());
        let columns = columns.filter(|columns| *columns > 0);
        Format { json: self.json, quiet: self.quiet, color, columns }
    }
}

/// When to use colours.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    #[value(help = "On a terminal, unless NO_COLOR is set")]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Written apart from the comment, because the marks of a comment mean nothing on a terminal.
const SERVER_HELP: &str = "Server to talk to: a URL such as https://persona.example, unix:PATH, or a name of the settings \
                           file; also the variable PERSONA_SERVER";

/// What a command comes to a server with.
#[derive(Args, Clone, Debug, Default)]
pub struct CredentialFlags {
    /// Certificates of the authorities that may vouch for the server, in place of those of this
    /// machine.
    #[arg(long, value_name = "FILE", help_heading = "Where")]
    pub ca_file: Option<PathBuf>,
    /// Send the token to another machine without encryption.
    #[arg(long, help_heading = "Where")]
    pub token_over_http: bool,
}

/// As for [`SERVER_HELP`].
const TOKEN_FILE_HELP: &str = "File with the access token for a server, - for standard input; \
                               also the variable PERSONA_TOKEN";

/// Where the personas are.
#[derive(Args, Clone, Debug, Default)]
pub struct Target {
    /// Database to open, also beside a running server; by default that of the settings, mostly
    /// persona.db.
    #[arg(long, value_name = "PATH", conflicts_with = "server", help_heading = "Where")]
    pub database: Option<String>,
    /// Server to talk to; also the variable `PERSONA_SERVER`.
    #[arg(long, value_name = "URL", help_heading = "Where", help = SERVER_HELP)]
    pub server: Option<String>,
    /// Settings file to use in place of persona.toml.
    #[arg(long, value_name = "FILE", help_heading = "Where")]
    pub config: Option<PathBuf>,
    /// What it comes to a server with.
    #[command(flatten)]
    pub credentials: CredentialFlags,
}

/// Which database file. Commands that take this open the file themselves, also beside a running
/// server.
#[derive(Args, Clone, Debug, Default)]
pub struct DatabaseFile {
    /// Database; by default that of the settings, mostly persona.db.
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
    /// List the revisions of a persona, the newest first.
    History(History),
    /// Show what changed between two revisions.
    Diff(Diff),
    /// Give a persona the content of an earlier revision.
    Revert(Revert),
    /// Watch changes as they are committed.
    Watch(Watch),
    /// Read and move the labels of personas, which point to revisions.
    Label(Label),
    /// Create a persona.
    Create(Create),
    /// Change some fields of a persona.
    Update(Update),
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
    /// Check whether a database or backup is complete and undamaged.
    Check(Check),
    /// Drop old revisions from the histories, also beside a running server.
    Prune(Prune),
    /// Move everything from SQLite to PostgreSQL, or back.
    Move(Move),
    /// Put a server under load and prove that nothing is lost, stale or locked.
    Verify(Verify),
    /// Make, list and end the access tokens of a database.
    Token(Token),
    /// Ask a running server whether it is ready.
    Health(Health),
    /// Find out what is wrong with a database or a server, and what to do about it.
    Doctor(Doctor),
    /// Watch what a running server does, second by second.
    Top(Top),
    /// Measure how long a running server takes to answer, at a fixed rate.
    Bench(Bench),
    /// Show or check the settings.
    Config(Config),
    /// Print the script that completes commands in a shell.
    Completions(Completions),
    /// Print the manual page.
    Man,
    /// Print the version.
    Version,
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

/// How the supervisor calls its children. Not among the commands, so that neither help nor
/// completions offer it.
#[derive(Parser, Debug)]
#[command(name = RUN_ROLE)]
pub struct RunRole {
    /// Which role.
    pub role: String,
    /// Which slot.
    #[arg(long)]
    pub slot: u16,
    /// Number of the process in its slot, from 1.
    #[arg(long)]
    pub generation: u64,
}
