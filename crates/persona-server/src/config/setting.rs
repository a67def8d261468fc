//! One setting with its value as text, before it has a type.

use std::fmt;
use std::path::PathBuf;

use super::file::beside;
use super::value_kind::{Key, ValueKind};

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A flag of the command line.
    Flag(String),
    /// A variable of the environment.
    Variable(String),
    /// A line of a settings file.
    File(PathBuf, usize),
    /// No source chose it.
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

/// One setting, with the value that counts and the origin of the value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Which setting.
    pub key: &'static Key,
    /// The value as text; empty for a setting that is not set.
    pub text: String,
    /// Where the value came from.
    pub origin: Origin,
}

impl Setting {
    /// Makes a relative path of a settings file relative to that file.
    pub(super) fn resolve_path(&mut self) {
        let Origin::File(file, _) = &self.origin else { return };
        let is_path = match self.key.shape {
            ValueKind::Path => true,
            ValueKind::Database => !self.text.contains(':'),
            _ => false,
        };
        if is_path && !self.text.is_empty() {
            self.text = beside(file, &self.text).display().to_string();
        }
    }
}
