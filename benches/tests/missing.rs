//! A machine that lacks something is told so, and nothing that needs it is begun.

use std::path::Path;
use std::process::{Command, Output};

fn run(path: &str, only: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona-bench"));
    command.args(["table", "--quick", "--only", only]).env("PATH", path);
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .expect("the built program")
}

#[test]
fn without_wrk_and_python_both_are_named_and_what_needs_them_is_left_out() {
    for (only, reason) in
        [("reads", "left out: wrk is missing"), ("increments", "left out: python3 is missing")]
    {
        let ended = run("/nonexistent", only);
        let said = String::from_utf8_lossy(&ended.stdout);
        for words in ["apt-get install wrk", "apt-get install python3-venv", reason] {
            assert!(said.contains(words), "{only}: {words} is missing from {said}");
        }
        assert_eq!(ended.status.code(), Some(1), "nothing could be measured");
    }
}

#[test]
fn a_group_that_does_not_exist_is_refused_with_the_names_of_all() {
    let ended = run("/usr/bin:/bin", "nothing");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("reads") && said.contains("store-search"), "{said}");
    assert_eq!(ended.status.code(), Some(1));
}
