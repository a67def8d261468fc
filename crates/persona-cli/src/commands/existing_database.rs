//! Commands that work on what is there, and make no database: a wrong name is told, and does not
//! become an empty one.

use persona_server::backend;
use persona_server::config::Config;
use persona_server::exit_code::ExitCode;

use crate::failure::Failure;

/// Refuses a database that does not exist. The hint says how another one is named, or made.
///
/// # Errors
///
/// There is no such file, or no personas on the database server, or that cannot be used.
pub fn require(config: &Config, hint: &str) -> Result<(), Failure> {
    if backend::is_made(config).map_err(|error| Failure::start(&error))? {
        return Ok(());
    }
    let what =
        if config.database.file().is_some() { "is no database" } else { "are no personas in" };
    let failure = Failure::new(ExitCode::NotFound, format!("there {what} {}", config.database));
    Err(failure.hint(hint))
}
