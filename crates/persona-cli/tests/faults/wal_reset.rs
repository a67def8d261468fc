//! 13: the WAL-reset race, with its window held open: the SQLite of this program loses nothing, an
//! older version loses a commit.
//!
//! The older version is the control: it proves that the race was run. Both are compiled from the
//! sources of their crates, ours unchanged, with the same program around them
//! (`wal_reset/harness.c`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::common::report::{Form, report};

const TARGET: &str =
    "the control fails on an old library, this one passes; at least 1,000,000 overlaps";

/// The line in the window, in `sqlite3WalCheckpoint`, after which newer sources have the
/// fault-simulation point.
const WINDOW: &str =
    "    /* Copy data from the log to the database file. */\n    if( rc==SQLITE_OK ){\n";
const POINT: &str = "      sqlite3FaultSim(660);\n";

/// The folder with the `sqlite3.c` of the crate that a package depends on.
fn sources(manifest: &Path) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .output()
        .expect("cargo");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let package = packages
        .iter()
        .find(|package| package["name"] == "libsqlite3-sys")
        .expect("a package with SQLite");
    Path::new(package["manifest_path"].as_str().expect("a path")).with_file_name("sqlite3")
}

/// Compiles the harness together with the SQLite of a package.
fn compiled(manifest: &Path, folder: &Path, name: &str) -> PathBuf {
    let (sources, program) = (sources(manifest), folder.join(name));
    let text = fs::read_to_string(sources.join("sqlite3.c")).expect("the source of SQLite");
    assert_eq!(
        text.matches(WINDOW).count(),
        1,
        "the window is not where it was: look at sqlite3WalCheckpoint"
    );
    let text =
        if text.contains(POINT) { text } else { text.replace(WINDOW, &format!("{WINDOW}{POINT}")) };
    fs::write(folder.join(format!("{name}.c")), text).expect("written");
    let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/wal_reset/harness.c");
    let output = Command::new("cc")
        .args(["-O0", "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-I"])
        .arg(&sources)
        .args([&folder.join(format!("{name}.c")), &harness])
        .arg("-o")
        .arg(&program)
        .arg("-lm")
        .output()
        .expect("a C compiler");
    assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    program
}

fn run(program: &Path, rounds: u64) -> Output {
    Command::new(program)
        .arg(program.with_extension("db"))
        .arg(rounds.to_string())
        .output()
        .expect("the harness")
}

fn commits_meet_checkpoints(form: Form) {
    let rounds = form.pick(500, 1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let control = run(
        &compiled(&here.join("tests/faults/wal_reset/old/Cargo.toml"), folder.path(), "old"),
        rounds,
    );
    let said = String::from_utf8_lossy(&control.stdout).into_owned();
    assert!(
        control.status.code() == Some(1) && said.starts_with("lost: "),
        "the control lost nothing: {control:?}"
    );
    let ours = run(&compiled(&here.join("Cargo.toml"), folder.path(), "ours"), rounds);
    let found = String::from_utf8_lossy(&ours.stdout).into_owned();
    let wanted = format!(
        "{rounds} overlaps, nothing lost, SQLite {}",
        persona_storage::sqlite::library_version()
    );
    assert!(ours.status.success() && found.trim() == wanted, "{ours:?}");
    report(
        13,
        "commits_meet_checkpoints",
        form,
        TARGET,
        &json!({ "control": said.trim(), "ours": found.trim() }),
    );
}

#[test]
fn a_commit_inside_a_checkpoint_is_not_lost_as_it_is_by_an_old_library() {
    commits_meet_checkpoints(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_commit_inside_a_checkpoint_is_not_lost_as_it_is_by_an_old_library_long() {
    commits_meet_checkpoints(Form::Long);
}
