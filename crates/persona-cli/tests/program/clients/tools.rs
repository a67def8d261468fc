//! The generators and type checkers, installed once into the build folder and used again.

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
        let folder = installed("python", &["requirements.txt"], |folder| {
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
        let folder = installed("node", &["package.json", "package-lock.json"], |folder| {
            for name in ["package.json", "package-lock.json"] {
                fs::copy(beside(name), folder.join(name)).map_err(|error| error.to_string())?;
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
    language: &str,
    pins: &[&str],
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    let pinned: Vec<u8> =
        pins.iter().flat_map(|name| fs::read(beside(name)).expect("a file of the tests")).collect();
    let version = Sha256::digest(pinned)
        .iter()
        .take(6)
        .fold(0_u64, |version, byte| version << 8 | u64::from(*byte));
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clients-{language}-{version:012x}"));
    let lock = fs::File::create(folder.with_extension("lock")).expect("a lock");
    lock.lock().expect("the other test gives it back");
    if folder.join("complete").exists() {
        return Some(folder);
    }
    // What an installation that was broken off left behind.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    tell(&format!("installing the generators of clients for {language} into {}", folder.display()));
    match install(&folder) {
        Ok(()) => {
            fs::write(folder.join("complete"), "").expect("a file");
            Some(folder)
        }
        Err(why) => {
            #[expect(
                clippy::disallowed_methods,
                reason = "what a developer may leave out continuous integration must not"
            )]
            let insists = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(
                !insists,
                "the generators of clients for {language} cannot be installed: {why}"
            );
            tell(&format!(
                "SKIPPED: the generators of clients for {language} cannot be installed: {why}"
            ));
            None
        }
    }
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
