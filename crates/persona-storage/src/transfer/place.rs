//! Where something is moved from, or to.

use std::path::{Path, PathBuf};

use crate::database_url::{DatabaseUrl, DatabaseUrlError};
use crate::postgres;
use crate::sqlite::real_path;

/// A database as `persona move` names it.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Server(Box<postgres::Settings>),
}

/// Why a name is none of a place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlaceError {
    /// It says neither `sqlite:` nor `postgres:`.
    #[error("must be sqlite:FILE or postgres://HOST/DATABASE")]
    Scheme,
    /// It names no database that can be used.
    #[error(transparent)]
    Url(DatabaseUrlError),
    /// Its symbolic links cannot be followed.
    #[error("cannot be followed to a file: {0}")]
    Unreadable(String),
}

impl PlaceError {
    /// What to write instead, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Url(error) => error.hint(),
            _ => None,
        }
    }
}

impl Place {
    /// Reads `sqlite:persona.db`, `sqlite:/srv/persona.db` or
    /// `postgres://ada@db.example.com/personas`.
    ///
    /// # Errors
    ///
    /// [`PlaceError`]; its text never holds the name, which may hold a password.
    pub fn parse(name: &str) -> Result<Self, PlaceError> {
        if !DatabaseUrl::has_scheme(name) {
            return Err(PlaceError::Scheme);
        }
        match DatabaseUrl::parse(name) {
            Ok(DatabaseUrl::File(file)) => real_path(&file)
                .map(Self::File)
                .map_err(|error| PlaceError::Unreadable(error.to_string())),
            Ok(DatabaseUrl::Server(settings)) => {
                Ok(Self::Server(Box::new(settings.named("persona move"))))
            }
            Err(DatabaseUrlError::FileUrl { .. } | DatabaseUrlError::Unsupported { .. }) => {
                Err(PlaceError::Scheme)
            }
            Err(error) => Err(PlaceError::Url(error)),
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

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Server(settings) => out.write_str(&settings.place()),
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Place({self})")
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::{Place, PlaceError};

    #[test]
    fn files_and_servers_are_told_apart_by_their_scheme_and_nothing_else_is_a_place() {
        let file = |name: &str| match Place::parse(name) {
            Ok(Place::File(path)) => path.display().to_string(),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(file("sqlite:persona.db"), "persona.db");
        assert_eq!(file("sqlite:///persona.db"), "persona.db");
        assert_eq!(file("sqlite:////srv/persona.db"), "/srv/persona.db");
        assert_eq!(file("sqlite:/srv/persona.db"), "/srv/persona.db");
        assert_eq!(file("sqlite+aiosqlite:///persona.db"), "persona.db");
        assert!(matches!(Place::parse("postgres://ada@localhost/personas"), Ok(Place::Server(_))));
        assert!(matches!(
            Place::parse("postgresql+asyncpg://localhost/personas"),
            Ok(Place::Server(_))
        ));
        for name in ["persona.db", "mysql://localhost/x", ""] {
            assert_eq!(Place::parse(name), Err(PlaceError::Scheme), "{name}");
        }
        for name in
            ["sqlite:", "sqlite::memory:", "sqlite:///srv/persona.db", "sqlite:persona.db?mode=ro"]
        {
            assert!(matches!(Place::parse(name), Err(PlaceError::Url(_))), "{name}");
        }
        let wrong = Place::parse("postgres://ada:secret@localhost:port/x")
            .expect_err("no port")
            .to_string();
        assert!(!wrong.contains("secret"), "{wrong}");
    }
}
