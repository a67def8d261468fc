//! What a user may choose about the database: one URL.
//!
//! The parts that other programs know too (host, user, `target_session_attrs`, ...) are read by the
//! driver; the few that are ours are taken out first. Nothing here ever prints the password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::url_parameters::{OwnParameters, TlsMode, default_tls, set_defaults};
use crate::HistoryLimits;

/// How long an abandoned connection counts; after that, the network is assumed to be silent and not
/// the server.
const ABANDONED_TIME: Duration = Duration::from_mins(10);
/// Longest time of one statement of a list when nothing else was chosen, as on SQLite.
const READ_TIME_DEFAULT: Duration = Duration::from_secs(5);
/// Most connections of one process when the URL does not say: a worker has few cores, and the
/// server has to have room for the connections of all workers.
const POOL_DEFAULT: usize = 10;
/// Longest work of the server on one statement when the URL does not say.
const STATEMENT_WAIT_DEFAULT: Duration = Duration::from_secs(30);

/// How much longer than the server may work on a statement its answer is waited for. After that,
/// the server or the network is silent, which the system itself notices only if the other host is
/// gone.
pub(super) const ANSWER_GRACE: Duration = Duration::from_secs(2);

/// How the database is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) driver: Config,
    pub(super) tls: TlsMode,
    /// Authorities that are trusted; those of the system when not set.
    pub(super) authorities: Option<PathBuf>,
    /// Whether statements are prepared once for each connection, and settings of the session may be
    /// made. Neither is possible through a pooler that hands each transaction to another
    /// connection.
    pub(super) has_sessions: bool,
    pub(super) pool_max: usize,
    /// Longest work of the server on one statement, where the URL says so.
    pub(super) statement_wait: Option<Duration>,
    /// Longest time of one statement of a list, a page of the feed or the status.
    pub(super) read_time: Duration,
    /// Most idempotency keys that are kept, about.
    pub(super) keys_max: u64,
    /// Which old revisions are kept.
    pub(super) history: HistoryLimits,
    /// How long an abandoned connection counts.
    pub(super) abandoned_time: Duration,
}

/// Why a URL cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// The driver cannot read it.
    #[error("is no URL of a PostgreSQL database: {0}")]
    Malformed(String),
    /// A parameter has a value that it cannot have.
    #[error("{name} must be {wanted}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// What it may be.
        wanted: &'static str,
    },
}

impl Settings {
    /// Whether the URL has a password in it.
    pub fn has_password(&self) -> bool {
        self.driver.get_password().is_some()
    }

    /// Reads a URL such as `postgres://ada@db.example.com/personas?sslmode=verify-full`.
    ///
    /// `postgresql+driver://`, as SQLAlchemy has it, means the same.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]; its text never holds the URL, which may hold a password.
    pub fn parse(url: &str) -> Result<Self, SettingsError> {
        let rest = url
            .split_once("://")
            .map(|(_, rest)| rest)
            .ok_or_else(|| SettingsError::Malformed("it has no ://".into()))?;
        // The search starts behind the user, because a password may contain a question mark.
        let after_user = rest.rfind('@').unwrap_or(0);
        let end = rest[after_user..].find('?').map_or(rest.len(), |length| after_user + length);
        let (place, parameters) = (&rest[..end], rest[end..].trim_start_matches('?'));
        let mut own = OwnParameters::default();
        let theirs: Vec<&str> = parameters.split('&').filter(|pair| !pair.is_empty()).collect();
        let theirs = theirs
            .into_iter()
            .filter_map(|pair| own.take(pair).map(|taken| (!taken).then_some(pair)).transpose());
        let theirs = theirs.collect::<Result<Vec<_>, _>>()?.join("&");
        // The driver's own message is about the form, and never repeats a value.
        let mut driver =
            Config::from_str(&format!("postgres://{place}?{theirs}")).map_err(|error| {
                SettingsError::Malformed(
                    std::error::Error::source(&error)
                        .map_or_else(|| error.to_string(), ToString::to_string),
                )
            })?;
        if driver.get_hosts().is_empty() && driver.get_hostaddrs().is_empty() {
            return Err(SettingsError::Malformed("it names no host".into()));
        }
        let tls = own.tls.unwrap_or_else(|| default_tls(&driver));
        driver.ssl_mode(match tls {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyAuthority | TlsMode::VerifyFull => SslMode::Require,
        });
        set_defaults(&mut driver, &theirs);
        let has_sessions = own.statement_cache.unwrap_or(true);
        let pool_max = own.pool_max.unwrap_or(POOL_DEFAULT);
        let (read_time, abandoned_time) = (READ_TIME_DEFAULT, ABANDONED_TIME);
        let keys_max = crate::IDEMPOTENCY_KEYS_MAX;
        Ok(Self {
            driver,
            tls,
            authorities: own.authorities,
            has_sessions,
            pool_max,
            statement_wait: own.statement_wait,
            read_time,
            keys_max,
            history: HistoryLimits::default(),
            abandoned_time,
        })
    }

    /// Sets the name by which the server's administrator recognises the process.
    #[must_use]
    pub fn named(mut self, application: &str) -> Self {
        self.driver.application_name(application);
        self
    }

    /// Sets the time after which a list, a page of the feed or the status is cancelled.
    #[must_use]
    pub fn reading_within(mut self, time: Duration) -> Self {
        self.read_time = time;
        self
    }

    /// Longest work of the server on one statement. The default is no shorter than the limit of a
    /// list, which is then cancelled by its own limit.
    pub(super) fn statement_wait(&self) -> Duration {
        self.statement_wait
            .unwrap_or_else(|| STATEMENT_WAIT_DEFAULT.max(self.read_time + ANSWER_GRACE))
    }

    /// Sets how long an abandoned connection counts, for tests, which cannot wait ten minutes.
    #[must_use]
    pub fn abandoned_for(mut self, time: Duration) -> Self {
        self.abandoned_time = time;
        self
    }

    /// Sets the limit of idempotency keys.
    #[must_use]
    pub fn keeping_keys(mut self, max: u64) -> Self {
        self.keys_max = max;
        self
    }

    /// The same, with limits for the histories.
    #[must_use]
    pub fn keeping_history(mut self, limits: HistoryLimits) -> Self {
        self.history = limits;
        self
    }

    /// Most connections of one process.
    pub fn pool_max(&self) -> usize {
        self.pool_max
    }

    /// Hosts and database, as people name them: without user and password.
    pub fn place(&self) -> String {
        let names: Vec<String> = self.driver.get_hosts().iter().map(host_name).collect();
        let hosts = if names.is_empty() {
            self.driver.get_hostaddrs().iter().map(ToString::to_string).collect()
        } else {
            names
        };
        let ports = self.driver.get_ports();
        let port_of = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let hosts: Vec<String> = hosts
            .iter()
            .enumerate()
            .map(|(index, host)| format!("{host}:{}", port_of(index)))
            .collect();
        format!("{}/{}", hosts.join(","), self.database())
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        self.driver.get_dbname().or(self.driver.get_user()).unwrap_or("(the user's name)")
    }

    /// The user's name.
    pub(super) fn user(&self) -> &str {
        self.driver.get_user().unwrap_or("(the system's user)")
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Settings(postgres://{})", self.place())
    }
}

fn host_name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Settings, SettingsError, TlsMode};

    fn parse(url: &str) -> Settings {
        Settings::parse(url).expect("a URL")
    }

    #[test]
    fn the_server_works_on_a_list_for_as_long_as_a_list_may_take() {
        let wait = |url, seconds| {
            let settings =
                Settings::parse(url).expect("a URL").reading_within(Duration::from_secs(seconds));
            settings.statement_wait().as_secs()
        };
        let of_ours = [5, 28, 29, 600].map(|seconds| wait("postgres://ada@db/personas", seconds));
        assert_eq!(of_ours, [30, 30, 31, 602]);
        assert_eq!(
            wait("postgres://ada@db/personas?statement_timeout=7", 600),
            7,
            "what the URL says holds"
        );
    }

    #[test]
    fn a_url_names_hosts_and_database_and_its_password_is_never_printed() {
        let settings = parse(
            "postgresql+asyncpg://ada:se%40cret@db1:5433,db2:5434/personas?target_session_attrs=read-write",
        );
        assert_eq!(settings.place(), "db1:5433,db2:5434/personas");
        assert_eq!(settings.driver.get_password(), Some(&b"se@cret"[..]));
        assert_eq!((settings.user(), settings.database()), ("ada", "personas"));
        assert!(!format!("{settings:?}").contains("cret"));
        assert_eq!(parse("postgres://ada@%2Frun%2Fpg/personas").place(), "/run/pg:5432/personas");
    }

    #[test]
    fn a_named_host_has_to_prove_its_name_and_a_near_one_need_not() {
        let tls = |url| parse(url).tls;
        assert_eq!(tls("postgres://a@db.example.com/p"), TlsMode::VerifyFull);
        assert_eq!(tls("postgres://a@localhost,db/p"), TlsMode::VerifyFull);
        assert_eq!(tls("postgres://a@10.0.0.1/p"), TlsMode::VerifyFull);
        for near in [
            "postgres://a@localhost/p",
            "postgres://a@127.0.0.1/p",
            "postgres://a@[::1]/p",
            "postgres://a@%2Frun/p",
        ] {
            assert_eq!(tls(near), TlsMode::Prefer, "{near}");
        }
        assert_eq!(tls("postgres://a@db/p?sslmode=require"), TlsMode::Require);
    }

    #[test]
    fn own_parameters_are_taken_and_wrong_ones_are_refused_by_name() {
        let settings = parse(
            "postgres://a@db/p?sslrootcert=%2Fetc%2Fca.pem&statement_cache=off&pool_max=3&connect_timeout=7",
        );
        assert_eq!(settings.authorities.as_deref(), Some(std::path::Path::new("/etc/ca.pem")));
        assert_eq!((settings.has_sessions, settings.pool_max), (false, 3));
        assert_eq!(settings.driver.get_connect_timeout(), Some(&std::time::Duration::from_secs(7)));
        for (query, name) in [
            ("sslmode=on", "sslmode"),
            ("statement_cache=maybe", "statement_cache"),
            ("pool_max=0", "pool_max"),
            ("statement_timeout=0", "statement_timeout"),
        ] {
            let refused =
                Settings::parse(&format!("postgres://a:secret@db/p?{query}")).expect_err(query);
            assert!(
                matches!(&refused, SettingsError::Parameter { name: found, .. } if *found == name),
                "{refused}"
            );
        }
        for malformed in [
            "postgres:db",
            "postgres://a:secret@db:x/p",
            "postgres://a:secret@db/p?nonsense=1",
            "postgres:///p",
        ] {
            let refused = Settings::parse(malformed).expect_err(malformed);
            assert!(
                matches!(refused, SettingsError::Malformed(_))
                    && !refused.to_string().contains("secret"),
                "{refused}"
            );
        }
    }
}
