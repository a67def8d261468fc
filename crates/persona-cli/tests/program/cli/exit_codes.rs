//! The exit codes of the program, compared with those in the documents.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};

use persona_server::exit_code::ExitCode;
use rustix::process::Signal;

use crate::common::runner::Folder;
use crate::common::{Server, signal};

const OPERATIONS: &str = include_str!("../../../../../docs/operations.md");
const MOVING: &str = include_str!("../../../../../docs/moving.md");
const DOCTOR: &str = include_str!("../../../../../docs/doctor.md");

/// The codes in the first table under this heading.
fn documented(page: &str) -> BTreeSet<u8> {
    let table = page
        .lines()
        .skip_while(|line| !(line.contains("| code |") || line.contains("| exit code | meaning |")))
        .skip(2);
    table
        .map_while(|line| line.strip_prefix("| ")?.split_once(" |"))
        .map(|(code, _)| code.parse().expect("a number"))
        .collect()
}

#[test]
fn the_documents_name_every_code_and_no_other() {
    assert_eq!(documented(OPERATIONS), ExitCode::ALL.map(ExitCode::number).into());
    for (name, page) in [("moving", MOVING), ("doctor", DOCTOR)] {
        assert!(!documented(page).is_empty(), "{name} has a table");
        assert!(
            documented(page).is_subset(&documented(OPERATIONS)),
            "{name}: {:?}",
            documented(page)
        );
    }
}

/// The code of a failed disk needs a disk that fails: the tests of faults see it.
const SEEN_ELSEWHERE: [u8; 1] = [74];

#[test]
fn every_code_that_is_documented_is_seen() {
    let server = Server::with_workers(1).start();
    let database = server.database().display().to_string();
    let folder = Folder::with_personas(&[&["Ada"]])
        .file("copy.db", "no database")
        .file("cut.json", "[{\"name\":");
    assert_eq!(folder.run(&["backup", "good.db"]).code, 0);
    let mut seen: BTreeMap<u8, String> = BTreeMap::new();
    for arguments in [
        &["list"] as &[&str],
        &["import", "cut.json"],
        &["list", "--limit", "0"],
        &["show", "Zeus"],
        &["backup", "good.db"],
        &["check", "copy.db"],
        &["list", "--server", "http://127.0.0.1:9"],
        &["restore", "good.db", "--database", &database],
    ] {
        let ran = folder.run(arguments);
        seen.insert(u8::try_from(ran.code).expect("no signal"), format!("{arguments:?}"));
    }
    let mut top = folder
        .command(&["top", "--server", &format!("http://{}", server.address())])
        .spawn()
        .expect("the built program");
    let mut line = String::new();
    BufReader::new(top.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    assert!(signal(top.id(), Signal::INT));
    seen.insert(
        u8::try_from(top.wait().expect("a child").code().expect("no signal")).expect("a code"),
        "top and Ctrl-C".into(),
    );
    let expected = documented(OPERATIONS).into_iter().filter(|code| !SEEN_ELSEWHERE.contains(code));
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{seen:?}");
}

#[test]
fn a_flag_or_text_that_the_api_refuses_is_a_wrong_command_line() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    for arguments in [
        &["--sort", "bogus"][..],
        &["--kind", "robot"],
        &["--updated-since", "yesterday"],
        &["!!!"],
    ] {
        let ran = folder.run(&[&["list"], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}: {ran}");
    }
    let ran = folder.run(&["create", "--set", "=x"]);
    assert!(ran.code == 2 && ran.stderr.contains("names no field"), "{ran}");
}
