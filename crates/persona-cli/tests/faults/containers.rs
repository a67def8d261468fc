//! The program as process 1 of a container: it reaps the processes that others leave behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::common::report::skip;
use crate::common::{DEADLINE, signal, wait_for};

/// The children of a process, by number and state.
fn children_of(parent: u32) -> Vec<(u32, char)> {
    let entries = fs::read_dir("/proc").expect("a mounted /proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let of = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        (fields.next()?.parse() == Ok(parent)).then_some((pid, state))
    };
    pids.filter_map(of).collect()
}

/// Starts a server that is process 1 of a namespace of its own. Returns it and its process number
/// outside.
fn serve_as_process_1(folder: &std::path::Path) -> Option<(Child, u32)> {
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
        env!("CARGO_BIN_EXE_persona"),
        "serve",
        "--port=0",
        "--workers=1",
    ]);
    unshare
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = unshare.spawn().ok()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).ok()?;
    if !line.starts_with("listening on") {
        let _ = child.wait();
        return None;
    }
    let server = children_of(child.id()).first()?.0;
    Some((child, server))
}

#[test]
fn as_process_1_the_supervisor_reaps_processes_that_lost_their_parent() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((mut unshare, server)) = serve_as_process_1(folder.path()) else {
        return skip("process 1", "this user may not make a namespace");
    };
    let before = children_of(server).len();
    let entered = Command::new("nsenter")
        .args([
            "--target",
            &server.to_string(),
            "--pid",
            "--mount",
            "sh",
            "-c",
            "sleep 600 >/dev/null 2>&1 &",
        ])
        .status();
    assert!(entered.expect("nsenter comes with unshare").success());
    let orphan = wait_for("an orphan", DEADLINE, || {
        let children = children_of(server);
        (children.len() == before + 1)
            .then(|| children.iter().map(|(pid, _)| *pid).max().expect("an orphan"))
    });
    signal(orphan, Signal::KILL);
    wait_for("the orphan to be reaped", DEADLINE, || {
        children_of(server).iter().all(|(pid, _)| *pid != orphan).then_some(())
    });
    assert!(children_of(server).iter().all(|(_, state)| *state != 'Z'));
    signal(server, Signal::TERM);
    wait_for("the end of the server", DEADLINE, || unshare.try_wait().expect("a child"));
}
