//! The type of a row of the table of settings: names, kind of value, default. The settings
//! themselves are in `key.rs`.

use super::SQLITE_WORKERS_MAX;

/// The prefix of every variable of this program.
pub const VARIABLE_PREFIX: &str = "PERSONA_";

/// The values that a setting may have. Values from flags, variables and files are all text, so that
/// the same rules apply to all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueKind {
    /// An IPv4 or IPv6 address, or `localhost`.
    Address,
    /// Addresses and ranges of addresses, such as `127.0.0.0/8,::1`, or `none`.
    Networks,
    /// Names and addresses of hosts without a port, such as `persona.example,10.0.0.1`, or `any`.
    Hosts,
    /// Origins of pages, such as `https://app.example`, or `*`.
    Origins,
    /// Labels, such as `production,staging`.
    Labels,
    /// A part of a path of URLs, such as `/personas`.
    UrlPath,
    /// A whole number within bounds, both included.
    Number {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// The number of workers: bounded by the database.
    Workers,
    /// A length of time such as `90s`, `15m`, `1h` or `1d`, within bounds in seconds, both
    /// included.
    Time {
        /// Shortest.
        min_seconds: u64,
        /// Longest.
        max_seconds: u64,
    },
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A level, or a filter such as `info,persona_storage=debug`.
    LogFilter,
    /// The database: a path or a URL.
    Database,
    /// The URL of a server.
    Server,
    /// The mode of a file in octal digits, such as `660`.
    Mode,
    /// The number of a descriptor.
    Descriptor,
    /// A group of this machine, by name or number.
    Group,
    /// A path of a file; relative ones in a settings file are relative to that file.
    Path,
}

impl ValueKind {
    /// Whether a value has several parts with commas between them.
    pub fn is_list(self) -> bool {
        matches!(self, Self::Networks | Self::Hosts | Self::Origins | Self::Labels)
    }
}

/// The value of a setting that no source chose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Default {
    /// This text.
    Text(&'static str),
    /// [`SQLITE_WORKERS_MAX`] or the number of cores that this process may use, whichever is
    /// smaller.
    Cores,
    /// No value.
    Unset,
}

/// One setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Its name: the member of `Config`, the flag with `-` for `_`, the variable as
    /// `PERSONA_<NAME>`.
    pub name: &'static str,
    /// The table of the settings file that it is in.
    pub section: &'static str,
    /// Its name in that table.
    pub member: &'static str,
    /// Variables that other programs share; they weigh less than `PERSONA_<NAME>` and more than
    /// files.
    pub aliases: &'static [&'static str],
    /// Names of the same flag in other servers, without dashes.
    pub flag_aliases: &'static [&'static str],
    /// The kind of value.
    pub shape: ValueKind,
    /// The value if no source chose one.
    pub default: Default,
    /// The unit of the value, where it is a number.
    pub unit: Option<&'static str>,
    /// The purpose of the setting, in one sentence.
    pub help: &'static str,
}

/// The members that are the same for most settings.
pub(super) const PLAIN: Key = Key {
    name: "",
    section: "",
    member: "",
    aliases: &[],
    flag_aliases: &[],
    shape: ValueKind::Path,
    default: Default::Unset,
    unit: None,
    help: "",
};

impl Key {
    /// The flag, with its dashes.
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// Whether the setting exists only for tests of this program; no help and no list shows it.
    pub fn is_for_tests(&self) -> bool {
        self.section == "test"
    }

    /// The variable with the prefix of this program.
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.to_uppercase())
    }

    /// The place of the setting in a settings file.
    pub fn place(&self) -> String {
        format!("{}.{}", self.section, self.member)
    }

    /// The default as text; empty for no value.
    pub fn default_text(&self) -> String {
        match self.default {
            Default::Text(text) => text.into(),
            Default::Cores => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                u16::try_from(cores).unwrap_or(u16::MAX).clamp(1, SQLITE_WORKERS_MAX).to_string()
            }
            Default::Unset => String::new(),
        }
    }
}
