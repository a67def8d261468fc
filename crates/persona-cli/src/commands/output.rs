//! Where results and messages go, and how they look.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Stderr, Stdout, Write};

use serde_json::Value;

use super::api::Reply;
use super::arguments::{Color, Global};
use super::failure::Failure;
use persona_server::config::Environment;

/// Columns that are reckoned with where results do not go to a terminal.
const COLUMNS_UNKNOWN: usize = 80;

/// What a piece of text means; the colour follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// Something failed.
    Error,
    /// Something needs a look.
    Warning,
    /// What to do next.
    Hint,
    /// Headings.
    Strong,
    /// What matters less.
    Dim,
}

/// Standard output for results, standard error for messages.
#[derive(Debug)]
pub struct Output {
    stdout: Stdout,
    stderr: Stderr,
    is_json: bool,
    is_quiet: bool,
    has_color: bool,
}

impl Output {
    /// Output as the user wants it. Colours are for terminals, unless they are asked for or
    /// forbidden.
    pub fn new(global: &Global, environment: &Environment) -> Self {
        let has_color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !environment.forbids_color() && io::stderr().is_terminal(),
        };
        Self {
            stdout: io::stdout(),
            stderr: io::stderr(),
            is_json: global.json,
            is_quiet: global.quiet,
            has_color,
        }
    }

    /// Whether results are JSON.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether only results and errors are wanted.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Writes one line of result.
    ///
    /// # Errors
    ///
    /// Standard output is gone; a closed pipe ends the program quietly.
    pub fn result(&self, line: &str) -> Result<(), Failure> {
        self.bytes(&[line.as_bytes(), b"\n"].concat())
    }

    /// Writes a result as one line of JSON.
    ///
    /// # Errors
    ///
    /// As for [`Output::result`].
    pub fn json(&self, value: &Value) -> Result<(), Failure> {
        self.result(&harmless_json(&value.to_string()))
    }

    /// Writes an answer of the API, which is JSON already, as one line.
    ///
    /// # Errors
    ///
    /// As for [`Output::result`].
    pub fn answer(&self, reply: &Reply) -> Result<(), Failure> {
        self.result(&harmless_json(&String::from_utf8_lossy(reply.body())))
    }

    /// Columns of the terminal that results go to; [`COLUMNS_UNKNOWN`] where they go elsewhere.
    pub fn columns(&self) -> usize {
        let size =
            rustix::termios::tcgetwinsize(&self.stdout).ok().map(|size| usize::from(size.ws_col));
        size.filter(|columns| *columns > 0).unwrap_or(COLUMNS_UNKNOWN)
    }

    /// Writes bytes of result.
    ///
    /// # Errors
    ///
    /// As for [`Output::result`].
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = self.stdout.lock();
        stdout
            .write_all(bytes)
            .and_then(|()| stdout.flush())
            .map_err(|error| Failure::io("could not write the result", &error))
    }

    /// Writes a message that must be seen. A standard error that is gone has nobody to tell.
    pub fn say(&self, message: &str) {
        drop(writeln!(self.stderr.lock(), "{message}"));
    }

    /// Writes a message that only informs; not when `--quiet`.
    pub fn note(&self, message: &str) {
        if !self.is_quiet {
            self.say(message);
        }
    }

    /// Writes a warning.
    pub fn warn(&self, message: &str) {
        self.note(&format!("{} {message}", self.paint(Tone::Warning, "warning:")));
    }

    /// Text in the colour of its tone, where colours are wanted.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Error => "1;31",
            Tone::Warning => "1;33",
            Tone::Hint => "1;36",
            Tone::Strong => "1",
            Tone::Dim => "2",
        };
        if self.has_color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}

/// Text for a terminal: control characters other than line feed and tab are shown instead of
/// obeyed, because a prompt from the internet must not move the cursor or change the title of the
/// window. Nor must it turn the direction of writing, so that what is shown is not what is there
/// (Unicode, annex 9).
pub fn harmless(text: &str) -> String {
    let shown = |char: char| match char {
        '\n' | '\t' => char,
        '\r' => '\u{240d}',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(char)).unwrap_or('\u{fffd}'),
        _ if char.is_control() || turns_direction(char) => '\u{fffd}',
        _ => char,
    };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

/// Whether a character turns the direction in which the characters beside it are written.
fn turns_direction(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON for a terminal too: what steers one is written as an escape, which means the same (RFC
/// 8259, section 7). Outside of strings no such character can stand.
pub fn harmless_json(text: &str) -> Cow<'_, str> {
    let steers = |char: char| matches!(char, '\u{7f}'..='\u{9f}') || turns_direction(char);
    if !text.contains(steers) {
        return text.into();
    }
    text.chars()
        .fold(String::with_capacity(text.len() + 6), |mut json, char| {
            if steers(char) {
                write!(json, "\\u{:04x}", u32::from(char)).expect("writing into a string succeeds");
            } else {
                json.push(char);
            }
            json
        })
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{harmless, harmless_json};

    #[test]
    fn nothing_that_steers_a_terminal_comes_through() {
        assert_eq!(
            harmless("a\x1b[2J\r\nb\u{202e}c\u{2066}\u{9b}\u{200f}d"),
            "a\u{241b}[2J\nb\u{fffd}c\u{fffd}\u{fffd}\u{fffd}d"
        );
        let value = json!({ "name": "b\u{202e}c\u{2069}\u{9b}\u{7f}é" });
        let text = value.to_string();
        let shown = harmless_json(&text);
        assert_eq!(shown, "{\"name\":\"b\\u202ec\\u2069\\u009b\\u007fé\"}");
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), value);
    }
}
