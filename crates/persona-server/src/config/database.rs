//! The forms in which people name a database.

use std::fmt;
use std::path::{Path, PathBuf};

use persona_storage::database_url::{DatabaseUrl, DatabaseUrlError};
use persona_storage::postgres;
use serde::{Deserialize, Serialize};

use crate::shell::shell_word;

/// The command that makes the first token, as messages propose it in [`Database::in_command`].
pub const FIRST_TOKEN: &str = "persona token create --name NAME --scope admin";

/// The database that keeps the personas.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Database {
    /// A SQLite file with this path.
    File(PathBuf),
    /// A PostgreSQL database with this URL, which may contain a password.
    Server(String),
}

impl Database {
    /// The path of the file; `None` for a database on a server.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// A command of this program, for a message that proposes it, with the database that it has to
    /// work on: a command that names none works on `persona.db` in the folder of the shell.
    ///
    /// The command ends with a flag or the value of one. A URL is not named, because it may have a
    /// password.
    pub fn in_command(&self, command: &str) -> String {
        match self {
            Self::File(path) => format!("{command} --database {}", shell_word(path)),
            Self::Server(_) => format!("{command}, with the database of this server"),
        }
    }
}

/// The path, or the URL without its password.
impl fmt::Display for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(out),
            Self::Server(url) => write!(out, "postgres://{}", place_of(url)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Database({self})")
    }
}

fn place_of(url: &str) -> String {
    postgres::Settings::parse(url)
        .map_or_else(|_| "(not a URL)".into(), |settings| settings.place())
}

/// The text of a setting in a form that may be shown: a URL loses user, password and parameters.
pub fn shown(text: &str) -> String {
    match parse(text) {
        Ok(database @ Database::Server(_)) => database.to_string(),
        _ => text.into(),
    }
}

/// The database that a name means, as [`DatabaseUrl::parse`] reads it.
///
/// # Errors
///
/// As for [`DatabaseUrl::parse`].
pub fn parse(text: &str) -> Result<Database, DatabaseUrlError> {
    Ok(match DatabaseUrl::parse(text)? {
        DatabaseUrl::File(path) => Database::File(path),
        DatabaseUrl::Server(_) => Database::Server(text.into()),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Database, FIRST_TOKEN, parse, shown};

    #[test]
    fn every_form_with_one_meaning_names_its_file() {
        for (text, path) in [
            ("persona.db", "persona.db"),
            ("./a:b.db", "./a:b.db"),
            ("/srv/persona.db", "/srv/persona.db"),
            ("sqlite:persona.db", "persona.db"),
            ("sqlite:/srv/persona.db", "/srv/persona.db"),
            ("sqlite://persona.db", "persona.db"),
            ("sqlite:///persona.db", "persona.db"),
            ("sqlite:///./data/persona.db", "./data/persona.db"),
            ("sqlite:////srv/persona.db", "/srv/persona.db"),
            ("sqlite+aiosqlite:///./persona.db", "./persona.db"),
            ("sqlite+aiosqlite:///data/persona.db", "data/persona.db"),
            ("sqlite+pysqlite:////srv/persona.db", "/srv/persona.db"),
        ] {
            assert_eq!(parse(text), Ok(Database::File(PathBuf::from(path))), "{text}");
        }
    }

    #[test]
    fn a_url_of_postgresql_is_taken_and_its_password_never_shown() {
        for text in [
            "postgres://me:secret@db/personas",
            "postgresql+asyncpg://me:secret@db:5432/personas?pool_max=3",
        ] {
            let database = parse(text).expect("a URL");
            assert_eq!(database, Database::Server(text.into()));
            assert_eq!(
                (shown(text).as_str(), database.file()),
                ("postgres://db:5432/personas", None)
            );
            assert!(!format!("{database} {database:?}").contains("secret"));
        }
        assert_eq!(shown("persona.db"), "persona.db");
    }

    #[test]
    fn a_command_names_its_database_but_no_password() {
        for (database, ending) in [
            (Database::File("other.db".into()), " --database other.db"),
            (Database::File("a b/it's.db".into()), " --database \"a b/it's.db\""),
            (
                Database::Server("postgres://ada:secret@db/personas".into()),
                ", with the database of this server",
            ),
        ] {
            assert_eq!(database.in_command(FIRST_TOKEN), format!("{FIRST_TOKEN}{ending}"));
        }
    }

    #[test]
    fn a_name_that_means_no_file_of_ours_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "must name a file"),
            (":memory:", "a database in memory cannot be shared by processes"),
            ("sqlite://", "a database in memory cannot be shared by processes"),
            ("sqlite::memory:", "a database in memory cannot be shared by processes"),
            (
                "sqlite:///srv/persona.db",
                "sqlite:///srv/persona.db means srv/persona.db to some programs and /srv/persona.db to others",
            ),
            ("sqlite:a.db?mode=ro", "options of a database URL are not accepted"),
            (
                "postgres://me@db/personas?sslmode=maybe",
                "sslmode must be disable, prefer, require, verify-ca or verify-full",
            ),
            ("mysql://me@db/personas", "mysql databases are not supported"),
            ("file:///srv/a.db", "file: URLs are not accepted"),
        ] {
            assert_eq!(
                parse(text).map_err(|error| error.to_string()),
                Err(reason.into()),
                "{text}"
            );
        }
    }
}
