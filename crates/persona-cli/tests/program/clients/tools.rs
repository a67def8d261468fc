//! Generators, type checkers and drivers, installed once into the build folder and used again.

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::clients::beside;

/// Installed programs of one language.
pub struct Tools {
    /// Where their programs lie.
    programs: PathBuf,
    folder: PathBuf,
}

impl Tools {
    /// What `requirements.txt` pins, in a virtual environment; `None` where it cannot be had, which
    /// was told then.
    pub fn python() -> Option<Self> {
        let pins = [beside("requirements.txt")];
        let folder = installed("generators of clients for python", &pins, |folder| {
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
            must(Command::new(folder.join("bin/python")).args(pip).arg(beside("requirements.txt")))
        })?;
        Some(Self { programs: folder.join("bin"), folder })
    }

    /// What `package-lock.json` pins; `None` where it cannot be had, which was told then.
    pub fn node() -> Option<Self> {
        Self::node_of("generators of clients for node", &beside(""))
    }

    /// What the `package-lock.json` of a folder pins; `None` where it cannot be had, which was told
    /// then.
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

    /// One of the programs, or one that the system has.
    pub fn command(&self, name: &str) -> Command {
        let own = self.programs.join(name);
        Command::new(if own.exists() { own } else { name.into() })
    }

    /// Where programs of node find what they import.
    pub fn modules(&self) -> PathBuf {
        self.folder.join("node_modules")
    }
}

/// The folder with these files' contents installed. It is named by them, so that another version is
/// another folder.
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
    // What an installation that was broken off left behind.
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

/// Tells what is left out, which is a failure where nothing may be left out.
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

/// To the terminal itself: what a test prints is shown only when it fails.
fn tell(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

fn must(command: &mut Command) -> Result<(), String> {
    said(command).map(drop)
}

/// What a command wrote that ended well.
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

/// Runs a command that must end well, and tells what it said.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    said(command).unwrap_or_else(|why| panic!("{why}"))
}
