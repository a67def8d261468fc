//! Turns settings from text into types: the rules of each kind of value, and the rules between
//! settings.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use persona_storage::sqlite::real_path;
use tracing_subscriber::EnvFilter;

use super::key::ValueKind;
use super::setting::{Origin, Setting};
use super::{Config, Database, POSTGRES_WORKERS_MAX, Problem, SQLITE_WORKERS_MAX, database};
use crate::secrets::without_user_information;

/// The levels of a log, and silence.
const LOG_LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Gives every setting its type, or reports everything that breaks a rule.
pub fn build(settings: &[Setting]) -> Result<Config, Vec<Problem>> {
    let mut reader = Reader { settings, problems: Vec::new(), workers_max: SQLITE_WORKERS_MAX };
    let database = reader.database("database");
    if database.file().is_none() {
        reader.workers_max = POSTGRES_WORKERS_MAX;
        reader.refuse_backups();
    }
    let host = reader.address("host");
    let config = Config {
        server: reader.server("server"),
        host,
        port: reader.number("port"),
        is_tcp_chosen: reader.is_chosen("host") || reader.is_chosen("port"),
        uds: reader.unix_socket(),
        fd: reader.descriptor("fd"),
        exposed: (!host.is_loopback()).then_some(host),
        tls: reader.tls(),
        allow_open: reader.switch("allow_open"),
        open_monitoring: reader.switch("open_monitoring"),
        protected_labels: reader.labels("protected_labels"),
        trusted_proxies: reader.networks("trusted_proxies"),
        allowed_hosts: reader.hosts("allowed_hosts", host),
        cors_origins: reader.origins("cors_origins"),
        root_path: reader.root_path("root_path"),
        connections_max: reader.number("connections_max"),
        connections_share: reader.number("connections_share"),
        event_streams_max: reader.number("event_streams_max"),
        event_streams_per_client: reader.number("event_streams_per_client"),
        idle_timeout: reader.time("idle_timeout").unwrap_or_default(),
        rate_reads: reader.number("rate_reads"),
        rate_reads_burst: reader.number("rate_reads_burst"),
        rate_writes: reader.number("rate_writes"),
        rate_writes_burst: reader.number("rate_writes_burst"),
        database,
        workers: reader.number("workers"),
        durability: reader.word("durability"),
        busy_timeout_ms: reader.number("busy_timeout_ms"),
        read_timeout_ms: reader.number("read_timeout_ms"),
        wal_autocheckpoint: reader.number("wal_autocheckpoint"),
        disk_reserve_mb: reader.number("disk_reserve_mb"),
        idempotency_keys_max: reader.number("idempotency_keys_max"),
        history_keep: reader.time("history_keep"),
        history_keep_newest: reader.number("history_keep_newest"),
        document_bytes_max: reader.number("document_bytes_max"),
        write_lock_warn_ms: reader.number("write_lock_warn_ms"),
        expose_worker: reader.switch("expose_worker"),
        answer_memory_mb: reader.number("answer_memory_mb"),
        answer_patience_ms: reader.number("answer_patience_ms"),
        read_cache_mb: reader.number("read_cache_mb"),
        drain_timeout_ms: reader.number("drain_timeout_ms"),
        backup_every: reader.time("backup_every"),
        backup_keep: reader.number("backup_keep"),
        backup_dir: reader.path("backup_dir"),
        log_level: reader.log_filter("log_level"),
        log_format: reader.word("log_format"),
        log_file: reader.path("log_file"),
        access_log: reader.switch("access_log"),
        #[cfg(feature = "faults")]
        fault: reader.word("fault"),
    };
    if reader.problems.is_empty() { Ok(config) } else { Err(reader.problems) }
}

/// Reads one setting after the other. A value that breaks a rule becomes a problem and a harmless
/// stand-in, so that one run finds every problem.
pub(super) struct Reader<'a> {
    settings: &'a [Setting],
    problems: Vec<Problem>,
    /// Most workers that the database allows.
    workers_max: u16,
}

impl<'a> Reader<'a> {
    pub(super) fn setting(&self, name: &str) -> &'a Setting {
        self.settings
            .iter()
            .find(|setting| setting.key.name == name)
            .expect("every setting is a row of the table")
    }

    /// Whether a source chose a value for this setting.
    pub(super) fn is_chosen(&self, name: &str) -> bool {
        self.setting(name).origin != Origin::Default
    }

    pub(super) fn complain(
        &mut self,
        setting: &Setting,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let message = message.into();
        // The origin of a value in a file is a line, which does not name the setting, so the
        // message does.
        let message = match setting.origin {
            Origin::File(..) => format!("{} {message}", setting.key.place()),
            _ => message,
        };
        self.problems.push(Problem { origin: setting.origin.to_string(), message, hint });
    }

    fn server(&mut self, name: &str) -> Option<String> {
        let setting = self.setting(name);
        if setting.text.is_empty() {
            return None;
        }
        let is_known =
            ["http://", "https://"].iter().any(|scheme| setting.text.starts_with(scheme));
        if setting.text.contains("://") && !is_known {
            let hint = "use a URL such as https://persona.example, unix:PATH, or the name of a \
                        [server.NAME]";
            self.complain(
                setting,
                format!(
                    "must be the URL of a server, is {:?}",
                    without_user_information(&setting.text)
                ),
                Some(hint.into()),
            );
        }
        Some(setting.text.clone())
    }

    fn address(&mut self, name: &str) -> IpAddr {
        let setting = self.setting(name);
        if setting.text == "localhost" {
            return Ipv4Addr::LOCALHOST.into();
        }
        setting.text.trim_matches(['[', ']']).parse().unwrap_or_else(|_| {
            let hint = "use 127.0.0.1 for this machine only, or the address of one of its networks";
            self.complain(
                setting,
                format!("must be an IP address or localhost, is {:?}", setting.text),
                Some(hint.into()),
            );
            Ipv4Addr::LOCALHOST.into()
        })
    }

    fn number<N: TryFrom<u64> + Default>(&mut self, name: &str) -> N {
        let setting = self.setting(name);
        let (min, max) = match setting.key.shape {
            ValueKind::Number { min, max } => (min, max),
            _ => (1, u64::from(self.workers_max)),
        };
        let number = setting.text.replace('_', "").parse::<u64>().ok();
        if let Some(number) = number.filter(|number| (min..=max).contains(number)) {
            return N::try_from(number).unwrap_or_default();
        }
        let is_file = self.workers_max == SQLITE_WORKERS_MAX;
        let hint = (is_file && setting.key.shape == ValueKind::Workers && number.is_some_and(|number| number > max)).then(|| {
            "the writers of one SQLite file take turns, so more processes add waiting and no speed; \
             PostgreSQL is the way to more: --database postgres://user@host/database"
                .into()
        });
        self.complain(
            setting,
            format!("must be a whole number from {min} to {max}, is {:?}", setting.text),
            hint,
        );
        N::default()
    }

    fn time(&mut self, name: &str) -> Option<Duration> {
        let setting = self.setting(name);
        let ValueKind::Time { min_seconds, max_seconds } = setting.key.shape else { return None };
        if setting.text.is_empty() {
            return None;
        }
        let bounds = min_seconds..=max_seconds;
        let time = seconds_of(&setting.text)
            .filter(|seconds| bounds.contains(seconds))
            .map(Duration::from_secs);
        if time.is_none() {
            let (min, max) = (shortest(min_seconds), shortest(max_seconds));
            self.complain(
                setting,
                format!("must be a time from {min} to {max}, is {:?}", setting.text),
                Some("use a number of s, m, h or d".into()),
            );
        }
        time
    }

    fn switch(&mut self, name: &str) -> bool {
        let setting = self.setting(name);
        match setting.text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                self.complain(
                    setting,
                    format!("must be true or false, is {:?}", setting.text),
                    None,
                );
                false
            }
        }
    }

    /// Reads the word of a setting as the value that it stands for.
    fn word<T: Default + FromStr>(&mut self, name: &str) -> T {
        let setting = self.setting(name);
        let ValueKind::Word(words) = setting.key.shape else { return T::default() };
        let text = setting.text.to_ascii_lowercase();
        let is_known = words.contains(&text.as_str());
        if let Some(value) = is_known.then(|| text.parse().ok()).flatten() {
            return value;
        }
        self.complain(
            setting,
            format!("must be one of {}, is {:?}", words.join(", "), setting.text),
            None,
        );
        T::default()
    }

    fn log_filter(&mut self, name: &str) -> String {
        let setting = self.setting(name);
        // The filter takes an unknown word for the name of a module, so a mistyped level would
        // silence the whole log.
        let is_level = LOG_LEVELS.iter().any(|level| level.eq_ignore_ascii_case(&setting.text));
        let is_filter =
            setting.text.contains(['=', ',']) && EnvFilter::builder().parse(&setting.text).is_ok();
        if !is_level && !is_filter {
            let message = format!(
                "must be one of {} or a filter such as info,persona_storage=debug",
                LOG_LEVELS.join(", ")
            );
            self.complain(setting, format!("{message}, is {:?}", setting.text), None);
        }
        if is_level { setting.text.to_ascii_lowercase() } else { setting.text.clone() }
    }

    fn database(&mut self, name: &str) -> Database {
        let setting = self.setting(name);
        database::parse(&setting.text)
            .map_err(|error| (error.to_string(), error.hint()))
            .and_then(at_its_real_path)
            .unwrap_or_else(|(message, hint)| {
                self.complain(setting, message, hint);
                Database::File(PathBuf::new())
            })
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let text = &self.setting(name).text;
        (!text.is_empty()).then(|| text.into())
    }

    /// Refuses settings of backups for a database of which the server makes no backups.
    fn refuse_backups(&mut self) {
        let setting = self.setting("backup_every");
        if !setting.text.is_empty() {
            let hint =
                "back the database up with pg_dump or pg_basebackup, and leave backup_every out";
            self.complain(setting, "is for SQLite files only", Some(hint.into()));
        }
    }
}

/// Replaces the path of a file by its real path, because the WAL and the write lock are beside the
/// real file. Links are resolved once, so that every part of the program uses the same file.
fn at_its_real_path(database: Database) -> Result<Database, (String, Option<String>)> {
    match database {
        Database::File(path) => match real_path(&path) {
            Ok(path) => Ok(Database::File(path)),
            Err(error) => {
                Err((format!("{} cannot be followed to a file: {error}", path.display()), None))
            }
        },
        server @ Database::Server(_) => Ok(server),
    }
}

/// A whole number with its unit, in seconds.
fn seconds_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.len() - text.chars().next_back()?.len_utf8());
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds)
}
/// A time in the largest unit that it is a whole number of.
fn shortest(seconds: u64) -> String {
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let unit = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, letter) = unit.unwrap_or((1, 's'));
    format!("{}{letter}", seconds / unit)
}
