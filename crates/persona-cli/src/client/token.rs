//! The access token that a command sends to a server: read from a file, standard input, a variable
//! or the credentials of systemd. Never from the value of a flag, which every user of the machine
//! can read in the list of processes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use http::HeaderValue;
use persona_server::config::{Environment, Hidden, TOKEN_VARIABLE, TokenPlace};
use persona_server::exit_code::ExitCode;
use persona_storage::TokenSecret;

use crate::failure::Failure;

/// Most bytes that are read to find a token: more than one has, with blanks around it.
const TOKEN_BYTES_MAX: u64 = 256;

/// The token for servers; `None` where there is none.
///
/// # Errors
///
/// What is there is no token, or cannot be read.
pub fn token_of(environment: &Environment) -> Result<Option<TokenSecret>, Failure> {
    match environment.token() {
        TokenPlace::None => Ok(None),
        TokenPlace::Variable(Hidden(text)) => parse(&text, TOKEN_VARIABLE).map(Some),
        TokenPlace::File(file) => token_in(&file).map(Some),
    }
}

/// The token in a file; `-` is standard input.
///
/// # Errors
///
/// As for [`token_of`].
pub fn token_in(file: &Path) -> Result<TokenSecret, Failure> {
    let shown = format!("the token file {}", file.display());
    let unreadable = |error| Failure::io(format!("could not read {shown}"), &error);
    if file == Path::new("-") {
        let line = line_of(io::stdin().lock())
            .map_err(|error| Failure::io("could not read standard input", &error))?;
        return parse(&line, "standard input");
    }
    let mut text = String::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(TOKEN_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    parse(&text, &shown)
}

/// The value of `Authorization` with this token.
pub fn bearer(token: &TokenSecret) -> HeaderValue {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .expect("a token is visible ASCII");
    // Not in debug texts of requests.
    value.set_sensitive(true);
    value
}

fn parse(text: &str, place: &str) -> Result<TokenSecret, Failure> {
    TokenSecret::parse(text.trim()).map_err(|bad| {
        Failure::new(ExitCode::Usage, format!("what {place} has {bad}"))
            .hint("`persona token create` makes a token and prints it once")
    })
}

/// The first line, byte by byte: what follows is for the command itself.
fn line_of(mut input: impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while (line.len() as u64) < TOKEN_BYTES_MAX && input.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use persona_server::config::Environment;
    use persona_storage::TokenSecret;

    use super::{bearer, line_of, token_of};

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_strongest_place_counts_and_no_text_of_an_error_has_a_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let [flag, variable, credential] =
            [(); 3].map(|()| TokenSecret::random().expect("random numbers"));
        let file = folder.path().join("token");
        std::fs::write(&file, format!("{}\n", flag.expose())).expect("written");
        std::fs::write(folder.path().join("persona-token"), credential.expose()).expect("written");
        let credentials = folder.path().to_str().expect("UTF-8");
        let none = environment(&[]);
        assert_eq!(token_of(&none), Ok(None));
        let systemd = environment(&[("CREDENTIALS_DIRECTORY", credentials)]);
        assert_eq!(token_of(&systemd), Ok(Some(credential)));
        let both = environment(&[
            ("CREDENTIALS_DIRECTORY", credentials),
            ("PERSONA_TOKEN", variable.expose()),
        ]);
        assert_eq!(token_of(&both), Ok(Some(variable.clone())));
        let all = both.clone().with_token_file(Some(file));
        assert_eq!(token_of(&all), Ok(Some(flag)));
        let broken = format!("{}0", variable.expose());
        let failure =
            token_of(&environment(&[("PERSONA_TOKEN", &broken)])).expect_err("it is too long");
        let texts = format!("{failure:?} {both:?} {:?} {:?}", both.token(), bearer(&variable));
        assert!(!texts.contains(variable.expose()), "{texts}");
    }

    #[test]
    fn what_follows_the_first_line_is_left_for_the_command() {
        let mut input = &b"psk_1\n{}"[..];
        assert_eq!(line_of(&mut input).expect("readable"), "psk_1");
        assert_eq!(input, b"{}");
    }
}
