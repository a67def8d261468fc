//! The author of a change that the command line makes, and what the author says of it.

use http::HeaderName;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;

use crate::client::Api;
use crate::failure::Failure;

/// The headers that name the author, the one that was given, else the login name, else none, and
/// the note, if there is one. With a token the author is the token's name unless another one was
/// given, which not every token permits.
///
/// # Errors
///
/// What was given holds a control character, which no header can.
pub fn headers(
    given: Option<&str>,
    note: Option<&str>,
    api: &Api,
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
        None if api.has_token() => None,
        None => environment.login_name().filter(is_plain),
    };
    if note.is_some_and(|note| !is_plain(&note)) {
        return Err(Failure::new(
            ExitCode::Usage,
            "--note must be text of one line without control characters",
        ));
    }
    let header = |name, text: &str| (HeaderName::from_static(name), text.to_owned());
    let author = author.map(|name| header("x-persona-author", name));
    Ok(author.into_iter().chain(note.map(|note| header("x-persona-note", note))).collect())
}
