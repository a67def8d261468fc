//! The URL parameters of this program, and the defaults of those that the driver reads.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use persona_model::UnknownWord;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use super::SettingsError;

/// Most connections that can be chosen: a server with more would spend its time on switching
/// between them.
const POOL_MAX: usize = 500;
/// Longest wait for a connection to be made: past it another host, or a later attempt, is more
/// likely to answer.
pub(super) const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// After this time of silence the system checks whether the other side still lives.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// How often it checks, and how many checks without an answer mean that the connection is broken.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMES: u32 = 3;
/// If sent data is not acknowledged for this long, the connection counts as broken, because a host
/// that vanished sends nothing.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

/// The most that can be chosen, in seconds: a client that waits longer has given up.
const STATEMENT_WAIT_SECONDS_MAX: u64 = 3600;

/// How the server has to prove its identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsMode {
    /// No encryption.
    Disable,
    /// Encryption where the server offers it, without proof.
    Prefer,
    /// Encryption, without proof: protects against listeners, not against an impostor.
    Require,
    /// Encryption, and a certificate of a trusted authority, for whatever name.
    VerifyAuthority,
    /// Encryption, and a certificate of a trusted authority for the very host of the URL.
    VerifyFull,
}

impl TlsMode {
    /// Every mode with its word in a URL, as libpq has them.
    pub const ALL: [(&'static str, Self); 5] = [
        ("disable", Self::Disable),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyAuthority),
        ("verify-full", Self::VerifyFull),
    ];
}

impl FromStr for TlsMode {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, mode)| mode).ok_or(UnknownWord)
    }
}

/// The URL parameters of this program.
#[derive(Default)]
pub(super) struct OwnParameters {
    pub tls: Option<TlsMode>,
    pub authorities: Option<PathBuf>,
    pub statement_cache: Option<bool>,
    pub pool_max: Option<usize>,
    pub statement_wait: Option<Duration>,
}

impl OwnParameters {
    /// Takes a `name=value` if it is a parameter of this program; returns whether it was.
    pub(super) fn take(&mut self, pair: &str) -> Result<bool, SettingsError> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let refuse = |name, wanted| SettingsError::Parameter { name, wanted };
        match name {
            "sslmode" => {
                let wanted = "disable, prefer, require, verify-ca or verify-full";
                self.tls = Some(value.parse().map_err(|UnknownWord| refuse("sslmode", wanted))?);
            }
            "sslrootcert" => match value {
                "" => {
                    return Err(refuse("sslrootcert", "system, or the path of a file in PEM form"));
                }
                "system" => self.authorities = None,
                path => self.authorities = Some(PathBuf::from(unescaped(path))),
            },
            "statement_cache" => {
                self.statement_cache = Some(match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err(refuse("statement_cache", "on or off")),
                });
            }
            "pool_max" => {
                let number = value.parse().ok().filter(|number| (1..=POOL_MAX).contains(number));
                self.pool_max =
                    Some(number.ok_or_else(|| {
                        refuse("pool_max", "a number of connections from 1 to 500")
                    })?);
            }
            "statement_timeout" => {
                let seconds = value
                    .parse()
                    .ok()
                    .filter(|seconds| (1..=STATEMENT_WAIT_SECONDS_MAX).contains(seconds));
                let seconds = seconds.ok_or_else(|| {
                    refuse("statement_timeout", "a number of seconds from 1 to 3600")
                })?;
                self.statement_wait = Some(Duration::from_secs(seconds));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The default mode: a host over the network must prove its identity.
pub(super) fn default_tls(driver: &Config) -> TlsMode {
    let is_near = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    };
    let addresses_are_near = driver.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
    if driver.get_hosts().iter().all(is_near) && addresses_are_near {
        TlsMode::Prefer
    } else {
        TlsMode::VerifyFull
    }
}

/// Sets the defaults for parameters that the URL does not have.
pub(super) fn set_defaults(driver: &mut Config, chosen: &str) {
    let is_chosen = |name: &str| chosen.split('&').any(|pair| pair.split('=').next() == Some(name));
    if !is_chosen("connect_timeout") {
        driver.connect_timeout(CONNECT_WAIT_MAX);
    }
    if !is_chosen("tcp_user_timeout") {
        driver.tcp_user_timeout(UNACKNOWLEDGED_MAX);
    }
    if !is_chosen("keepalives_idle") {
        driver.keepalives_idle(KEEPALIVE_AFTER);
    }
    if !is_chosen("keepalives_interval") {
        driver.keepalives_interval(KEEPALIVE_EVERY);
    }
    if !is_chosen("keepalives_retries") {
        driver.keepalives_retries(KEEPALIVE_TIMES);
    }
    // The one that takes writes, because reads have to see them; a primary that comes back as a
    // standby is not used.
    if !is_chosen("target_session_attrs") {
        driver.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if !is_chosen("application_name") {
        driver.application_name("persona");
    }
}

/// Percent-encoding undone; a sign that stands for no byte stays as it is.
fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let pair = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok());
        if let Some(byte) = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
