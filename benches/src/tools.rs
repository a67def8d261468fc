//! The external programs that a run needs. Each may be missing; the rest of the run goes on.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The programs that were found.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The path of wrk, which makes the load.
    pub wrk: Option<PathBuf>,
    /// The path of Python, which runs the reference stack.
    pub python: Option<PathBuf>,
}

impl Tools {
    /// Looks for every program, and prints which are missing and what is left out because of that.
    pub fn find() -> Self {
        let tools = Self { wrk: find("wrk"), python: find("python3") };
        if tools.wrk.is_none() {
            println!(
                "wrk is missing (apt-get install wrk): every row over HTTP under load is left out"
            );
        }
        if tools.python.is_none() {
            println!(
                "python3 is missing (apt-get install python3-venv): the rows of the reference stack are left out"
            );
        }
        tools
    }
}

fn find(name: &str) -> Option<PathBuf> {
    // The program is asked by its name, so that PATH decides, as when it is run later.
    let answered = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    answered.is_ok().then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_program_that_no_system_has_is_missing_and_one_that_every_system_has_is_not() {
        assert_eq!(find("a-program-that-nobody-has"), None);
        assert_eq!(find("cargo"), Some("cargo".into()));
    }
}
