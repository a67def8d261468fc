//! The author of a change that the command line makes.

use http::HeaderName;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;

use crate::failure::Failure;

/// The header that names the author: the one that was given, else the login name, else none.
///
/// # Errors
///
/// The name that was given holds a control character, which no header can.
pub fn header(
    given: Option<&str>,
    environment: &Environment,
) -> Result<Vec<(HeaderName, String)>, Failure> {
    let is_plain = |name: &&str| !name.trim().is_empty() && !name.chars().any(char::is_control);
    let author = match given {
        Some(name) if !is_plain(&name) => {
            return Err(Failure::new(
                ExitCode::Usage,
                "--author must be text without control characters",
            ));
        }
        Some(name) => Some(name),
        None => environment.login_name().filter(is_plain),
    };
    Ok(author
        .map(|name| (HeaderName::from_static("x-persona-author"), name.to_owned()))
        .into_iter()
        .collect())
}
