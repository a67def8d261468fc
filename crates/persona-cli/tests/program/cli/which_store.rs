//! The store that a command uses: no database is made by mistake, and a server that is meant is
//! found.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Output, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::common::runner::Folder;
use crate::common::{DEADLINE, Server, wait_for};

fn typed(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        folder.command_as_typed(arguments).output().expect("the built program");
    (status.code(), String::from_utf8([stdout, stderr].concat()).expect("text"))
}

#[test]
fn no_command_makes_a_database_that_it_was_not_told_to_make() {
    let folder = Folder::new().file("one.ndjson", "{\"name\":\"Bob\"}\n");
    let commands: [&[&str]; 5] = [
        &["create", "--name=Ada"],
        &["import", "one.ndjson"],
        &["list"],
        &["update", "Ada", "--set=nickname=x"],
        &["export"],
    ];
    for arguments in commands {
        let (code, said) = typed(&folder, arguments);
        assert_eq!(code, Some(3), "{arguments:?}: {said}");
        assert!(
            said.contains("there is no database")
                && said.contains("--create")
                && said.contains("persona.db"),
            "{said}"
        );
        assert_eq!(folder.files(), ["one.ndjson"], "{arguments:?}");
    }
    assert_eq!(typed(&folder, &["import", "one.ndjson", "--dry-run"]).0, Some(0));
    assert_eq!(folder.files(), ["one.ndjson"]);
    let (code, said) = typed(&folder, &["import", "one.ndjson", "--create"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = typed(&folder, &["create", "--name=Ada"]);
    assert_eq!(code, Some(0), "it is there now: {said}");
}

/// Answers the question of a command at a terminal. Returns the exit code and the content of the
/// screen.
fn answered(folder: &Folder, arguments: &[&str], answer: &str) -> (Option<i32>, String) {
    let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&outside).and_then(|()| unlockpt(&outside)).expect("a terminal");
    let name = ptsname(&outside, Vec::new()).expect("its name").into_string().expect("text");
    let inside = OpenOptions::new().read(true).write(true).open(name).expect("its inside");
    let end = || Stdio::from(inside.try_clone().expect("a descriptor"));
    let mut child = folder
        .command_as_typed(arguments)
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .expect("the built program");
    let mut outside = File::from(outside);
    let mut screen = String::new();
    let mut bytes = [0; 4096];
    while !screen.contains("[y/N]") {
        let count = outside.read(&mut bytes).expect("the terminal is open");
        screen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    outside.write_all(answer.as_bytes()).expect("typed");
    let status = wait_for("the end", DEADLINE, || child.try_wait().expect("a child"));
    (status.code(), screen)
}

#[test]
fn at_a_terminal_it_is_asked_for() {
    let folder = Folder::new();
    let (code, screen) = answered(&folder, &["create", "--name=Ada"], "\n");
    assert_eq!((code, folder.files()), (Some(3), Vec::new()), "{screen}");
    assert!(
        screen.contains("there is no database") && screen.contains("Make a new one there?"),
        "{screen}"
    );
    let (code, screen) = answered(&folder, &["create", "--name=Ada"], "y\n");
    assert_eq!(code, Some(0), "{screen}");
    assert!(folder.files().contains(&"persona.db".to_owned()));
}

#[test]
fn a_server_of_the_settings_is_what_commands_talk_to_and_one_that_runs_is_hinted_at() {
    let server = Server::with_workers(1).start();
    let url = format!("http://{}", server.address());
    let folder = Folder::new().variable("PERSONA_PORT", server.address().port().to_string());
    for arguments in [&["list"][..], &["create", "--name=Ada"], &["import", "-"]] {
        let (code, said) = typed(&folder, arguments);
        assert_eq!(code, Some(3), "{said}");
        assert!(
            said.contains(&format!("--server {url}")) && said.contains("PERSONA_SERVER"),
            "{arguments:?}: {said}"
        );
    }
    let folder = Folder::new().file("persona.toml", format!("[client]\nserver = \"{url}\"\n"));
    let (code, said) = typed(&folder, &["create", "--name=Ada"]);
    assert_eq!(code, Some(0), "{said}");
    for arguments in [&["list"][..], &["health"], &["doctor"]] {
        let (code, said) = typed(&folder, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    }
    assert!(typed(&folder, &["list"]).1.contains("Ada"));
    assert_eq!(
        typed(&folder, &["list", "--database=other.db"]).0,
        Some(3),
        "a database that is named is meant"
    );
    assert!(typed(&folder, &["config", "show", "--origin"]).1.contains("persona.toml:2"));
    assert_eq!(folder.files(), ["persona.toml"]);
    let folder = Folder::new().file("persona.toml", "[client]\nserver = \"ftp://127.0.0.1\"\n");
    let (code, said) = typed(&folder, &["list"]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("client.server must be the URL of a server"), "{said}");
}

#[test]
fn a_named_pipe_is_no_database_and_is_not_waited_for() {
    let folder = Folder::new();
    mknodat(CWD, folder.path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    for command in [&["list", "--database", "pipe"][..], &["check", "pipe"]] {
        let ended = folder.run(command);
        assert!(
            ended.code == 5 && ended.stderr.contains("pipe is not a SQLite database"),
            "{command:?}: {ended}"
        );
    }
}
