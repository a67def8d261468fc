//! The access token that a command sends to a server: read from a file, standard input, a variable
//! or the credentials of systemd. It is never the value of a flag, which every user of the machine
//! can read in the list of processes.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use http::HeaderValue;
use persona_server::config::{Environment, Hidden, TOKEN_VARIABLE, TokenPlace};
use persona_server::exit_code::ExitCode;
use persona_storage::{TokenSecret, hide_token_secrets};

use crate::failure::Failure;

/// Most bytes that are read to find a token: more than a token with blanks around it has.
const TOKEN_BYTES_MAX: u64 = 256;

/// A token, ready to be sent. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(HeaderValue);

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(..)")
    }
}

impl Token {
    /// The token that a command has for a server; `None` where there is none. A server with a name
    /// in the settings may have a file of its own.
    ///
    /// # Errors
    ///
    /// The named file cannot be read, or its text is no token.
    pub fn find(
        of_profile: Option<&Path>,
        environment: &Environment,
    ) -> Result<Option<Self>, Failure> {
        let secret = match environment.token(of_profile) {
            TokenPlace::None => return Ok(None),
            TokenPlace::Variable(Hidden(text)) => parse(&text, TOKEN_VARIABLE)?,
            TokenPlace::File(file) => token_in(&file)?,
        };
        Ok(Some(Self::of(&secret)))
    }

    /// Makes a token to send.
    pub(super) fn of(secret: &TokenSecret) -> Self {
        let mut value = HeaderValue::try_from(format!("Bearer {}", secret.expose()))
            .expect("a token is visible ASCII");
        // Debug output of requests must not show the token.
        value.set_sensitive(true);
        Self(value)
    }

    /// The value of `Authorization` (RFC 6750, section 2.1).
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// The token in a file; `-` is standard input.
fn token_in(file: &Path) -> Result<TokenSecret, Failure> {
    let shown = format!("the token file {}", file.display());
    let unreadable = |error| Failure::io(format!("could not read {shown}"), &error);
    if file == Path::new("-") {
        let line = line_of(io::stdin().lock())
            .map_err(|error| Failure::io("could not read standard input", &error))?;
        return parse(&line, "standard input");
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if matches!(hide_token_secrets(&name), Cow::Owned(_)) && !file.exists() {
        let message = "the name of the token file is a token itself";
        return Err(Failure::new(ExitCode::Usage, message).hint(
            "name a file that has the token in it; a flag can be read by every user of this \
             machine, so give the token a new secret with `persona token rotate`",
        ));
    }
    let mut text = String::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(TOKEN_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    parse(&text, &shown)
}

fn parse(text: &str, place: &str) -> Result<TokenSecret, Failure> {
    TokenSecret::parse(text.trim()).map_err(|bad| {
        Failure::new(ExitCode::Usage, format!("what {place} has {bad}"))
            .hint("`persona token create` makes a token and prints it once")
    })
}

/// Reads the first line, byte by byte, because the input behind it is for the command itself.
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
    use std::path::Path;

    use persona_server::config::Environment;
    use persona_storage::TokenSecret;

    use super::{Token, line_of};

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_strongest_place_counts_and_no_text_of_an_error_has_a_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let [flag, profile, variable, credential] =
            [(); 4].map(|()| TokenSecret::random().expect("random numbers"));
        let file = |name: &str, secret: &TokenSecret| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("{}\n", secret.expose())).expect("written");
            path
        };
        let (of_flag, of_profile) = (file("flag", &flag), file("profile", &profile));
        file("persona-token", &credential);
        let credentials = ("CREDENTIALS_DIRECTORY", folder.path().to_str().expect("UTF-8"));
        let is = |profile: Option<&Path>, environment: &Environment, secret: &TokenSecret| {
            let found = Token::find(profile, environment).expect("a token");
            assert_eq!(found, Some(Token::of(secret)));
        };
        assert_eq!(Token::find(None, &environment(&[])), Ok(None));
        is(None, &environment(&[credentials]), &credential);
        let both = environment(&[credentials, ("PERSONA_TOKEN", variable.expose())]);
        is(None, &both, &variable);
        is(Some(&of_profile), &both, &profile);
        is(Some(&of_profile), &both.clone().with_token_file(Some(of_flag)), &flag);
        assert!(Token::find(Some(&folder.path().join("none")), &both).is_err());
        let broken = format!("{}0", variable.expose());
        let failure = Token::find(None, &environment(&[("PERSONA_TOKEN", &broken)]))
            .expect_err("it is too long");
        let token = Token::of(&variable);
        let texts = format!("{failure:?} {both:?} {:?} {token:?}", both.token(None));
        let texts = format!("{texts} {:?}", token.header());
        assert!(!texts.contains(variable.expose()), "{texts}");
    }

    #[test]
    fn a_token_in_the_place_of_its_file_is_not_shown() {
        let secret = TokenSecret::random().expect("random numbers");
        for name in [secret.expose().to_owned(), format!("/tmp/{}", &secret.expose()[..45])] {
            let flag = environment(&[]).with_token_file(Some(name.clone().into()));
            let refused = Token::find(None, &flag).expect_err("no such file");
            assert!(!format!("{refused:?}").contains(&secret.expose()[..45]), "{refused:?}");
            assert!(refused.message.ends_with("is a token itself"), "{refused:?}");
        }
    }

    #[test]
    fn what_follows_the_first_line_is_left_for_the_command() {
        let mut input = &b"psk_1\n{}"[..];
        assert_eq!(line_of(&mut input).expect("readable"), "psk_1");
        assert_eq!(input, b"{}");
    }
}
