//! Figures of the tests: printed, and gathered as JSON lines in the file that
//! `PERSONA_FAULT_REPORT` names.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

/// How much a test does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Seconds; runs for every change.
    Short,
    /// Minutes to hours; runs before a release.
    Long,
}

impl Form {
    /// The value for this form.
    pub fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }
}

/// Reports the figures of a test and their target at full length. `number` is the number of the
/// test in the table of the documents.
pub fn report(number: u32, test: &str, form: Form, target: &str, figures: &Value) {
    let form = form.pick("short", "long");
    println!("fault {number} {test} ({form}): {figures}; target: {target}");
    let line = json!({ "number": number, "test": test, "form": form, "target": target, "figures": figures });
    if let Some(path) = variable("PERSONA_FAULT_REPORT") {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the report can be written");
        writeln!(file, "{line}").expect("the report can be written");
    }
}

/// A variable of the environment that steers the tests themselves.
pub fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no configuration; the program under test never sees this"
    )]
    std::env::var(name).ok()
}

/// Prints that a test could not run. In continuous integration that is a failure.
#[track_caller]
pub fn skip(test: &str, why: &str) {
    assert!(variable("CI").is_none_or(|value| value != "true"), "{test} cannot run: {why}");
    eprintln!("SKIPPED {test}: {why}");
}

/// Milliseconds with one digit after the point.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
