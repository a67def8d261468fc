//! Merging the sources: flags over environment over project file over user file over defaults.

use std::fmt;
use std::path::{Path, PathBuf};

use super::build::build;
use super::file::{SettingsFile, beside};
use super::key::{CONFIG_VARIABLE, KEYS, Key, Shape};
use super::{Config, ConfigError, Environment, Flags, Problem};

/// The settings file that is used when nobody names one.
const PROJECT_FILE: &str = "persona.toml";

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A flag of the command line.
    Flag(String),
    /// A variable of the environment.
    Variable(String),
    /// A line of a settings file.
    File(PathBuf, usize),
    /// Nobody chose it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => out.write_str(name),
            Self::File(path, line) => write!(out, "{}:{line}", path.display()),
            Self::Default => out.write_str("default"),
        }
    }
}

/// One setting, with the value that holds and where it came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Which setting.
    pub key: &'static Key,
    /// Its value as text; empty for one that is not set.
    pub text: String,
    /// Where the value came from.
    pub origin: Origin,
}

/// Settings that can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// The settings with their types.
    pub config: Config,
    /// Each setting and its origin, in the order of the table.
    pub settings: Vec<Setting>,
    /// What is worth a word and does no harm, such as a mistyped variable.
    pub warnings: Vec<String>,
}

/// Merges all sources and checks the result.
///
/// # Errors
///
/// Every problem at once: files that cannot be read, unknown settings, values that break a rule.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, ConfigError> {
    let mut problems = Vec::new();
    let files = read_files(flags, environment, &mut problems);
    let settings: Vec<Setting> = KEYS.iter().map(|key| setting(key, flags, environment, &files)).collect();
    match build(&settings) {
        Ok(config) if problems.is_empty() => Ok(Loaded { config, settings, warnings: environment.warnings() }),
        Ok(_) => Err(ConfigError { problems }),
        Err(more) => {
            problems.extend(more);
            Err(ConfigError { problems })
        }
    }
}

/// The settings files that exist, weightiest first.
fn read_files(flags: &Flags, environment: &Environment, problems: &mut Vec<Problem>) -> Vec<(PathBuf, SettingsFile)> {
    let named = match &flags.config {
        Some(path) => Some((path.clone(), "--config")),
        None => environment.get(CONFIG_VARIABLE).map(|path| (PathBuf::from(path), CONFIG_VARIABLE)),
    };
    let (project, named_by) = named.map_or_else(|| (PathBuf::from(PROJECT_FILE), None), |(path, by)| (path, Some(by)));
    let mut files = Vec::new();
    for (path, named_by) in [(Some(project), named_by), (environment.user_file(), None)] {
        let Some(path) = path else { continue };
        match (SettingsFile::read(&path), named_by) {
            (Some(mut file), _) => {
                problems.append(&mut file.problems);
                files.push((path, file));
            }
            (None, Some(by)) => {
                problems.push(Problem { origin: by.into(), message: format!("there is no file {}", path.display()), hint: None });
            }
            (None, None) => {}
        }
    }
    files
}

fn setting(key: &'static Key, flags: &Flags, environment: &Environment, files: &[(PathBuf, SettingsFile)]) -> Setting {
    if let Some(text) = flags.get(key) {
        return Setting { key, text: text.into(), origin: Origin::Flag(key.flag()) };
    }
    let own = key.variable();
    for name in std::iter::once(own.as_str()).chain(key.aliases.iter().copied()) {
        if let Some(text) = environment.get(name) {
            return Setting { key, text: text.into(), origin: Origin::Variable(name.into()) };
        }
    }
    for (path, file) in files {
        if let Some((_, text, line)) = file.values.iter().find(|(name, ..)| *name == key.name) {
            return Setting { key, text: in_file(key, path, text), origin: Origin::File(path.clone(), *line) };
        }
    }
    Setting { key, text: key.default_text(), origin: Origin::Default }
}

fn in_file(key: &Key, file: &Path, text: &str) -> String {
    let is_path = match key.shape {
        Shape::Path => true,
        Shape::Database => !text.contains(':'),
        _ => false,
    };
    if is_path && !text.is_empty() { beside(file, text).display().to_string() } else { text.into() }
}
