//! The forms in which people name a database.

use std::path::PathBuf;

/// Why a name is refused: what is wrong, and what to do.
pub type Refusal = (String, Option<String>);

/// The file that a name means: a path, `sqlite:PATH`, or a URL as SQLAlchemy has them.
///
/// With slashes the forms differ between libraries: for SQLAlchemy `sqlite:///a/b.db` is relative and four slashes are
/// absolute, for others three are absolute. A wrong guess would serve an empty database without a word, so the form
/// that has two meanings is refused, and those that have one are taken.
///
/// # Errors
///
/// Another kind of database, a database in memory, options behind `?`, or a form with two meanings.
pub fn parse(text: &str) -> Result<PathBuf, Refusal> {
    if text.is_empty() {
        return Err(("must name a file".into(), None));
    }
    let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return if text == ":memory:" { Err(in_memory()) } else { Ok(text.into()) };
    };
    let (dialect, driver) = scheme.split_once('+').map_or((scheme, None), |(dialect, driver)| (dialect, Some(driver)));
    match dialect {
        "sqlite" | "sqlite3" => sqlite_path(rest, driver.is_some()),
        "postgres" | "postgresql" => {
            Err(("PostgreSQL is not available in this version".into(), Some("name a SQLite file: a path or sqlite:PATH".into())))
        }
        "file" => Err(("file: URLs are not accepted".into(), Some(format!("write the path alone: {}", rest.trim_start_matches("//"))))),
        _ => Err((format!("{dialect} databases are not supported"), Some("name a SQLite file: a path or sqlite:PATH".into()))),
    }
}

fn sqlite_path(rest: &str, is_sqlalchemy: bool) -> Result<PathBuf, Refusal> {
    if let Some((path, options)) = rest.split_once('?') {
        let hint = format!("leave out ?{options}; sqlite:{path} has settings of its own in the section [store]");
        return Err(("options of a database URL are not accepted".into(), Some(hint)));
    }
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(with_host) => match with_host.strip_prefix('/') {
            Some(path) if is_sqlalchemy || path.starts_with(['/', '.']) || !path.contains('/') => path,
            Some(path) => {
                let message = format!("sqlite:///{path} means {path} to some programs and /{path} to others");
                return Err((message, Some(format!("write sqlite:{path} or sqlite:/{path}"))));
            }
            None => with_host,
        },
    };
    match path {
        "" | ":memory:" => Err(in_memory()),
        _ => Ok(path.into()),
    }
}

fn in_memory() -> Refusal {
    ("a database in memory cannot be shared by processes".into(), Some("name a file".into()))
}

/// One letter is a drive, not a scheme; so is anything with a separator before the colon.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::parse;

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
            assert_eq!(parse(text), Ok(PathBuf::from(path)), "{text}");
        }
    }

    #[test]
    fn a_name_that_means_no_file_of_ours_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "must name a file"),
            (":memory:", "a database in memory cannot be shared by processes"),
            ("sqlite://", "a database in memory cannot be shared by processes"),
            ("sqlite::memory:", "a database in memory cannot be shared by processes"),
            ("sqlite:///srv/persona.db", "sqlite:///srv/persona.db means srv/persona.db to some programs and /srv/persona.db to others"),
            ("sqlite:a.db?mode=ro", "options of a database URL are not accepted"),
            ("postgres://me@db/personas", "PostgreSQL is not available in this version"),
            ("postgresql+asyncpg://me@db/personas", "PostgreSQL is not available in this version"),
            ("mysql://me@db/personas", "mysql databases are not supported"),
            ("file:///srv/a.db", "file: URLs are not accepted"),
        ] {
            assert_eq!(parse(text).map_err(|(message, _)| message), Err(reason.into()), "{text}");
        }
    }
}
