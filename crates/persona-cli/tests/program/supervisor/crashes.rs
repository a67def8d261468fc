//! Processes that die or hang, and how the supervisor reacts.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use crate::common::{DEADLINE, Process, Server, signal, wait_for};

/// How long a killed process may be missing on a busy machine: less than the ten seconds after
/// which a process without a sign of life is noticed, so that a replacement within this time
/// follows from the process's end. That the replacement comes without a pause is tested with a
/// controlled clock (`supervisor/state/tests.rs`), and the second that the documents promise is
/// measured where nothing else runs (`faults`, `kill_loops`).
const REPLACED_WITHIN: Duration = Duration::from_secs(8);

#[test]
fn a_killed_worker_is_replaced_at_once() {
    let server = Server::with_workers(2).start();
    let victim = server.processes("worker").remove(1);
    assert!(signal(victim.pid, Signal::KILL));
    let next = wait_for("a new worker", REPLACED_WITHIN, || {
        server
            .processes("worker")
            .into_iter()
            .find(|process| process.slot == 2 && process.generation == 2)
    });
    assert_ne!(next.pid, victim.pid);
    wait_for("it serves", DEADLINE, || {
        (server.metric("persona_process_restarts_total{slot=\"2\"}") == 1).then_some(())
    });
}

#[test]
fn a_killed_maintenance_process_is_replaced_at_once() {
    let server = Server::with_workers(1).start();
    let victim = server.processes("maintenance").remove(0);
    assert!(signal(victim.pid, Signal::KILL));
    wait_for("a new maintenance process", REPLACED_WITHIN, || {
        server.processes("maintenance").into_iter().find(|process| process.generation == 2)
    });
}

#[test]
fn a_worker_that_hangs_is_killed_and_replaced() {
    let server = Server::with_workers(2).start();
    let victim = server.processes("worker").remove(0);
    assert!(signal(victim.pid, Signal::STOP));
    wait_for("a new worker", DEADLINE, || {
        server
            .processes("worker")
            .into_iter()
            .find(|process| process.slot == 1 && process.generation == 2)
    });
    assert!(!victim.is_alive());
    server.wait_for_log("a process shows no sign of life and is killed");
}

#[test]
fn a_killed_supervisor_leaves_no_process_behind_not_even_a_stopped_one() {
    let server = Server::with_workers(3).start();
    let children = Process::children_of(server.pid());
    assert_eq!(children.len(), 4, "{children:?}");
    assert!(signal(children[1].pid, Signal::STOP));
    server.signal(Signal::KILL);
    wait_for("the end of all children", DEADLINE, || {
        children.iter().all(|child| !child.is_alive()).then_some(())
    });
}

#[test]
fn a_worker_that_cannot_open_the_file_any_more_ends_the_program_with_its_code() {
    let server = Server::with_workers(2).start();
    let victim = server.processes("worker").remove(0);
    // The maintenance process is stopped, because it looks at the schema too, and on a busy machine
    // it ended the server before the worker was killed. A maintenance process that replaces it
    // after a while cannot open the file either.
    assert!(signal(server.processes("maintenance")[0].pid, Signal::STOP));
    let database = rusqlite::Connection::open(server.database()).expect("the database");
    database.pragma_update(None, "user_version", 1_000).expect("a write");
    drop(database);
    // The victim is gone already if that maintenance process came first.
    let _ = signal(victim.pid, Signal::KILL);
    let ended = server.wait();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains("has schema version 1000"), "{}", ended.stderr);
}

#[test]
fn a_worker_that_cannot_be_started_again_ends_the_program_instead_of_an_unwatched_loop() {
    let server = Server::with_workers(1).start();
    // A supervisor that may open no more files has no socket for a new child: every start fails.
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw);
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(3), maximum: Some(3) })
        .expect("a limit may always be lowered");
    assert!(signal(server.processes("worker")[0].pid, Signal::KILL));
    let ended = server.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("a process ended too often right after its start: the server stops"),
        "{}",
        ended.stderr
    );
}

#[test]
fn counters_survive_the_end_of_the_worker_that_counted() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    for _ in 0..5 {
        client.get("/healthz").expect("an answer");
    }
    drop(client);
    let series = "persona_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"2xx\"}";
    let before = server.metric(series);
    assert!(before >= 5, "{before}");
    assert!(signal(server.processes("worker")[0].pid, Signal::KILL));
    wait_for("a new worker", REPLACED_WITHIN, || {
        server.processes("worker").into_iter().find(|process| process.generation == 2)
    });
    assert_eq!(server.metric(series), before);
}
