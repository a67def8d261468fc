//! What a setting is: its names, the values that it may have, and its default. The settings
//! themselves are in `key.rs`.

use super::SQLITE_WORKERS_MAX;

/// How every variable of this program begins.
pub const VARIABLE_PREFIX: &str = "PERSONA_";

/// The values that a setting may have. Flags, variables and files all hand in text, so that the
/// same rules hold for all of them.
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
    /// The number of workers: bounded by what the database bears.
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
    /// The rights of a file in octal digits, such as `660`.
    Mode,
    /// The number of a descriptor.
    Descriptor,
    /// A group of this machine, by name or number.
    Group,
    /// A path of a file; relative ones in a settings file are relative to that file.
    Path,
}

/// What holds where nothing was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Default {
    /// This text.
    Text(&'static str),
    /// The smaller of [`SQLITE_WORKERS_MAX`] and the number of cores that this process may use.
    Cores,
    /// Nothing.
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
    /// Flags by which other servers know it, without their dashes.
    pub flag_aliases: &'static [&'static str],
    /// What it may hold.
    pub shape: ValueKind,
    /// What holds where nothing was chosen.
    pub default: Default,
    /// What the number counts, where it is one.
    pub unit: Option<&'static str>,
    /// What it is for, in one sentence.
    pub help: &'static str,
}

/// What most settings have.
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

    /// Whether it exists for tests of this program only, and no help or list shows it.
    pub fn is_for_tests(&self) -> bool {
        self.section == "test"
    }

    /// The variable that is ours alone.
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.to_uppercase())
    }

    /// Its place in a settings file.
    pub fn place(&self) -> String {
        format!("{}.{}", self.section, self.member)
    }

    /// What holds where nothing was chosen; empty for nothing.
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
