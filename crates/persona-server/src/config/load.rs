//! Merging the sources: flags over environment over project file over user file over defaults.

use std::path::PathBuf;

use persona_storage::database_url::DatabaseUrl;

use super::build::build;
use super::file::SettingsFile;
use super::key::{CONFIG_VARIABLE, KEYS, Key, ValueKind};
use super::setting::{Origin, Setting};
use super::{Config, ConfigError, Environment, Flags, Problem, Profile};

/// The settings file that is used when none is named.
const PROJECT_FILE: &str = "persona.toml";

/// Settings that can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// The settings with their types.
    pub config: Config,
    /// Each setting and its origin, in the order of the table.
    pub settings: Vec<Setting>,
    /// The servers that the settings files name. Of several with one name, the one of the file with
    /// precedence comes first.
    pub profiles: Vec<Profile>,
    /// Warnings about harmless faults, such as a mistyped variable.
    pub warnings: Vec<String>,
}

/// Merges all sources and checks the result.
///
/// # Errors
///
/// Every problem at once: files that cannot be read, unknown settings, values that break a rule.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, ConfigError> {
    let mut problems = Vec::new();
    let mut warnings = environment.warnings();
    let files = read_files(flags, environment, &mut problems, &mut warnings);
    let mut settings: Vec<Setting> =
        KEYS.iter().map(|key| setting(key, flags, environment, &files)).collect();
    problems.extend(unreadable_variables(environment));
    let mangled: Vec<Problem> = settings.iter().filter_map(mangled).collect();
    warnings.extend(settings.iter().filter_map(shown_password));
    settings.iter_mut().for_each(Setting::resolve_path);
    match build(&settings) {
        Ok(config) if problems.is_empty() && mangled.is_empty() => {
            let profiles = files.into_iter().flat_map(|(_, file)| file.profiles).collect();
            Ok(Loaded { config, settings, profiles, warnings })
        }
        built => {
            // A mangled value breaks other rules as well, but one message for each setting is
            // enough.
            let more = built.err().unwrap_or_default().into_iter();
            let more: Vec<Problem> = more
                .filter(|problem| mangled.iter().all(|known| known.origin != problem.origin))
                .collect();
            problems.extend(mangled.into_iter().chain(more));
            Err(ConfigError { problems })
        }
    }
}

/// The warning about a flag with a password in it.
fn shown_password(setting: &Setting) -> Option<String> {
    let Origin::Flag(flag) = &setting.origin else { return None };
    let is_database = setting.key.shape == ValueKind::Database;
    let database = DatabaseUrl::parse(&setting.text).ok().filter(|_| is_database)?;
    database.has_password().then(|| {
        format!(
            "the password in {flag} can be read by every user of this machine: give the URL as \
             DATABASE_URL or in a settings file"
        )
    })
}

/// The variables of settings that have a value which is not UTF-8.
fn unreadable_variables(environment: &Environment) -> impl Iterator<Item = Problem> {
    let names = KEYS.iter().flat_map(|key| {
        std::iter::once(key.variable()).chain(key.aliases.iter().map(ToString::to_string))
    });
    names
        .chain([CONFIG_VARIABLE.into()])
        .filter(|name| environment.is_unreadable(name))
        .map(|name| Problem { origin: name, message: "is not UTF-8 text".into(), hint: None })
}

/// The problem of a value with quotes or a line break around it, which a shell, an env file or an
/// editor left there. Used unchanged, such a path would name another file, which the server would
/// create and serve empty.
fn mangled(setting: &Setting) -> Option<Problem> {
    if setting.origin == Origin::Default {
        return None;
    }
    let text = setting.text.as_str();
    let quoted = |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    let message = if quoted('"') || quoted('\'') {
        "has quotes as part of its value"
    } else if text.chars().any(char::is_control) {
        "has a line break or another control character in it"
    } else if text.trim() != text {
        "begins or ends with a blank"
    } else {
        return None;
    };
    let message = match setting.origin {
        Origin::File(..) => format!("{} {message}: {text:?}", setting.key.place()),
        _ => format!("{message}: {text:?}"),
    };
    Some(Problem {
        origin: setting.origin.to_string(),
        message: format!("{message}; write the value alone"),
        hint: None,
    })
}

/// Reads the settings files that exist, the one with precedence first. A settings file of the user
/// that cannot be reached is a warning: a service may run as a user without a home.
fn read_files(
    flags: &Flags,
    environment: &Environment,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Vec<(PathBuf, SettingsFile)> {
    let named = match &flags.config {
        Some(path) => Some((path.clone(), "--config")),
        None => environment.get(CONFIG_VARIABLE).map(|path| (PathBuf::from(path), CONFIG_VARIABLE)),
    };
    let (project, named_by) =
        named.map_or_else(|| (PathBuf::from(PROJECT_FILE), None), |(path, by)| (path, Some(by)));
    let mut files = Vec::new();
    let user = environment.user_file().filter(|path| match std::fs::metadata(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            warnings.push(format!(
                "the settings file {} cannot be reached and has no effect: {error}",
                path.display()
            ));
            false
        }
        _ => true,
    });
    for (path, named_by) in [(Some(project), named_by), (user, None)] {
        let Some(path) = path else { continue };
        match (SettingsFile::read(&path), named_by) {
            (Some(mut file), _) => {
                problems.append(&mut file.problems);
                files.push((path, file));
            }
            (None, Some(by)) => {
                problems.push(Problem {
                    origin: by.into(),
                    message: format!("there is no file {}", path.display()),
                    hint: None,
                });
            }
            (None, None) => {}
        }
    }
    files
}

fn setting(
    key: &'static Key,
    flags: &Flags,
    environment: &Environment,
    files: &[(PathBuf, SettingsFile)],
) -> Setting {
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
            return Setting { key, text: text.clone(), origin: Origin::File(path.clone(), *line) };
        }
    }
    Setting { key, text: key.default_text(), origin: Origin::Default }
}
