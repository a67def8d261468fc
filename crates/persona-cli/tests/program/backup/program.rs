//! Runs the program in a folder, as a user of the machine does beside the server.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output, which has the results.
    pub stdout: String,
    /// Standard error, which has the messages.
    pub stderr: String,
}

impl Ran {
    /// The only result, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// Runs `persona` with these arguments.
pub fn persona(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    let output = command
        .current_dir(folder)
        .env_clear()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the built program");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs `persona` and expects success.
#[track_caller]
pub fn succeed(folder: &Path, arguments: &[&str]) -> Ran {
    let ran = persona(folder, arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    ran
}
