//! The author and the note of a change that the command line makes.

use http::HeaderName;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;

use crate::client::Api;
use crate::failure::Failure;

/// The headers with author and note. The author is the one that was given, else the login name,
/// else none. With a token and no given author, the server uses the name of the token; not every
/// token permits another author.
///
/// # Errors
///
/// Author or note contains a control character, which a header cannot have.
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
