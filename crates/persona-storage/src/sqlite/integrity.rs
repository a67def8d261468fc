//! The checks of SQLite itself: pages, indexes, references.

use std::sync::Arc;

use super::connection::{self, Purpose};
use super::{Settings, StartError};
use crate::NoObserver;

/// Most problems that are reported; a broken file has as many as anybody wants to read.
const PROBLEMS_MAX: usize = 100;

/// Reads the whole file and tells what is wrong with it; nothing, when it is sound.
///
/// # Errors
///
/// The file cannot be opened, or is so broken that the check itself fails.
pub fn integrity_problems(settings: &Settings) -> Result<Vec<String>, StartError> {
    let connection = connection::open(settings, Purpose::Read, Arc::new(NoObserver))?;
    let read = || -> rusqlite::Result<Vec<String>> {
        let mut problems = Vec::new();
        let mut statement = connection.prepare("PRAGMA integrity_check")?;
        for line in statement.query_map([], |row| row.get::<_, String>(0))?.take(PROBLEMS_MAX) {
            problems.extend(Some(line?).filter(|line| line != "ok"));
        }
        let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
        for table in statement.query_map([], |row| row.get::<_, String>(0))?.take(PROBLEMS_MAX) {
            problems.push(format!("a row of {} refers to nothing", table?));
        }
        Ok(problems)
    };
    read().map_err(|error| StartError::from_driver(&settings.path, error))
}
