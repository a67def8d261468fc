//! The environment of the process, read once. Nothing else in the program reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use persona_model::nearest_name;

use super::key::{CONFIG_VARIABLE, KEYS, TOKEN_VARIABLE};
use super::renamed::setting_of_earlier_name;
use super::value_kind::VARIABLE_PREFIX;

/// The variables of the process.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Variables with a value that is not UTF-8. Ignoring them silently could make the program use
    /// another file than the user meant.
    not_utf8: Vec<String>,
    /// The file of the token that was named on the command line.
    token_file: Option<PathBuf>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Only names are shown, because values can be secrets.
        out.debug_set().entries(self.variables.keys()).finish()
    }
}

/// The start of the value that Kubernetes gives to the variable `<NAME>_PORT` for a service of that
/// name (Kubernetes documentation, "Service", "Environment variables").
const KUBERNETES_PORT: &str = "tcp://";

/// The folder of credentials that systemd gives to a service (systemd.exec, `LoadCredential=`).
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// The credential that is the token for servers.
const TOKEN_CREDENTIAL: &str = "persona-token";

/// The place of the access token that commands send to servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenPlace {
    /// There is no token.
    None,
    /// The token is in a file; `-` is standard input.
    File(PathBuf),
    /// The token is this value of the variable [`TOKEN_VARIABLE`].
    Variable(Hidden),
}

/// A secret, which the debug output does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("(hidden)")
    }
}

impl Environment {
    /// Reads the variables of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        let mut read = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(read.variables.insert(name, value)),
                Err(_) => read.not_utf8.push(name),
            }
        }
        read
    }

    /// Adds the file of a token that was named on the command line.
    #[must_use]
    pub fn with_token_file(self, token_file: Option<PathBuf>) -> Self {
        Self { token_file, ..self }
    }

    /// The place of the access token for servers. The first of these that is set counts: the file
    /// named on the command line, the file of the server's profile in the settings, the variable,
    /// the credentials of systemd.
    pub fn token(&self, of_profile: Option<&Path>) -> TokenPlace {
        if let Some(file) = self.token_file.as_deref().or(of_profile) {
            return TokenPlace::File(file.to_owned());
        }
        if let Some(text) = self.get(TOKEN_VARIABLE) {
            return TokenPlace::Variable(Hidden(text.to_owned()));
        }
        let credential = self
            .get(CREDENTIALS_VARIABLE)
            .map(|folder| PathBuf::from(folder).join(TOKEN_CREDENTIAL));
        credential.filter(|file| file.exists()).map_or(TokenPlace::None, TokenPlace::File)
    }

    /// The value of a variable; an empty one counts as not set, as usual in shells and containers.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value =
            self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())?;
        (!self.is_of_kubernetes(name)).then_some(value)
    }

    /// Whether a variable has a value that is not UTF-8.
    pub(super) fn is_unreadable(&self, name: &str) -> bool {
        self.not_utf8.iter().any(|unreadable| unreadable == name)
    }

    /// Whether Kubernetes set a variable for a service named `persona`: their names can be those of
    /// settings.
    fn is_of_kubernetes(&self, name: &str) -> bool {
        let port = format!("{VARIABLE_PREFIX}PORT");
        let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { return false };
        self.variables.get(&port).is_some_and(|value| value.starts_with(KUBERNETES_PORT))
            && (rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_"))
    }

    /// The settings file of the user: `$XDG_CONFIG_HOME/persona/config.toml`, or below `~/.config`.
    ///
    /// Source: XDG Base Directory Specification 0.8; a relative `XDG_CONFIG_HOME` is to be ignored.
    pub(super) fn user_file(&self) -> Option<PathBuf> {
        let chosen =
            self.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let folder =
            chosen.or_else(|| self.get("HOME").map(|home| PathBuf::from(home).join(".config")))?;
        Some(folder.join("persona").join("config.toml"))
    }

    /// The editor that the user prefers (POSIX: `VISUAL` before `EDITOR`).
    pub fn editor(&self) -> &str {
        self.get("VISUAL").or_else(|| self.get("EDITOR")).unwrap_or("vi")
    }

    /// The user's login name (POSIX: `LOGNAME`; most shells also set `USER`).
    pub fn login_name(&self) -> Option<&str> {
        self.get("LOGNAME").or_else(|| self.get("USER"))
    }

    /// Whether the environment asks for output without colours (`NO_COLOR`, `TERM=dumb`).
    pub fn forbids_color(&self) -> bool {
        self.get("NO_COLOR").is_some() || self.get("TERM") == Some("dumb")
    }

    /// A warning for each variable that begins like a setting of this program and is none.
    pub(super) fn warnings(&self) -> Vec<String> {
        let known: Vec<String> = KEYS
            .iter()
            .map(super::Key::variable)
            .chain([CONFIG_VARIABLE, TOKEN_VARIABLE].map(String::from))
            .collect();
        let unknown = |name: &&String| {
            name.starts_with(VARIABLE_PREFIX)
                && !known.contains(name)
                && !self.is_of_kubernetes(name)
        };
        let warning = |name: &String| {
            let what = format!("the variable {name} is not known and has no effect");
            let suffix = name.trim_start_matches(VARIABLE_PREFIX).to_lowercase();
            match setting_of_earlier_name(&suffix) {
                Some(key) => format!("{what}; it is called {} now", key.variable()),
                None => match nearest_name(name, known.iter().map(String::as_str)) {
                    Some(near) => format!("{what}; did you mean {near}?"),
                    None => what,
                },
            }
        };
        let kubernetes = self.variables.keys().any(|name| self.is_of_kubernetes(name)).then(|| {
            "the variable PERSONA_PORT is of a Kubernetes service named persona and has no effect; \
             set PORT or --port, or enableServiceLinks: false"
                .into()
        });
        kubernetes.into_iter().chain(self.variables.keys().filter(unknown).map(warning)).collect()
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().collect(), ..Self::default() }
    }
}
