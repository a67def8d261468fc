//! The reference of all settings as Markdown: `docs/reference/config.md`, kept equal by a test.

use std::fmt::Write;

use super::key::{Default, KEYS, ValueKind};
use super::{Key, POSTGRES_WORKERS_MAX, SQLITE_WORKERS_MAX};

const HEAD: &str = "\
# Settings

<!-- Generated from crates/persona-server/src/config/key.rs; `persona config reference` prints it. -->

Every setting can be given as a flag of `persona serve`, as an environment variable, or in a settings file.
The first of these sources that has a value wins: flags, `PERSONA_` variables, shared variables (`PORT` and others), the project file, the user file, the default.

- The project file is `persona.toml` in the current folder, or the file that `--config` or `PERSONA_CONFIG` names.
- `PERSONA_SERVER`, or `server` in `[client]`, names the server that commands use when the command line names neither a server nor a database. Its flag belongs to those commands, and not to `persona serve`.
- A table `[server.NAME]` of a file gives a server a name for `--server` and `PERSONA_SERVER`: `url`, and if needed `token_file` and `ca_file`.
- `PERSONA_TOKEN` holds the token of commands; no file holds it, and nothing shows it.
- The user file is `$XDG_CONFIG_HOME/persona/config.toml`, or `~/.config/persona/config.toml`.
- Relative paths in a file are relative to that file.
- In a file a setting stands below its section as its heading here says, such as `reads` below `[limits]`; its flag and its variable have the longer name, such as `--rate-reads` and `PERSONA_RATE_READS`.
- A list is a text with commas in flags, variables and files; in a file it may be a list of texts too: `cors_origins = [\"https://a.example\", \"https://b.example\"]`.
- An empty variable counts as not set.
- `persona config show --origin` prints each value in effect and its origin; `persona config check` finds every wrong value. Files, folders and servers that values name are looked at when they are used.
";

/// Every setting as Markdown.
pub fn reference() -> String {
    let mut text = String::from(HEAD);
    let mut section = "";
    for key in KEYS.iter().filter(|key| !key.is_for_tests()) {
        if key.section != section {
            section = key.section;
            write!(text, "\n## [{section}]\n").expect("writing into a string succeeds");
        }
        describe(&mut text, key);
    }
    text
}

fn describe(text: &mut String, key: &Key) {
    let variables: Vec<String> = std::iter::once(key.variable())
        .chain(key.aliases.iter().map(ToString::to_string))
        .map(|name| format!("`{name}`"))
        .collect();
    let flags: Vec<String> = std::iter::once(key.flag())
        .chain(key.flag_aliases.iter().map(|alias| format!("--{alias}")))
        .map(|flag| format!("`{flag}`"))
        .collect();
    let default = match key.default {
        Default::Text(text) => format!("`{text}`"),
        Default::Cores => format!("number of cores, at most {SQLITE_WORKERS_MAX}"),
        Default::Unset => "not set".into(),
    };
    let unit = key.unit.map(|unit| format!(", in {unit}")).unwrap_or_default();
    write!(
        text,
        "\n### {}\n\n{}\n\n| flag | variable | value | default |\n|---|---|---|---|\n| {} | {} | {}{unit} | {default} |\n",
        key.member,
        key.help,
        flags.join(", "),
        variables.join(", "),
        values(key.shape),
    )
    .expect("writing into a string succeeds");
}

fn values(shape: ValueKind) -> String {
    match shape {
        ValueKind::Address => "IP address or `localhost`".into(),
        ValueKind::Hosts => "list of names and addresses, or `any`".into(),
        ValueKind::Origins => "list of origins, or `*`".into(),
        ValueKind::Labels => "list of labels".into(),
        ValueKind::UrlPath => "path of URLs such as `/personas`".into(),
        ValueKind::Networks => "list of addresses and ranges, `none`, or `*`".into(),
        ValueKind::Number { min, max } => format!("{min} to {max}"),
        ValueKind::Time { min_seconds, max_seconds } => {
            format!(
                "number of `s`, `m`, `h` or `d`, from {min_seconds}s to {}d",
                max_seconds / 86_400
            )
        }
        ValueKind::Workers => {
            format!("1 to {SQLITE_WORKERS_MAX}, on PostgreSQL 1 to {POSTGRES_WORKERS_MAX}")
        }
        ValueKind::Switch => "`true` or `false`".into(),
        ValueKind::Word(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        ValueKind::LogFilter => "level or filter".into(),
        ValueKind::Database => "path, `sqlite:PATH` or `postgres://USER@HOST/DATABASE`".into(),
        ValueKind::Server => {
            "URL such as `http://127.0.0.1:8000`, `unix:PATH`, or a name of the settings file"
                .into()
        }
        ValueKind::Mode => "rights from `600` to `777`".into(),
        ValueKind::Descriptor => "number from 3 on".into(),
        ValueKind::Group => "name or number of a group".into(),
        ValueKind::Path => "path".into(),
    }
}
