//! The only parser of names of databases, for settings, commands and `persona move`.

use std::path::PathBuf;

use crate::postgres;

/// The database that a name means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DatabaseUrl {
    /// A SQLite file. Its symbolic links are not followed.
    File(PathBuf),
    /// A PostgreSQL database.
    Server(Box<postgres::Settings>),
}

/// Why a name is refused. The text never holds the name, which may hold a password.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// The name is empty.
    #[error("must name a file")]
    Empty,
    /// A database in memory is refused, because each process would have its own.
    #[error("a database in memory cannot be shared by processes")]
    InMemory,
    /// A SQLite URL with options behind `?`.
    #[error("options of a database URL are not accepted")]
    Options {
        /// The part before the options.
        path: String,
        /// The options.
        options: String,
    },
    /// A SQLite URL that different programs understand differently.
    #[error("sqlite:///{path} means {path} to some programs and /{path} to others")]
    TwoMeanings {
        /// The part after the slashes.
        path: String,
    },
    /// A URL with the scheme `file`.
    #[error("file: URLs are not accepted")]
    FileUrl {
        /// The part after the scheme.
        path: String,
    },
    /// Another kind of database.
    #[error("{dialect} databases are not supported")]
    Unsupported {
        /// The scheme without its driver.
        dialect: String,
    },
    /// A URL of PostgreSQL that cannot be used.
    #[error(transparent)]
    Server(#[from] postgres::SettingsError),
}

impl DatabaseUrl {
    /// Reads a path, `sqlite:PATH`, `postgres://...`, or a URL as SQLAlchemy writes them.
    ///
    /// # Errors
    ///
    /// Another kind of database, a database in memory, options behind `?`, or a form with two
    /// meanings.
    pub fn parse(name: &str) -> Result<Self, DatabaseUrlError> {
        let Some((scheme, rest)) = split_scheme(name) else {
            return match name {
                "" => Err(DatabaseUrlError::Empty),
                ":memory:" => Err(DatabaseUrlError::InMemory),
                path => Ok(Self::File(path.into())),
            };
        };
        let (dialect, driver) = match scheme.split_once('+') {
            Some((dialect, driver)) => (dialect, Some(driver)),
            None => (scheme, None),
        };
        match dialect {
            "sqlite" | "sqlite3" => sqlite_file(rest, driver.is_some()).map(Self::File),
            "postgres" | "postgresql" => {
                Ok(Self::Server(Box::new(postgres::Settings::parse(name)?)))
            }
            "file" => Err(DatabaseUrlError::FileUrl { path: rest.trim_start_matches("//").into() }),
            _ => Err(DatabaseUrlError::Unsupported { dialect: dialect.into() }),
        }
    }

    /// Whether a password is part of the name.
    pub fn has_password(&self) -> bool {
        matches!(self, Self::Server(settings) if settings.has_password())
    }

    /// Whether a name has a scheme, and so is no path.
    pub fn has_scheme(name: &str) -> bool {
        split_scheme(name).is_some()
    }
}

impl DatabaseUrlError {
    /// What the user can write instead, if that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Empty => return None,
            Self::InMemory => "name a file".into(),
            Self::Options { path, options } => format!(
                "leave out ?{options}; sqlite:{path} has settings of its own in the section [store]"
            ),
            Self::TwoMeanings { path } => format!("write sqlite:{path} or sqlite:/{path}"),
            Self::FileUrl { path } => format!("write the path alone: {path}"),
            Self::Unsupported { .. } => {
                "name a SQLite file, or postgres://user@host/database".into()
            }
            Self::Server(_) => "write it like postgres://user@host:5432/database".into(),
        })
    }
}

/// The scheme of a name, and what follows it.
///
/// A single letter is a drive of Windows and no scheme. A text with a separator before the colon is
/// a path.
fn split_scheme(name: &str) -> Option<(&str, &str)> {
    let is_scheme = |text: &str| {
        text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
    };
    name.split_once(':').filter(|(scheme, _)| is_scheme(scheme))
}

/// The file that is named after `sqlite:`; with `is_sqlalchemy` the scheme named a driver, as in
/// `sqlite+aiosqlite:`.
///
/// With slashes the forms differ between libraries: for SQLAlchemy `sqlite:///a/b.db` is relative
/// and four slashes are absolute, for others three are absolute. A wrong guess would serve an empty
/// database and report nothing. So the ambiguous form is refused, and unambiguous forms are
/// accepted.
fn sqlite_file(rest: &str, is_sqlalchemy: bool) -> Result<PathBuf, DatabaseUrlError> {
    if let Some((path, options)) = rest.split_once('?') {
        return Err(DatabaseUrlError::Options { path: path.into(), options: options.into() });
    }
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(with_host) => match with_host.strip_prefix('/') {
            Some(path) if is_sqlalchemy || path.starts_with(['/', '.']) || !path.contains('/') => {
                path
            }
            Some(path) => return Err(DatabaseUrlError::TwoMeanings { path: path.into() }),
            None => with_host,
        },
    };
    match path {
        "" | ":memory:" => Err(DatabaseUrlError::InMemory),
        _ => Ok(path.into()),
    }
}
