//! The two ends of a transfer: the database that is read, and the one that is filled.

use std::path::{Path, PathBuf};

use crate::database_url::{DatabaseUrl, DatabaseUrlError};
use crate::postgres;
use crate::sqlite::real_path;

/// A database as `persona move` names it.
#[derive(Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Server(Box<postgres::Settings>),
}

/// Why a text does not name an end of a transfer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EndpointError {
    /// The text says neither `sqlite:` nor `postgres:`.
    #[error("must be sqlite:FILE or postgres://HOST/DATABASE")]
    Scheme,
    /// The text names no database that can be used.
    #[error(transparent)]
    Url(DatabaseUrlError),
    /// The symbolic links of the file cannot be followed.
    #[error("cannot be followed to a file: {0}")]
    Unreadable(String),
}

impl EndpointError {
    /// What to write instead, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Url(error) => error.hint(),
            _ => None,
        }
    }
}

impl Endpoint {
    /// Reads `sqlite:persona.db`, `sqlite:/srv/persona.db` or
    /// `postgres://ada@db.example.com/personas`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`]; its text never holds the name, which may hold a password.
    pub fn parse(name: &str) -> Result<Self, EndpointError> {
        if !DatabaseUrl::has_scheme(name) {
            return Err(EndpointError::Scheme);
        }
        match DatabaseUrl::parse(name) {
            Ok(DatabaseUrl::File(file)) => real_path(&file)
                .map(Self::File)
                .map_err(|error| EndpointError::Unreadable(error.to_string())),
            Ok(DatabaseUrl::Server(settings)) => {
                Ok(Self::Server(Box::new(settings.named("persona move"))))
            }
            Err(DatabaseUrlError::FileUrl { .. } | DatabaseUrlError::Unsupported { .. }) => {
                Err(EndpointError::Scheme)
            }
            Err(error) => Err(EndpointError::Url(error)),
        }
    }

    /// Whether both name one and the same database, as far as names tell.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => one == other || same_file(one, other),
            (Self::Server(one), Self::Server(other)) => one.place() == other.place(),
            _ => false,
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Server(settings) => out.write_str(&settings.place()),
        }
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Endpoint({self})")
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, EndpointError};

    #[test]
    fn files_and_servers_are_told_apart_by_their_scheme_and_nothing_else_is_a_place() {
        let file = |name: &str| match Endpoint::parse(name) {
            Ok(Endpoint::File(path)) => path.display().to_string(),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(file("sqlite:persona.db"), "persona.db");
        assert_eq!(file("sqlite:///persona.db"), "persona.db");
        assert_eq!(file("sqlite:////srv/persona.db"), "/srv/persona.db");
        assert_eq!(file("sqlite:/srv/persona.db"), "/srv/persona.db");
        assert_eq!(file("sqlite+aiosqlite:///persona.db"), "persona.db");
        assert!(matches!(
            Endpoint::parse("postgres://ada@localhost/personas"),
            Ok(Endpoint::Server(_))
        ));
        assert!(matches!(
            Endpoint::parse("postgresql+asyncpg://localhost/personas"),
            Ok(Endpoint::Server(_))
        ));
        for name in ["persona.db", "mysql://localhost/x", ""] {
            assert_eq!(Endpoint::parse(name), Err(EndpointError::Scheme), "{name}");
        }
        for name in
            ["sqlite:", "sqlite::memory:", "sqlite:///srv/persona.db", "sqlite:persona.db?mode=ro"]
        {
            assert!(matches!(Endpoint::parse(name), Err(EndpointError::Url(_))), "{name}");
        }
        let wrong = Endpoint::parse("postgres://ada:secret@localhost:port/x")
            .expect_err("no port")
            .to_string();
        assert!(!wrong.contains("secret"), "{wrong}");
    }
}
