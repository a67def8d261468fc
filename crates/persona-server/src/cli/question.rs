//! A question to the user, at a terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use super::failure::Failure;

/// Whether the user can be asked.
pub fn can_be_asked() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on a thread of its own, so that Ctrl-C ends the command while it waits for the answer.
pub async fn confirmed(question: String) -> Result<bool, Failure> {
    let asked = tokio::task::spawn_blocking(move || {
        let mut stderr = io::stderr();
        write!(stderr, "{question}").and_then(|()| stderr.flush())?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    });
    let failed = |error: io::Error| Failure::io("could not ask", &error);
    asked.await.map_err(io::Error::other).and_then(|asked| asked).map_err(failed)
}
