//! 46: the order of writers over all processes: the next writer holds the turnstile, and a kill of
//! any writer, wherever it waits, holds up no other.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::thread;

use rustix::process::Signal;
use serde_json::json;

use crate::common::personas::{assert_file_is_whole, connect_to_each_worker, create, patch};
use crate::common::report::{Form, report};
use crate::common::{DEADLINE, Server, signal, wait_for};

const WORKERS: u16 = 3;

/// A process that waits for a lock of `flock(2)`.
pub struct Waiter {
    pub pid: u32,
    /// The inode of the locked file.
    pub file: u64,
}

/// Every process that waits for a lock of `flock(2)`, by the system's table of locks.
pub fn flock_waiters() -> Vec<Waiter> {
    let locks = fs::read_to_string("/proc/locks").expect("the system's table of locks");
    // A line like `1: -> FLOCK  ADVISORY  WRITE 30110 fe:00:5349505 0 EOF`.
    let waiter = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "->", "FLOCK", _, _, pid, file, ..] = words.as_slice() else { return None };
        let file = file.rsplit(':').next()?.parse().ok()?;
        Some(Waiter { pid: pid.parse().ok()?, file })
    };
    locks.lines().filter_map(waiter).collect()
}

/// The inode of the file that the writers of a server lock in turn: the memory of its scoreboard.
pub fn turnstile_of(worker: u32) -> u64 {
    let files = fs::read_dir(format!("/proc/{worker}/fd")).expect("the files of a worker");
    let is_scoreboard = |path: &std::path::Path| {
        fs::read_link(path).is_ok_and(|name| name.to_string_lossy().contains("persona-scoreboard"))
    };
    files
        .map(|file| file.expect("readable").path())
        .find(|path| is_scoreboard(path))
        .and_then(|path| fs::metadata(path).ok())
        .expect("a worker has the scoreboard")
        .ino()
}

/// The waiting process that is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    /// The next writer: it has the turnstile, and waits for the write lock.
    Next,
    /// A worker that waits for the turnstile.
    Behind,
}

/// The test holds the write lock, and three workers wait with a write each. Then one waiting
/// process is killed, and the writes of all others are answered.
fn killed_while_it_waits(victim: Victim) {
    let server = Server::with_workers(WORKERS).flag("--expose-worker").start();
    let paths: Vec<String> = (0..WORKERS)
        .map(|number| create(&mut server.connect(), &format!("persona {number}")))
        .collect();
    let clients = connect_to_each_worker(&server, WORKERS.into());
    let mut workers = server.processes("worker");
    workers.sort_by_key(|worker| worker.slot);
    let workers: Vec<u32> = workers.iter().map(|worker| worker.pid).collect();
    let lock_file = File::open(server.folder().join("persona.db-gate")).expect("the write lock");
    let (write_lock, turnstile) =
        (lock_file.metadata().expect("a file").ino(), turnstile_of(workers[0]));
    let at = |file: u64| -> Vec<u32> {
        let waiters = flock_waiters().into_iter();
        waiters.filter(|waiter| waiter.file == file).map(|waiter| waiter.pid).collect()
    };
    lock_file.lock().expect("locks work");
    let (killed, answers) = thread::scope(|scope| {
        let writers: Vec<_> = clients
            .into_iter()
            .zip(&paths)
            .map(|(mut client, path)| {
                scope.spawn(move || patch(&mut client, path, &json!({ "nickname": "new" })))
            })
            .collect();
        // One process is the next writer, perhaps the maintenance process, and all others are
        // behind it.
        let (next, behind) = wait_for("all writers in their places", DEADLINE, || {
            let (next, behind) = (at(write_lock), at(turnstile));
            let is_there = |worker: &u32| next.contains(worker) || behind.contains(worker);
            (next.len() == 1 && workers.iter().all(is_there)).then_some((next[0], behind))
        });
        let behind = workers.iter().copied().find(|worker| behind.contains(worker));
        let killed = match victim {
            Victim::Next => next,
            Victim::Behind => behind.expect("two workers are behind the next one"),
        };
        assert!(signal(killed, Signal::KILL));
        // Only the write lock is in the way of a next writer, whichever process was killed.
        wait_for("a next one", DEADLINE, || {
            at(write_lock).iter().any(|waiter| *waiter != killed).then_some(())
        });
        drop(lock_file);
        let answers: Vec<_> =
            writers.into_iter().map(|writer| writer.join().expect("no panic")).collect();
        (killed, answers)
    });
    for (worker, answer) in workers.iter().zip(answers) {
        let status = answer.map_or(0, |reply| reply.status);
        assert_eq!(status == 200, *worker != killed, "worker {worker}: {status}");
    }
    serves_again(&server, killed, &paths);
    assert_file_is_whole(&server);
    report(
        46,
        "killed_while_it_waits_for_the_write_lock",
        Form::Short,
        "the writes of all others are answered",
        &json!({ "killed": format!("{victim:?}") }),
    );
}

/// Waits for the replacement of a killed process, and writes through each worker.
fn serves_again(server: &Server, killed: u32, paths: &[String]) {
    wait_for("a process in its place", DEADLINE, || {
        let processes = server.processes("worker");
        let all_serve = processes.len() == usize::from(WORKERS)
            && processes.iter().all(|process| process.pid != killed);
        (all_serve && server.connect().get("/readyz").ok()?.status == 200).then_some(())
    });
    let clients = connect_to_each_worker(server, WORKERS.into()).into_iter();
    for (mut client, path) in clients.zip(paths) {
        let reply = patch(&mut client, path, &json!({ "nickname": "newer" })).expect("an answer");
        assert_eq!(reply.status, 200);
    }
}

#[test]
fn a_process_that_is_killed_as_the_next_writer_holds_up_no_other() {
    killed_while_it_waits(Victim::Next);
}

#[test]
fn a_process_that_is_killed_behind_the_next_writer_holds_up_no_other() {
    killed_while_it_waits(Victim::Behind);
}
