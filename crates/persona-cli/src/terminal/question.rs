//! A question to the user, at a terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::Failure;

/// Whether the user can be asked.
pub fn can_be_asked() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on a separate thread, so that Ctrl-C ends the command while it waits for the answer. An
/// empty answer counts as `usual`.
pub async fn confirmed(question: String, usual: bool) -> Result<bool, Failure> {
    let asked = tokio::task::spawn_blocking(move || {
        let mut stderr = io::stderr();
        write!(stderr, "{question} {} ", if usual { "[Y/n]" } else { "[y/N]" })
            .and_then(|()| stderr.flush())?;
        let mut answer = String::new();
        // The end of the input counts as no.
        let is_answered = io::stdin().lock().read_line(&mut answer)? > 0;
        Ok(match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => true,
            "" => usual && is_answered,
            _ => false,
        })
    });
    let failed = |error: io::Error| Failure::io("could not ask", &error);
    asked.await.map_err(io::Error::other).and_then(|asked| asked).map_err(failed)
}
