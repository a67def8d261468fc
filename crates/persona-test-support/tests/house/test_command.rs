//! The command `./test` itself: what it refuses, which tools it reports as missing, and which
//! commands it runs. All commands are stand-ins that record how they were called.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Commands of the system that the script needs to run at all.
const SYSTEM: [&str; 9] = ["sh", "dirname", "basename", "sed", "date", "ls", "mkdir", "rm", "cat"];
/// A compiler and the tools of the tests: stand-ins that succeed.
const TOOLS: [&str; 11] = [
    "cc",
    "strace",
    "mkfs.ext4",
    "mkfs.xfs",
    "mkfs.btrfs",
    "bindfs",
    "chromium-headless-shell",
    "node",
    "npm",
    "python3",
    "openssl",
];

/// A simulated machine that has these commands and no others.
struct Machine {
    folder: TempDir,
    environment: Vec<(&'static str, &'static str)>,
}

impl Machine {
    /// A machine with every tool, an ordinary user, and every subcommand of cargo.
    fn complete() -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a folder"), environment: vec![] };
        for name in SYSTEM {
            let real = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
            let real = real.iter().find(|path| path.exists()).expect("a command of the system");
            symlink(real, machine.folder.path().join(name)).expect("a link");
        }
        for name in TOOLS {
            machine.put(name, "exit 0");
        }
        machine.put("id", "echo 1000");
        machine.put("cargo", "echo \"cargo $*\"");
        machine
    }

    fn put(&self, name: &str, script: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
    }

    fn without(self, name: &str) -> Self {
        fs::remove_file(self.folder.path().join(name)).expect("it was there");
        self
    }

    fn with(self, name: &str, script: &str) -> Self {
        self.put(name, script);
        self
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test");
        let mut command = Command::new("/bin/sh");
        command.arg(script).args(arguments).env_clear().env("PATH", self.folder.path());
        let output = command.envs(self.environment.iter().copied()).output().expect("a shell");
        Ran::of(&output)
    }
}

#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        Self {
            code: output.status.code().expect("no signal"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// The calls of cargo in order, without those that only ask for a version.
    fn cargo(&self) -> Vec<&str> {
        let calls = self.stdout.lines().filter_map(|line| line.strip_prefix("cargo "));
        calls.filter(|call| !call.contains("--version")).collect()
    }
}

#[test]
fn an_unknown_argument_is_refused_before_anything_is_done() {
    let ran = Machine::complete().run(&["--lang"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert_eq!(ran.stderr, "test: unknown argument --lang; try ./test --help\n");
}

#[test]
fn help_names_both_forms_and_does_nothing() {
    let ran = Machine::complete().without("cargo").run(&["--help"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.contains("./test --long"), "{ran:?}");
}

#[test]
fn a_missing_toolchain_or_compiler_is_named_with_how_to_get_it() {
    for (name, cure) in [("cargo", "https://rustup.rs"), ("cc", "apt-get install gcc libc6-dev")] {
        let ran = Machine::complete().without(name).run(&[]);
        assert_eq!(ran.code, 69, "{ran:?}");
        assert!(
            ran.stderr.starts_with(&format!("test: {name} is missing: "))
                && ran.stderr.contains(cure)
                && ran.cargo().is_empty(),
            "{ran:?}"
        );
    }
}

#[test]
fn a_missing_package_is_told_at_the_end_and_everything_else_is_run() {
    let ran = Machine::complete().without("strace").run(&[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let end = ran.stdout.split("left out:").nth(1).expect("what was left out");
    assert!(end.contains("tests that need packages: apt-get install strace"), "{ran:?}");
    assert!(ran.cargo().iter().any(|call| call.starts_with("nextest run")), "{ran:?}");
}

#[test]
fn a_missing_package_is_a_failure_in_continuous_integration() {
    let ran = Machine::complete().without("bindfs").variable("CI", "true").run(&[]);
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(ran.stderr.contains("apt-get install bindfs") && ran.cargo().is_empty(), "{ran:?}");
}

#[test]
fn root_installs_what_is_missing() {
    let machine = Machine::complete().without("strace").with("id", "echo 0");
    let put = format!(
        "case \"$*\" in *strace*) printf '#!/bin/sh\\n' > {0}/strace; chmod +x {0}/strace;; esac",
        machine.folder.path().display()
    );
    let real = ["/bin/chmod", "/usr/bin/chmod"].into_iter().find(|path| Path::new(path).exists());
    symlink(real.expect("a command of the system"), machine.folder.path().join("chmod"))
        .expect("a link");
    let ran = machine.with("apt-get", &put).run(&[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.stderr.contains("tests that need packages"), "{ran:?}");
}

#[test]
fn format_lints_documentation_and_tests_are_run_in_this_order() {
    let ran = Machine::complete().run(&[]);
    let first_words: Vec<&str> =
        ran.cargo().iter().map(|call| call.split(' ').next().expect("a word")).collect();
    assert_eq!(first_words, ["fmt", "clippy", "clippy", "doc", "nextest"], "{ran:?}");
    let long = Machine::complete().run(&["--long"]);
    let last = *long.cargo().last().expect("a call");
    assert!(last.starts_with("nextest run") && last.contains("--run-ignored only"), "{long:?}");
}

#[test]
fn without_nextest_cargo_runs_the_same_tests() {
    let cargo = "[ \"$1\" != nextest ] || exit 101; echo \"cargo $*\"";
    let ran = Machine::complete().with("cargo", cargo).run(&["--long"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let tests: Vec<_> =
        ran.cargo().into_iter().filter(|call| call.starts_with("test --workspace")).collect();
    let [short, long] = tests[..] else { panic!("{ran:?}") };
    assert!(!short.contains("--ignored") && long.ends_with("-- --ignored"), "{ran:?}");
    assert!(ran.stdout.contains("cargo-nextest is not installed"), "{ran:?}");
}

#[test]
fn a_failure_of_any_step_is_the_failure_of_the_whole() {
    for step in
        ["fmt --all", "clippy --workspace", "clippy --package persona-cli", "doc", "nextest run"]
    {
        let cargo = format!("echo \"cargo $*\"; case \"$*\" in \"{step}\"*) exit 101;; esac");
        let ran = Machine::complete().with("cargo", &cargo).run(&[]);
        assert_eq!(ran.code, 101, "{step}: {ran:?}");
        let last = *ran.cargo().last().expect("a call");
        assert!(last.starts_with(step) && !ran.stdout.contains("all passed"), "{ran:?}");
    }
}
