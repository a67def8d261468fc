//! `persona config`: the settings, their origins, and their faults.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use persona_server::config::{
    Config, Database, Environment, Flags, Loaded, Setting, ValueKind, load, reference, shown,
};
use persona_server::exit_code::ExitCode;
use persona_server::secrets::{without_secrets, without_user_information};
use persona_storage::sqlite::refuse_output;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use serde_json::{Map, Value, json};

use super::arguments::{ConfigAction, DatabaseFile};
use super::folder::folder_of;
use crate::failure::Failure;
use crate::terminal::{Output, Table, Tone};

/// Runs the command.
pub fn run(
    action: &ConfigAction,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    match action {
        ConfigAction::Show { origin, flags } => {
            show(&loaded(flags, environment, output)?, *origin, output)
        }
        ConfigAction::Check(flags) => check(&loaded(flags, environment, output)?, output),
        ConfigAction::Reference => output.bytes(reference().as_bytes()),
    }
}

/// Loads the settings and prints their warnings.
pub fn loaded(
    flags: &Flags,
    environment: &Environment,
    output: &Output,
) -> Result<Loaded, Failure> {
    let loaded = load(flags, environment)?;
    for warning in &loaded.warnings {
        output.warn(warning);
    }
    Ok(loaded)
}

impl DatabaseFile {
    /// The database file of a command that works on files only.
    pub fn path(&self, environment: &Environment, output: &Output) -> Result<PathBuf, Failure> {
        let values = self.database.iter().map(|text| ("database", text.clone())).collect();
        let config =
            loaded(&Flags { config: self.config.clone(), values }, environment, output)?.config;
        match config.database {
            Database::File(path) => {
                if let Some(server) = config.server.filter(|_| self.database.is_none()) {
                    output.warn(&format!(
                        "the server {server} has no part in this: the command works on the file {}",
                        path.display()
                    ));
                }
                Ok(path)
            }
            server @ Database::Server(_) => {
                let message = format!("{server} is no file: this command is for SQLite");
                let hint = "on PostgreSQL, back up with pg_dump or pg_basebackup, restore with \
                            pg_restore, check with pg_amcheck";
                Err(Failure::new(ExitCode::Usage, message).hint(hint))
            }
        }
    }
}

fn show(loaded: &Loaded, with_origin: bool, output: &Output) -> Result<(), Failure> {
    let settings = || loaded.settings.iter().filter(|setting| !setting.key.is_for_tests());
    if output.is_json() {
        let member = |setting: &Setting| {
            let value = value(setting);
            let value = if with_origin {
                json!({ "value": value, "origin": setting.origin.to_string() })
            } else {
                value
            };
            (setting.key.name.to_string(), value)
        };
        return output.json(&Value::Object(settings().map(member).collect::<Map<_, _>>()));
    }
    let mut section = "";
    let mut text = String::new();
    let mut table = Table::without_heading();
    for setting in settings() {
        if setting.key.section != section {
            text.push_str(&std::mem::replace(&mut table, Table::without_heading()).text());
            let gap = if section.is_empty() { "" } else { "\n" };
            section = setting.key.section;
            writeln!(text, "{gap}[{section}]").expect("writing into a string succeeds");
        }
        let origin = if with_origin {
            output.paint(Tone::Dim, &format!("# {}", setting.origin))
        } else {
            String::new()
        };
        // A setting without a value has no line in TOML; as a comment it can still be seen.
        let name = if setting.text.is_empty() {
            format!("# {}", setting.key.member)
        } else {
            setting.key.member.into()
        };
        table.row([name, format!("= {}", value(setting)), origin]);
    }
    text.push_str(&table.text());
    output.bytes(text.as_bytes())
}

/// Checks what a start would check before it opens the database.
fn check(loaded: &Loaded, output: &Output) -> Result<(), Failure> {
    check_log_file(&loaded.config)?;
    if output.is_json() {
        return output.json(&json!({ "ok": true, "warnings": loaded.warnings }));
    }
    output.result("the settings can be used")
}

/// Whether a start could open the log file. The file is not opened (`access(2)`), so that none is
/// made, and a pipe without a reader does not block.
fn check_log_file(config: &Config) -> Result<(), Failure> {
    let Some(path) = &config.log_file else { return Ok(()) };
    refuse_output(config.database.file(), path).map_err(|error| Failure::start(&error.into()))?;
    may_append(path).map_err(|error| {
        Failure::new(ExitCode::Config, format!("log_file {} cannot be opened", path.display()))
            .because(error)
            .hint("name a file in a folder that exists and that this user may write to")
    })
}

/// Whether this user may write to a file, or create it if it does not exist.
fn may_append(path: &Path) -> io::Result<()> {
    let ask = |path: &Path, wanted| Ok(accessat(CWD, path, wanted, AtFlags::EACCESS)?);
    match path.metadata() {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => ask(path, Access::WRITE_OK),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A link to a file that does not exist makes that file.
            let target = path.read_link().map_or_else(|_| path.into(), |link| beside(path, &link));
            ask(folder_of(&target), Access::WRITE_OK | Access::EXEC_OK)
        }
        Err(error) => Err(error),
    }
}

/// The target of a link, which is relative to the folder of the link.
fn beside(path: &Path, link: &Path) -> PathBuf {
    folder_of(path).join(link)
}

/// The value of a setting in its type.
fn value(setting: &Setting) -> Value {
    let text = setting.text.as_str();
    match setting.key.shape {
        ValueKind::Number { .. } | ValueKind::Workers => {
            text.replace('_', "").parse::<u64>().map_or(Value::Null, Value::from)
        }
        ValueKind::Switch => {
            matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on").into()
        }
        // Users share this output, so it must not contain a password or a token.
        ValueKind::Database => shown(text).into(),
        _ if setting.key.name == "server" => {
            without_secrets(&without_user_information(text)).into()
        }
        _ => without_secrets(text).into(),
    }
}
