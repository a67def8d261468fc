//! What PostgreSQL's errors mean, in the vocabulary of the contract. The only place that looks at
//! its error codes.

use std::fmt::Display;
use std::io;

use deadpool::managed::TimeoutType;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::error::{DbError, Severity, SqlState};

use super::Settings;
use super::connection_manager::PoolError;
use super::driver_error::DriverError;
use crate::Error;

/// A constraint that every new line of the feed violates. It is added when the personas were
/// transferred to another database.
pub(super) const MOVED_AWAY: &str = "moved_away";

/// The hint for a pooler that exchanges sessions.
const POOLER_CURE: &str =
    "add statement_cache=off to the URL, which needs no sessions, or connect without the pooler";
/// The driver's message if the server wants a password and the URL has none. The driver gives that
/// error no type: its kind, which is private, is the one of every fault of a URL.
const NO_PASSWORD: &str = "password missing";
/// The word in all messages of the driver about failed encryption. The kind is private here too,
/// and only some of these errors have one of the TLS library as their cause: a server that offers
/// no TLS, or that breaks the handshake off, has none.
const ENCRYPTION: &str = "TLS";
/// The message of poolers that refuse a setting of a session. Their code, 08P01, is the one of
/// every breach of the protocol.
const REFUSED_SETTING: &str = "startup parameter";

/// Why the database cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No server answers at the address, or the connection broke.
    #[error("could not reach {place}: {reason}")]
    Unreachable {
        /// Hosts and database.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// The server does not let this user in.
    #[error("{place} refuses the user {user}: {reason}")]
    Refused {
        /// Hosts and database.
        place: String,
        /// Which user.
        user: String,
        /// What the server said.
        reason: String,
    },
    /// There is no such database on the server.
    #[error("there is no database {database} at {place}")]
    NoDatabase {
        /// Hosts and database.
        place: String,
        /// Which database.
        database: String,
    },
    /// The user may not do what is needed.
    #[error("the user {user} may not use {place}: {reason}")]
    NoRight {
        /// Hosts and database.
        place: String,
        /// Which user.
        user: String,
        /// What the server said.
        reason: String,
    },
    /// The server could not prove that it is the one that was named, or offers no encryption.
    #[error("no trusted connection to {place}: {reason}")]
    NotTrusted {
        /// Hosts and database.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no certificate to check the server's with.
    #[error("no certificates of authorities from {from}: {reason}")]
    NoAuthorities {
        /// The file, or the system.
        from: String,
        /// What is wrong.
        reason: String,
    },
    /// The server is too old.
    #[error("{place} is PostgreSQL {found}, this program needs {needed} or newer")]
    OldServer {
        /// Hosts and database.
        place: String,
        /// Its version.
        found: String,
        /// The oldest version that is supported.
        needed: u32,
    },
    /// The server is a standby: it can be read but not written.
    #[error("{place} is a read-only standby")]
    Standby {
        /// Hosts and database.
        place: String,
    },
    /// The database keeps texts in another encoding, in which not every text has a form.
    #[error("{place} has the encoding {encoding}, this program needs UTF8")]
    Encoding {
        /// Hosts and database.
        place: String,
        /// Its encoding.
        encoding: String,
    },
    /// The schema `persona_store` is of another application.
    #[error("the schema persona_store of {place} belongs to another application")]
    ForeignApplication {
        /// Hosts and database.
        place: String,
    },
    /// A newer version of this program made the schema.
    #[error("{place} has schema version {found}, this program knows up to {known}")]
    NewerSchema {
        /// Hosts and database.
        place: String,
        /// The database's version.
        found: u32,
        /// The newest known version.
        known: u32,
    },
    /// The schema is older than this program, and no process has migrated it yet.
    #[error("{place} has schema version {found}, this program needs {known}")]
    OlderSchema {
        /// Hosts and database.
        place: String,
        /// The database's version; 0 for an empty one.
        found: u32,
        /// The version that is needed.
        known: u32,
    },
    /// A transfer fills the database, and is not complete.
    #[error("{place} is being moved into: not everything is there yet")]
    BeingFilled {
        /// Hosts and database.
        place: String,
    },
    /// The personas were transferred to another database, so a write here would be missing there.
    #[error("{place} was moved to another database")]
    Retired {
        /// Hosts and database.
        place: String,
    },
    /// The system has no thread or no memory for the work.
    #[error("could not start to work with {place}: {reason}")]
    System {
        /// Hosts and database.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// A pooler between program and server gives each transaction another connection, or refuses
    /// settings.
    #[error("{place} is behind a pooler without sessions: {reason}")]
    Pooler {
        /// Hosts and database.
        place: String,
        /// The observed sign of the pooler.
        reason: String,
    },
    /// Anything else that the server reports.
    #[error("could not use {place}: {reason}")]
    Backend {
        /// Hosts and database.
        place: String,
        /// What the server said.
        reason: String,
    },
}

impl DatabaseError {
    /// What the user can do about the error, if anything.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { .. } => "check that the server runs and that host and port are right".into(),
            Self::Refused { .. } => "check the user and its password, and the server's pg_hba.conf".into(),
            Self::NoDatabase { database, .. } => format!("create it with `createdb {database}`, or correct the name in the URL"),
            Self::NoRight { user, .. } => format!("GRANT CREATE, CONNECT ON DATABASE ... TO {user}, or use the user that made the schema"),
            Self::NotTrusted { .. } => {
                "name the authority with sslrootcert=FILE, or say with sslmode=require that the server need not prove its identity".into()
            }
            Self::NoAuthorities { .. } => "name a file in PEM form with sslrootcert=FILE, or install the system's ca-certificates".into(),
            Self::OldServer { needed, .. } => format!("upgrade the server to PostgreSQL {needed} or newer"),
            Self::Standby { .. } => "name the primary, or all hosts with commas in between and target_session_attrs=read-write".into(),
            Self::Encoding { .. } => "create the database with ENCODING 'UTF8' TEMPLATE template0".into(),
            Self::ForeignApplication { .. } => "use a database of its own for personas".into(),
            Self::NewerSchema { .. } => "use the version of this program that made it, or a newer one".into(),
            Self::OlderSchema { .. } => "start `persona serve` once; it brings the schema up to date".into(),
            Self::BeingFilled { .. } => "finish it with the same `persona move`, which goes on where it was".into(),
            Self::Retired { .. } => "use the database that it was moved to; everything is there, and nothing was removed here".into(),
            Self::Pooler { .. } => POOLER_CURE.into(),
            Self::System { .. } | Self::Backend { .. } => return None,
        })
    }

    /// Whether a later attempt can succeed.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Standby { .. })
    }

    /// The error for a failure to connect or to make the schema.
    pub(super) fn from_driver(settings: &Settings, error: &DriverError) -> Self {
        let (place, user) = (settings.place(), settings.user().to_owned());
        let Some(code) = error.code() else {
            let wants_writes =
                settings.driver.get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
            if wants_writes && takes_no_writes(error) {
                return Self::Standby { place };
            }
            let reason = innermost(error);
            if reason == NO_PASSWORD {
                return Self::Refused { place, user, reason };
            }
            return if is_about_trust(error) {
                Self::NotTrusted { place, reason }
            } else {
                Self::Unreachable { place, reason }
            };
        };
        let reason =
            error.as_db_error().map_or_else(String::new, |answer| answer.message().to_owned());
        match code.code() {
            "28P01" | "28000" => Self::Refused { place, user, reason },
            "3D000" => Self::NoDatabase { place, database: settings.database().to_owned() },
            "42501" => Self::NoRight { place, user, reason },
            "25006" => Self::Standby { place },
            "26000" | "42P05" => Self::Pooler { place, reason },
            // Poolers know few settings of a session, and refuse the others.
            "08P01" if reason.contains(REFUSED_SETTING) => Self::Pooler { place, reason },
            code if is_about_being_away(code) => Self::Unreachable { place, reason },
            _ => Self::Backend { place, reason },
        }
    }

    pub(super) fn from_pool(settings: &Settings, error: &PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::from_driver(settings, error),
            other => Self::Unreachable { place: settings.place(), reason: other.to_string() },
        }
    }
}

/// The meaning of an error, by what can be done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// The connection cannot be used any more; the outcome of its statement is unknown.
    Away,
    /// The statement conflicted with another transaction and was undone as a whole; a repetition
    /// can succeed.
    Again,
    /// A unique index has such an entry already; the statement was undone as a whole.
    Taken,
    /// No space is left.
    Full,
    /// A prepared statement is missing, because a pooler exchanges the sessions.
    Sessions,
    /// Something else.
    Other,
}

impl Meaning {
    pub(super) fn of(error: &DriverError) -> Self {
        let Some(code) = error.code() else {
            // Broken connections and failures to connect have no code.
            return if error.is_of_a_value() { Self::Other } else { Self::Away };
        };
        match code.code() {
            code if is_about_being_away(code) => Self::Away,
            // The server gave up a wait or reached a limit of memory or settings, and has undone
            // the statement.
            "40001" | "40P01" | "55P03" | "57014" | "53000" | "53200" | "53400" => Self::Again,
            "23505" => Self::Taken,
            "53100" => Self::Full,
            "26000" | "42P05" => Self::Sessions,
            // While a connection is being made, a process that is refused now may be let in after a
            // failover or a new password.
            "28000" | "28P01" | "3D000" => Self::Away,
            // The server closes the connection after this error, for example because it was idle
            // for too long.
            _ if is_last_word(error) => Self::Away,
            _ => Self::Other,
        }
    }
}

/// Whether a code says that the server cannot be used now, and soon can: it starts, ends, is full,
/// or is a standby.
fn is_about_being_away(code: &str) -> bool {
    matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "25006" | "53300")
        || code.starts_with("08")
}

/// Whether the server closes the connection after this error.
fn is_last_word(error: &DriverError) -> bool {
    let severity = error.as_db_error().and_then(DbError::parsed_severity);
    matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

/// How informative the error of a host is, compared to those of other hosts: a fault of a server
/// that answered tells more than that another one is a standby, and that tells more than that a
/// host cannot be reached.
pub(super) fn worth(error: &DriverError) -> u8 {
    match error.code() {
        Some(_) => 2,
        None => u8::from(takes_no_writes(error)),
    }
}

/// Whether a host was reached and is not of the wanted kind. The driver reports this as an error of
/// the system without an error number, which errors of the system itself have.
fn takes_no_writes(error: &DriverError) -> bool {
    chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|cause| {
        cause.kind() == io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none()
    })
}

fn is_about_trust(error: &DriverError) -> bool {
    let words = error.to_string();
    words.contains(ENCRYPTION) || chain(error).any(<dyn std::error::Error>::is::<rustls::Error>)
}

fn chain(error: &DriverError) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let this = next?;
        next = this.source();
        Some(this)
    })
}

fn innermost(error: &DriverError) -> String {
    chain(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// The error of the contract for a driver error after which no attempt follows.
pub(super) fn from_driver(error: DriverError) -> Error {
    if error.as_db_error().is_some_and(|answer| answer.constraint() == Some(MOVED_AWAY)) {
        return Error::Closed("its personas were moved to another database");
    }
    match (Meaning::of(&error), error.code()) {
        (Meaning::Away, _) => Error::Unreachable,
        (Meaning::Again, _) => Error::Busy { what: "the database" },
        (Meaning::Full, _) => Error::Full(Box::new(error)),
        (Meaning::Sessions, _) => {
            tracing::error!(
                hint = POOLER_CURE,
                "a pooler exchanges the sessions under prepared statements"
            );
            Error::Backend(Box::new(error))
        }
        (_, Some(code))
            if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED =>
        {
            damaged(&error)
        }
        (_, Some(code)) if *code == SqlState::IO_ERROR => Error::Disk(Box::new(error)),
        _ => Error::Backend(Box::new(error)),
    }
}

/// The error of the contract for a failure of the pool, or of a read on a connection of it.
pub(super) fn from_pool(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => {
            tracing::debug!(error = innermost(&error), "the database failed");
            from_driver(error)
        }
        PoolError::Timeout(TimeoutType::Wait) => {
            Error::Busy { what: "a connection to the database" }
        }
        PoolError::Timeout(_) => Error::Unreachable,
        PoolError::Closed => Error::Closed("it was closed"),
        other => Error::Backend(Box::new(other)),
    }
}

/// A row that this program cannot have written.
pub(super) fn damaged(what: &dyn Display) -> Error {
    Error::Damaged(what.to_string())
}
