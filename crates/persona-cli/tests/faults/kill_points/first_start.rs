//! The first start of a server, killed.

use std::fs;

use rustix::process::Signal;
use serde_json::json;

use super::TARGET;
use crate::common::personas::create;
use crate::common::report::{Form, report};
use crate::common::{DEADLINE, Process, Server, signal, wait_for};
use crate::ledger::read_whole;
use crate::strace::{Point, is_there, kill_at, traced};

pub fn children_of(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Whether the server below this `strace` has started a worker.
fn has_worker(strace: u32) -> bool {
    let supervisors = children_of(strace);
    supervisors.into_iter().flat_map(Process::children_of).any(|process| process.role == "worker")
}

/// Kills the first start of a server at a call of any of its processes: the next start must serve.
fn first_start_killed_at_every_call(form: Form) {
    if !is_there("first_start_killed_at_every_call") {
        return;
    }
    let mut killed = 0;
    for nth in (1..=60).step_by(form.pick(9, 1)) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = [
            "-o".into(),
            "/dev/null".into(),
            "-e".into(),
            kill_at(&Point { call: "pwrite64".into(), nth }),
        ];
        let arguments = ["serve", "--database", "persona.db", "--port", "0", "--workers", "1"]
            .map(str::to_owned);
        let mut child = traced(folder.path(), &options, &arguments)
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("strace");
        // The server ends by itself when init was killed; otherwise it serves, and is stopped.
        let ended = wait_for("an end or a start", DEADLINE, || {
            let ended = child.try_wait().expect("a child").is_some();
            let serves = fs::metadata(folder.path().join("persona.db"))
                .is_ok_and(|metadata| metadata.len() > 0)
                && has_worker(child.id());
            (ended || serves).then_some(ended)
        });
        killed += usize::from(ended);
        if !ended {
            let supervisor = children_of(child.id());
            assert!(supervisor.iter().any(|pid| signal(*pid, Signal::TERM)));
            wait_for("the end of the server", DEADLINE, || child.try_wait().expect("a child"));
        }
        let server = Server::with_workers(1).in_folder(folder).start();
        create(&mut server.connect(), "first");
        assert_eq!(read_whole(&server.database()).personas.len(), 1);
    }
    assert!(killed > 0, "nothing was killed");
    report(4, "first_start_killed_at_every_call", form, TARGET, &json!({ "killed": killed }));
}

#[test]
fn a_server_starts_the_next_time_wherever_its_first_start_was_killed() {
    first_start_killed_at_every_call(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_server_starts_the_next_time_wherever_its_first_start_was_killed_long() {
    first_start_killed_at_every_call(Form::Long);
}
