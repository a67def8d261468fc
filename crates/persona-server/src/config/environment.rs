//! The environment of the process, read once. Nothing else in the program reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use persona_model::nearest_name;

use super::key::{CONFIG_VARIABLE, KEYS, VARIABLE_PREFIX};

/// The variables of the process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the variables of this process; those that are not UTF-8 are left out.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
    }

    /// The value of a variable; an empty one counts as not set, as usual in shells and containers.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The settings file of the user: `$XDG_CONFIG_HOME/persona/config.toml`, or below `~/.config`.
    ///
    /// Source: XDG Base Directory Specification 0.8; a relative `XDG_CONFIG_HOME` is to be ignored.
    pub(super) fn user_file(&self) -> Option<PathBuf> {
        let chosen = self.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let folder = chosen.or_else(|| self.get("HOME").map(|home| PathBuf::from(home).join(".config")))?;
        Some(folder.join("persona").join("config.toml"))
    }

    /// The editor that the user prefers (POSIX: `VISUAL` before `EDITOR`).
    pub fn editor(&self) -> &str {
        self.get("VISUAL").or_else(|| self.get("EDITOR")).unwrap_or("vi")
    }

    /// Whether the environment asks for output without colours (`NO_COLOR`, `TERM=dumb`).
    pub fn forbids_color(&self) -> bool {
        self.get("NO_COLOR").is_some() || self.get("TERM") == Some("dumb")
    }

    /// A warning for each variable that looks like ours and is not.
    pub(super) fn warnings(&self) -> Vec<String> {
        let known: Vec<String> = KEYS.iter().map(super::Key::variable).chain([CONFIG_VARIABLE.into()]).collect();
        let unknown = |name: &&String| name.starts_with(VARIABLE_PREFIX) && !known.contains(name);
        let warning = |name: &String| match nearest_name(name, known.iter().map(String::as_str)) {
            Some(near) => format!("the variable {name} is not known and has no effect; did you mean {near}?"),
            None => format!("the variable {name} is not known and has no effect"),
        };
        self.variables.keys().filter(unknown).map(warning).collect()
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().collect() }
    }
}
