//! Runs the program in a folder of its own, with an environment of its own.

#![allow(dead_code, reason = "every test program uses another part")]

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A folder with files, in which the program runs.
pub struct Folder {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// The end of a run and its output. Times, identities and folders are replaced, because they differ
/// from run to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output, which has the results.
    pub stdout: String,
    /// Standard error, which has the messages.
    pub stderr: String,
}

/// The content of a file with this many personas.
pub fn many(count: usize) -> String {
    (0..count)
        .map(|number| format!("{{\"name\":\"Persona {number}\"}}"))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Folder {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), variables: Vec::new() }
    }

    /// A folder with a database of these personas, each made of a name and more flags of `create`.
    pub fn with_personas(personas: &[&[&str]]) -> Self {
        let folder = Self::new();
        for flags in personas {
            let ran = folder.run(&[&["create", "--name"], *flags].concat());
            assert_eq!(ran.code, 0, "{ran}");
        }
        folder
    }

    /// Sets a variable for all later runs.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Writes a file.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a file holds.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file of text")
    }

    /// The names of all files, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().display().to_string())
            .collect();
        names.sort();
        names
    }

    /// The program, ready to run; a command that may make a new database gets the flag for that.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let may_make = matches!(arguments.first(), Some(&"create" | &"import"));
        self.command_as_typed(&[arguments, if may_make { &["--create"] } else { &[] }].concat())
    }

    /// The program with these arguments and no others.
    pub fn command_as_typed(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program with empty standard input.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"")
    }

    /// Runs the program with this as standard input.
    pub fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut child =
            self.command(arguments).stdin(Stdio::piped()).spawn().expect("the built program");
        // A program that does not read its input may end before all of it is written.
        drop(child.stdin.take().expect("a pipe").write_all(stdin));
        let output = child.wait_with_output().expect("a child");
        let text =
            |bytes: Vec<u8>| redacted(&String::from_utf8(bytes).expect("text"), self.folder.path());
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs the program and returns its standard output unchanged.
    pub fn results(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the built program");
        let [results, messages] =
            [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n--- results\n{results}--- messages\n{messages}",
            output.status
        );
        String::from_utf8(output.stdout).expect("text")
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "exit code {}\n--- results\n{}--- messages\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

fn redacted(text: &str, folder: &Path) -> String {
    let text = text
        .replace(folder.to_str().expect("a path of text"), "[folder]")
        .replace(env!("CARGO_PKG_VERSION"), "[version]");
    let text = replace_shaped(&text, "00000000-0000-0000-0000-000000000000", "[id]");
    let text = replace_shaped(&text, "0000-00-00T00:00:00.000000Z", "[time]");
    let text = replace_shaped(&text, "0000-00-00T00:00:00Z", "[time]");
    let text = replace_between(&text, " in ", " s:", "[took]");
    replace_between(&text, "\"seconds\":", ",", "[took]")
}

/// Replaces the number after these words, and what ends the number.
fn replace_between(text: &str, before: &str, after: &str, name: &str) -> String {
    let mut parts = text.split(before);
    let mut result = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let number = part.trim_start_matches(|char: char| {
            char.is_ascii_digit() || char == '.' || char == 'e' || char == '-'
        });
        result.push_str(before);
        match number.strip_prefix(after) {
            Some(rest) if number.len() < part.len() => {
                result.extend([name, after.trim_start_matches(" s"), rest]);
            }
            _ => result.push_str(part),
        }
    }
    result
}

/// Replaces every text of this shape, in which `0` stands for any hexadecimal digit.
fn replace_shaped(text: &str, shape: &str, name: &str) -> String {
    let fits = |part: &str| {
        part.len() >= shape.len()
            && part.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_hexdigit(),
                _ => byte == wanted,
            })
    };
    let (mut result, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        if fits(rest) {
            result.push_str(name);
            rest = &rest[shape.len()..];
        } else {
            result.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    result
}
