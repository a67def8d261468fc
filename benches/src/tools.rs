//! The programs of others that a run needs; each may be missing, and the rest of the run goes on.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What was found.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Makes the load.
    pub wrk: Option<PathBuf>,
    /// Runs the reference stack.
    pub python: Option<PathBuf>,
}

impl Tools {
    /// Looks for everything and says what is missing, and what will be left out because of it.
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
    // Asked by its name, so that PATH decides, as it will when the program is run.
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
    fn a_program_that_nobody_has_is_missing_and_one_that_everybody_has_is_not() {
        assert_eq!(find("a-program-that-nobody-has"), None);
        assert_eq!(find("cargo"), Some("cargo".into()));
    }
}
