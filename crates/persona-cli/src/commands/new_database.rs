//! A database file that does not exist yet: created only if the user allows it, because a wrong
//! folder or name would otherwise silently become a second, nearly empty store.

use persona_server::config::{Environment, load};
use persona_server::exit_code::ExitCode;
use persona_storage::sqlite::is_there;

use super::arguments::Target;
use super::target::{flags_of, server_hint};
use crate::failure::Failure;
use crate::terminal::{Output, can_be_asked, confirmed};

/// Allows a command to create a new database file, if a flag says so or the user agrees.
///
/// # Errors
///
/// No flag allows it, and the user could not be asked or refused.
pub async fn allow(
    target: &Target,
    may_make: bool,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    if may_make || target.server.is_some() {
        return Ok(());
    }
    // The warnings of the settings are printed when the database is opened.
    let config = load(&flags_of(target), environment)?.config;
    let is_remote = target.database.is_none() && config.server.is_some();
    let Some(file) = config.database.file().filter(|file| !is_remote && !is_there(file)) else {
        return Ok(());
    };
    let shown = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let missing = format!("there is no database {}", shown.display());
    let server = server_hint(&config);
    if can_be_asked() && !output.is_json() {
        let hint = server.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
        if confirmed(format!("{missing}\n{hint}Make a new one there?"), false).await? {
            return Ok(());
        }
        return Err(Failure::new(ExitCode::NotFound, "nothing was made"));
    }
    let failure = Failure::new(ExitCode::NotFound, missing)
        .hint("add --create to make a new one there, or name another with --database");
    Err(server.into_iter().fold(failure, Failure::hint))
}
