//! What follows `sqlite:` in the name of a database: one meaning for settings, commands and
//! `persona move`.

use std::path::PathBuf;

/// Why a name is refused: what is wrong, and what to do.
pub type Refusal = (String, Option<String>);

/// The file that is named after `sqlite:`; with `is_sqlalchemy` the scheme named a driver, as in
/// `sqlite+aiosqlite:`.
///
/// With slashes the forms differ between libraries: for SQLAlchemy `sqlite:///a/b.db` is relative
/// and four slashes are absolute, for others three are absolute. A wrong guess would serve an empty
/// database without a word, so the form that has two meanings is refused, and those that have one
/// are taken.
///
/// # Errors
///
/// A database in memory, options behind `?`, or the form with two meanings.
pub fn sqlite_file(rest: &str, is_sqlalchemy: bool) -> Result<PathBuf, Refusal> {
    if let Some((path, options)) = rest.split_once('?') {
        let hint = format!(
            "leave out ?{options}; sqlite:{path} has settings of its own in the section [store]"
        );
        return Err(("options of a database URL are not accepted".into(), Some(hint)));
    }
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(with_host) => match with_host.strip_prefix('/') {
            Some(path) if is_sqlalchemy || path.starts_with(['/', '.']) || !path.contains('/') => {
                path
            }
            Some(path) => {
                let message =
                    format!("sqlite:///{path} means {path} to some programs and /{path} to others");
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

/// The refusal of a database in memory.
pub fn in_memory() -> Refusal {
    ("a database in memory cannot be shared by processes".into(), Some("name a file".into()))
}
