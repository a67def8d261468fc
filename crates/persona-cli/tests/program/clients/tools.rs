//! Generators, type checkers and drivers, installed once into the build folder and used again.

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::clients::beside;

/// Installed programs of one language.
pub struct Tools {
    /// The folder of the programs.
    programs: PathBuf,
    folder: PathBuf,
}

impl Tools {
    /// The programs that `requirements.txt` pins; `None` where they cannot be installed, which was
    /// printed then.
    pub fn python() -> Option<Self> {
        Self::python_of("generators of clients for python", &beside("requirements.txt"))
    }

    /// The programs that a file of requirements pins, in a virtual environment; `None` where they
    /// cannot be installed, which was printed then.
    pub fn python_of(what: &str, requirements: &Path) -> Option<Self> {
        let folder = installed(what, &[requirements.to_owned()], |folder| {
            must(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
            let pip = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--requirement",
            ];
            must(Command::new(folder.join("bin/python")).args(pip).arg(requirements))
        })?;
        Some(Self { programs: folder.join("bin"), folder })
    }

    /// The programs that `package-lock.json` pins; `None` where they cannot be installed, which was
    /// printed then.
    pub fn node() -> Option<Self> {
        Self::node_of("generators of clients for node", &beside(""))
    }

    /// The programs that the `package-lock.json` of a folder pins; `None` where they cannot be
    /// installed, which was printed then.
    pub fn node_of(what: &str, place: &Path) -> Option<Self> {
        let pins = ["package.json", "package-lock.json"].map(|name| place.join(name));
        let folder = installed(what, &pins, |folder| {
            for path in &pins {
                let name = path.file_name().expect("a file");
                fs::copy(path, folder.join(name)).map_err(|error| error.to_string())?;
            }
            must(Command::new("node").arg("--version"))?;
            must(
                Command::new("npm")
                    .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
                    .current_dir(folder),
            )
        })?;
        Some(Self { programs: folder.join("node_modules/.bin"), folder })
    }

    /// One of the installed programs, or one of the system.
    pub fn command(&self, name: &str) -> Command {
        let own = self.programs.join(name);
        Command::new(if own.exists() { own } else { name.into() })
    }

    /// The folder in which programs of node find their imports.
    pub fn modules(&self) -> PathBuf {
        self.folder.join("node_modules")
    }
}

/// The folder of an installation by these files. Its name follows from their content, so that
/// another version gets another folder.
fn installed(
    what: &str,
    pins: &[PathBuf],
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    let pinned: Vec<u8> =
        pins.iter().flat_map(|path| fs::read(path).expect("a file of the tests")).collect();
    let version = Sha256::digest(pinned)
        .iter()
        .take(6)
        .fold(0_u64, |version, byte| version << 8 | u64::from(*byte));
    let name = what.replace(' ', "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{version:012x}"));
    let lock = fs::File::create(folder.with_extension("lock")).expect("a lock");
    lock.lock().expect("the other test gives it back");
    if folder.join("complete").exists() {
        return Some(folder);
    }
    // Removes what an interrupted installation left.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    tell(&format!("installing the {what} into {}", folder.display()));
    match install(&folder) {
        Ok(()) => {
            fs::write(folder.join("complete"), "").expect("a file");
            Some(folder)
        }
        Err(why) => {
            skipped(&format!("the {what} cannot be installed: {why}"));
            None
        }
    }
}

/// Prints what is left out; fails the test where nothing may be left out.
#[track_caller]
pub fn skipped(why: &str) {
    #[expect(
        clippy::disallowed_methods,
        reason = "what a developer may leave out continuous integration must not"
    )]
    let insists = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!insists, "{why}");
    tell(&format!("SKIPPED: {why}"));
}

/// Prints to the terminal itself: the output of a test is shown only when the test fails.
fn tell(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

fn must(command: &mut Command) -> Result<(), String> {
    said(command).map(drop)
}

/// The output of a command that succeeded.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if output.status.success() { Ok(text) } else { Err(format!("{command:?} failed: {text}")) }
}

/// Runs a command that must succeed, and returns its output.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    said(command).unwrap_or_else(|why| panic!("{why}"))
}
