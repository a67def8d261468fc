//! Writes results and messages.

use std::fmt::Write as _;
use std::io::{self, Stderr, Stdout, Write};

use persona_server::secrets::without_secrets;
use serde_json::Value;

use super::harmless::harmless_json;
use crate::failure::Failure;

/// The meaning of a piece of text, from which its colour follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// A hint on what to do.
    Hint,
    /// A heading.
    Strong,
    /// Text that matters less.
    Dim,
    /// Text that a change removed.
    Removed,
    /// Text that a change added.
    Added,
    /// Words that a change removed within a line.
    RemovedWord,
    /// Words that a change added within a line.
    AddedWord,
}

/// How results and messages are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Format {
    /// Results and failures are JSON.
    pub json: bool,
    /// Only results and failures are written.
    pub quiet: bool,
    /// Messages have colours.
    pub color: bool,
    /// How wide results may be, in cells, where the user says so.
    pub columns: Option<usize>,
}

/// Standard output for results, standard error for messages.
#[derive(Debug)]
pub struct Output {
    stdout: Stdout,
    stderr: Stderr,
    format: Format,
}

impl Output {
    /// Output in this format.
    pub fn new(format: Format) -> Self {
        Self { stdout: io::stdout(), stderr: io::stderr(), format }
    }

    /// Whether results are JSON.
    pub fn is_json(&self) -> bool {
        self.format.json
    }

    /// Whether only results and errors are wanted.
    pub fn is_quiet(&self) -> bool {
        self.format.quiet
    }

    /// Writes one line of result.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written; a closed pipe ends the program quietly.
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

    /// Writes a result that is JSON text already, such as an answer of the API, as one line.
    ///
    /// # Errors
    ///
    /// As for [`Output::result`].
    pub fn json_text(&self, text: &[u8]) -> Result<(), Failure> {
        self.result(&harmless_json(&String::from_utf8_lossy(text)))
    }

    /// How wide results may be, in cells: what the user says, or the width of the terminal that
    /// they go to. `None` if they go elsewhere, where nothing has to be cut off.
    pub fn columns(&self) -> Option<usize> {
        let terminal = || {
            let size = rustix::termios::tcgetwinsize(&self.stdout).ok()?;
            Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
        };
        self.format.columns.or_else(terminal)
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

    /// Writes a message that must be seen, without the secrets in it. A closed standard error is
    /// ignored: it has no reader.
    pub fn say(&self, message: &str) {
        drop(writeln!(self.stderr.lock(), "{}", without_secrets(message)));
    }

    /// Writes a message that only informs; not when `--quiet`.
    pub fn note(&self, message: &str) {
        if !self.is_quiet() {
            self.say(message);
        }
    }

    /// Writes a warning.
    pub fn warn(&self, message: &str) {
        self.note(&format!("{} {message}", self.paint(Tone::Warning, "warning:")));
    }

    /// Writes why the command failed, unless the command has said everything already.
    pub fn fail(&self, failure: &Failure) {
        if !failure.message.is_empty() {
            self.say(&self.failure_text(failure));
        }
    }

    /// A failure as text, or as one line of JSON, without the secrets in it.
    pub fn failure_text(&self, failure: &Failure) -> String {
        if self.is_json() {
            return failure_as_json(failure);
        }
        let mut text = format!("{} {}", self.paint(Tone::Error, "error:"), failure.message);
        for cause in &failure.causes {
            write!(text, "\n  {} {cause}", self.paint(Tone::Dim, "caused by:"))
                .expect("writing into a string succeeds");
        }
        for hint in &failure.hints {
            write!(text, "\n{} {hint}", self.paint(Tone::Hint, "hint:"))
                .expect("writing into a string succeeds");
        }
        without_secrets(&text).into_owned()
    }

    /// Text in the colour of its tone, where colours are wanted.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Error => "1;31",
            Tone::Warning => "1;33",
            Tone::Hint => "1;36",
            Tone::Strong => "1",
            Tone::Dim => "2",
            Tone::Removed => "31",
            Tone::Added => "32",
            Tone::RemovedWord => "1;7;31",
            Tone::AddedWord => "1;7;32",
        };
        if self.format.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}

/// Writes a failure on standard error, where the command line could not be read and there is no
/// [`Output`] yet.
pub fn print_failure(failure: &Failure) {
    Output::new(Format::default()).fail(failure);
}

/// Writes a failure on standard error as one line of JSON, where the command line could not be read
/// and there is no [`Output`] yet.
pub fn print_failure_as_json(failure: &Failure) {
    // A closed standard error is ignored: it has no reader.
    drop(writeln!(io::stderr().lock(), "{}", failure_as_json(failure)));
}

fn failure_as_json(failure: &Failure) -> String {
    harmless_json(&without_secrets(&failure.to_json().to_string())).into_owned()
}
