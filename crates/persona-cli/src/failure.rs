//! How a command fails: message, causes, hint, and the exit code.

use std::error::Error;
use std::fmt::{Display, Write};

use persona_server::backend::DatabaseError;
use persona_server::config::ConfigError;
use persona_server::exit_code::ExitCode;
use persona_server::process_table;
use serde_json::{Value, json};

/// The failure of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The exit code of the program.
    pub code: ExitCode,
    /// What failed, as a sentence fragment; empty if the command has already printed everything.
    pub message: String,
    /// The causes, the nearest first.
    pub causes: Vec<String>,
    /// What the user can do, the most promising first.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure with a message.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// The failure of a command that has already printed everything.
    pub fn silent(code: ExitCode) -> Self {
        Self::new(code, "")
    }

    /// Adds a cause.
    pub fn because(mut self, cause: impl Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// The same failure as the cause of this one.
    pub fn about(mut self, what: impl Into<String>) -> Self {
        let cause = std::mem::replace(&mut self.message, what.into());
        self.causes.insert(0, cause);
        self
    }

    /// Adds a hint on what the user can do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The failure for an invalid command line: the first line of the parser's message is the
    /// message, and its tips are hints.
    pub fn usage(error: &clap::Error) -> Self {
        let text = error.to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = lines.next().map_or("", |line| line.strip_prefix("error: ").unwrap_or(line));
        let mut failure = Self::new(ExitCode::Usage, message);
        for line in lines {
            match line.split_once(": ") {
                Some(("tip", tip)) => failure.hints.push(tip.into()),
                Some(("Usage", usage)) => failure.hints.push(format!("usage: {usage}")),
                _ if line.starts_with("For more information") => {}
                // The parser lists missing arguments on separate lines.
                _ => failure.causes.push(line.into()),
            }
        }
        failure
    }

    /// The failure for an error of input or output. A closed pipe (`persona list | head`) is no
    /// failure.
    pub fn io(what: impl Into<String>, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::silent(ExitCode::Ok),
            std::io::ErrorKind::NotFound => Self::new(ExitCode::NotFound, what).because(error),
            _ => Self::new(ExitCode::Failure, what).because(error),
        }
    }

    /// The failure for a database that cannot be used.
    pub fn start(error: &DatabaseError) -> Self {
        let mut failure = Self::new(error.exit_code(), error.to_string());
        // The process that holds a file is mostly a child of a server; the server is what the user
        // must stop.
        if let Some(server) = error.holder().and_then(process_table::server_of) {
            write!(failure.message, ", of the server with the process number {server}")
                .expect("writing into a string succeeds");
            failure
                .hints
                .push(format!("stop the server: kill -TERM {server}; nothing was changed"));
        } else {
            failure.hints.extend(error.hint());
        }
        let mut cause = error.source();
        while let Some(error) = cause {
            // Messages that already end with their cause need not say it twice.
            if !failure.message.contains(&error.to_string()) {
                failure.causes.push(error.to_string());
            }
            cause = error.source();
        }
        failure
    }

    /// The failure as JSON.
    pub fn to_json(&self) -> Value {
        json!({ "error": { "message": self.message, "causes": self.causes, "hints": self.hints, "exit_code": self.code.number() } })
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hints: Vec<String> =
            error.problems.iter().filter_map(|problem| problem.hint.clone()).collect();
        let mut problems =
            error.problems.iter().map(|problem| format!("{}: {}", problem.origin, problem.message));
        let (message, causes) = match error.problems.len() {
            1 => (problems.next().unwrap_or_default(), Vec::new()),
            many => (format!("{many} settings cannot be used"), problems.collect()),
        };
        Self { code: ExitCode::Config, message, causes, hints }
    }
}
