//! `persona watch`, over a file and over a server.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::common::personas::{create, patch};
use crate::common::runner::Folder;
use crate::common::{DEADLINE, Server, signal, wait_for};

/// A watch that runs beside the test.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the built program");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, lines }
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("read");
        line.trim_end().to_owned()
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).expect("JSON")
    }

    /// The exit code and the messages of the watch.
    #[track_caller]
    fn end(mut self) -> (Option<i32>, String) {
        let status = wait_for("its end", DEADLINE, || self.child.try_wait().expect("a child"));
        let stderr = self.child.stderr.take().expect("a pipe");
        (status.code(), std::io::read_to_string(stderr).expect("text"))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A watch of a server.
fn of_server(server: &Server, arguments: &[&str]) -> Watch {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    command
        .arg("watch")
        .args(arguments)
        .arg("--server")
        .arg(format!("http://{}", server.address()));
    command.current_dir(server.folder()).env_clear().env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Watch::start(command)
}

#[test]
fn a_file_is_watched_from_its_beginning_and_while_others_write_to_it() {
    let folder = Folder::with_personas(&[&["Ada", "--author=bea"], &["Eve"]]);
    let command = folder.command(&["watch", "--after=0", "--count=3"]);
    let mut watch = Watch::start(command);
    assert!(watch.line().contains(" created "), "the first change");
    watch.line();
    assert_eq!(folder.run(&["update", "Eve", "--set", "nickname=E", "--author=bea"]).code, 0);
    let line = watch.line();
    assert!(line.contains(" updated ") && line.ends_with(" 2 by bea"), "{line}");
    let (code, stderr) = watch.end();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_watch_of_an_owner_tells_of_what_it_has_and_gives_away() {
    let folder = Folder::with_personas(&[&["Ada", "--set=owner=ada"], &["Eve"]]);
    for members in ["owner=bea", "nickname=B"] {
        assert_eq!(folder.run(&["update", "Ada", "--set", members]).code, 0);
    }
    let watched = folder.results(&["watch", "--after=0", "--owner=ada", "--count=2"]);
    let kinds: Vec<&str> = watched.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(kinds, ["created", "updated"], "{watched}");
    let none = folder.results(&["watch", "--after=0", "--owner=", "--count=1"]);
    assert!(none.contains(" created "), "{none}");
}

#[test]
fn a_watch_goes_on_after_a_restart_of_the_server_and_nothing_is_missing() {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    let mut watch = of_server(&server, &["--after=0", "--json"]);
    assert_eq!(watch.json()["kind"], "created");
    let before = server.processes("worker");
    server.signal(Signal::HUP);
    wait_for("new workers", DEADLINE, || {
        let now = server.processes("worker");
        (now.len() == 2 && now.iter().all(|worker| !before.contains(worker))).then_some(())
    });
    let mut client = server.connect();
    for revision in 2..5_u64 {
        let members = serde_json::json!({ "nickname": revision.to_string() });
        assert_eq!(patch(&mut client, &path, &members).expect("an answer").status, 200);
    }
    for revision in 2..5_u64 {
        assert_eq!(watch.json()["revision"], revision);
    }
    assert!(signal(watch.child.id(), Signal::INT));
    let (code, stderr) = watch.end();
    assert_eq!(code, Some(130), "{stderr}");
}

#[test]
fn a_command_gets_each_event_in_turn_and_its_failure_names_where_to_go_on() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    create(&mut client, "Eve");
    let script = "cat; echo $EVENT_SEQUENCE $EVENT_KIND $EVENT_REVISION; test $EVENT_REVISION = 1";
    let mut watch = of_server(&server, &["--after=0", "--exec", script]);
    let first = watch.json();
    assert_eq!(watch.line(), format!("{} created 1", first["sequence"]));
    let second = watch.json();
    watch.line();
    patch(&mut client, &path, &serde_json::json!({ "nickname": "A" })).expect("an answer");
    assert_eq!(watch.json()["kind"], "updated");
    let (code, stderr) = watch.end();
    assert_eq!(code, Some(1), "{stderr}");
    let after = format!("--after {} begins with this event", second["sequence"]);
    assert!(stderr.contains(&after), "{stderr}");
}

#[test]
fn a_command_that_fails_at_its_first_event_is_told_where_to_go_on_too() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    let first = of_server(&server, &["--after=0", "--json"]).json();
    let kept = server.folder().join("kept");
    let script = format!("test -e {} && echo $EVENT_KIND", kept.display());
    let mut watch =
        of_server(&server, &["--after", &first["sequence"].to_string(), "--exec", &script]);
    patch(&mut client, &path, &serde_json::json!({ "nickname": "A" })).expect("an answer");
    let (code, stderr) = watch.end();
    assert_eq!(code, Some(1), "{stderr}");
    let place = stderr.split("--after ").nth(1).and_then(|rest| rest.split(' ').next());
    let place = place.expect("a place").to_owned();
    std::fs::write(kept, "").expect("a file");
    watch = of_server(&server, &["--after", &place, "--count=1", "--exec", &script]);
    assert_eq!(watch.line(), "updated");
}

#[test]
fn a_reader_that_goes_away_ends_the_watch_and_what_is_wrong_is_said() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    create(&mut client, "Ada");
    let mut watch = of_server(&server, &["--after=0"]);
    watch.line();
    let (closed, _) = std::io::pipe().expect("a pipe");
    let lines = BufReader::new(ChildStdout::from(std::os::fd::OwnedFd::from(closed)));
    drop(std::mem::replace(&mut watch.lines, lines));
    let (code, stderr) = watch.end();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let unknown = of_server(&server, &["--kind=renamed"]);
    let (code, stderr) = unknown.end();
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("--kind: must be one of created, updated"), "{stderr}");
}
