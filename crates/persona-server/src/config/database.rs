//! The forms in which people name a database.

use std::fmt;
use std::path::{Path, PathBuf};

use persona_storage::database_url::{self, Refusal};
use persona_storage::postgres;
use serde::{Deserialize, Serialize};

/// Where personas are kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Database {
    /// In this SQLite file.
    File(PathBuf),
    /// In the PostgreSQL database with this URL, which may hold a password.
    Server(String),
}

impl Database {
    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }
}

/// As people name it, and never with a password.
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

/// The text of a setting as it may be shown: a URL without user, password and parameters.
pub fn shown(text: &str) -> String {
    match parse(text) {
        Ok(database @ Database::Server(_)) => database.to_string(),
        _ => text.into(),
    }
}

/// What a name means: a path, `sqlite:PATH`, `postgres://...`, or a URL as SQLAlchemy has them.
///
/// # Errors
///
/// Another kind of database, a database in memory, options behind `?`, or a form with two meanings.
pub fn parse(text: &str) -> Result<Database, Refusal> {
    if text.is_empty() {
        return Err(("must name a file".into(), None));
    }
    let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return if text == ":memory:" {
            Err(database_url::in_memory())
        } else {
            Ok(Database::File(text.into()))
        };
    };
    let (dialect, driver) =
        scheme.split_once('+').map_or((scheme, None), |(dialect, driver)| (dialect, Some(driver)));
    match dialect {
        "sqlite" | "sqlite3" => {
            database_url::sqlite_file(rest, driver.is_some()).map(Database::File)
        }
        "postgres" | "postgresql" => match postgres::Settings::parse(text) {
            Ok(_) => Ok(Database::Server(text.into())),
            Err(error) => Err((
                error.to_string(),
                Some("write it like postgres://user@host:5432/database".into()),
            )),
        },
        "file" => Err((
            "file: URLs are not accepted".into(),
            Some(format!("write the path alone: {}", rest.trim_start_matches("//"))),
        )),
        _ => Err((
            format!("{dialect} databases are not supported"),
            Some("name a SQLite file, or postgres://user@host/database".into()),
        )),
    }
}

/// One letter is a drive, not a scheme; so is anything with a separator before the colon.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Database, parse, shown};

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
            assert_eq!(parse(text).map_err(|(message, _)| message), Err(reason.into()), "{text}");
        }
    }
}
