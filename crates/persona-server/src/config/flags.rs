//! The settings as flags of the command line: one for each row of the table.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, FromArgMatches, builder::ValueParser};

use super::key::{Default, KEYS, Key, ValueKind};

/// The settings that were given as flags, as text; they are checked together with those of all
/// other sources.
#[derive(Clone, PartialEq, Eq, Debug, std::default::Default)]
pub struct Flags {
    /// The settings file that was named with `--config`.
    pub config: Option<PathBuf>,
    /// Names of settings, and their values.
    pub values: Vec<(&'static str, String)>,
}

impl Flags {
    /// The value that a flag gave to this setting.
    pub(super) fn get(&self, key: &Key) -> Option<&str> {
        self.values.iter().find(|(name, _)| *name == key.name).map(|(_, value)| value.as_str())
    }
}

/// Written by hand instead of derived, because a struct with a member for each flag would be a
/// second list of settings.
impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        let command = of_serve().fold(command, |command, key| command.arg(argument(key)));
        command.arg(config_argument())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |key: &'static Key| {
            matches.get_one::<String>(key.name).map(|value| (key.name, value.clone()))
        };
        Ok(Self {
            config: matches.get_one::<PathBuf>("config").cloned(),
            values: of_serve().filter_map(given).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The settings of a server. The setting with which commands find a server does not belong to them.
fn of_serve() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| key.shape != ValueKind::Server)
}

fn argument(key: &'static Key) -> Arg {
    let default = match key.default {
        Default::Text(text) => format!(" [default: {text}]"),
        // The help texts of these settings name the default themselves.
        Default::Cores | Default::Unset => String::new(),
    };
    let help = format!("{}{default}", key.help);
    let arg = Arg::new(key.name)
        .long(key.name.replace('_', "-"))
        .visible_aliases(key.flag_aliases)
        .help(help)
        .hide(key.is_for_tests())
        .value_parser(ValueParser::string());
    match key.shape {
        ValueKind::Switch => arg
            .value_name("true|false")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_possible_values(true),
        ValueKind::Networks => arg.value_name("ADDRESSES"),
        ValueKind::Hosts => arg.value_name("HOSTS"),
        ValueKind::Origins => arg.value_name("ORIGINS"),
        ValueKind::Labels => arg.value_name("LABELS"),
        ValueKind::Address => arg.value_name("ADDRESS"),
        ValueKind::Mode => arg.value_name("MODE"),
        ValueKind::Group => arg.value_name("GROUP"),
        ValueKind::Number { .. } | ValueKind::Workers | ValueKind::Descriptor => {
            arg.value_name("NUMBER")
        }
        ValueKind::Time { .. } => arg.value_name("TIME"),
        ValueKind::Word(_) | ValueKind::LogFilter => arg.value_name("WORD"),
        ValueKind::Server => arg.value_name("URL"),
        ValueKind::Database | ValueKind::Path | ValueKind::UrlPath => arg.value_name("PATH"),
    }
}

fn config_argument() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Settings file to use in place of persona.toml.")
}
