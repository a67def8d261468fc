//! 9 and 10: processes are stopped by a signal, the worst way to hang: none of their waits ends by
//! itself.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::common::personas::{assert_file_is_whole, connect_to_each_worker, create, patch};
use crate::common::report::{Form, milliseconds, report};
use crate::common::{Client, DEADLINE, Process, Server, signal, wait_for};

/// Longest time that others may wait for a stopped holder of the write lock: the target of the long
/// form, for an optimised build that is alone on the machine. On a busy machine it is less than the
/// ten seconds after which a process that hangs is noticed.
const STALL_MAX: Duration = Duration::from_secs(5);
const STALL_MAX_BUSY: Duration = Duration::from_secs(9);

/// A client that writes through one worker until it is stopped or its connection breaks.
struct Writer {
    thread: JoinHandle<Option<String>>,
    acknowledged: Arc<AtomicU64>,
    /// Longest wait for an acknowledgement, in microseconds.
    longest_us: Arc<AtomicU64>,
}

impl Writer {
    fn start(mut client: Client, path: &str, stop: &Arc<AtomicBool>) -> Self {
        let (path, stop) = (path.to_owned(), Arc::clone(stop));
        let (acknowledged, longest_us) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (count, longest) = (Arc::clone(&acknowledged), Arc::clone(&longest_us));
        let thread = thread::spawn(move || {
            while !stop.load(Relaxed) {
                let (began, number) = (Instant::now(), count.load(Relaxed));
                match patch(&mut client, &path, &json!({ "extensions": { "n": number } })) {
                    Ok(reply) if reply.status == 200 => {
                        count.fetch_add(1, Relaxed);
                        longest.fetch_max(
                            u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
                            Relaxed,
                        );
                    }
                    Ok(reply) => return Some(format!("{reply:?}")),
                    Err(error) => return Some(error.to_string()),
                }
            }
            None
        });
        Self { thread, acknowledged, longest_us }
    }
}

/// Whether this process holds the write lock of the server, by the kernel's table of locks.
fn holds_the_write_lock(server: &Server, process: &Process) -> bool {
    let write_lock =
        fs::metadata(server.folder().join("persona.db-gate")).expect("the write lock").ino();
    let locks = fs::read_to_string("/proc/locks").expect("a mounted /proc");
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // A waiter has an arrow in place of the kind.
        words.get(1) == Some(&"FLOCK")
            && words.get(4) == Some(&process.pid.to_string().as_str())
            && words.get(5).is_some_and(|file| file.ends_with(&format!(":{write_lock}")))
    })
}

/// Stops a worker at a moment when it holds the write lock.
fn stop_inside_the_write_lock(server: &Server, victim: &Process) {
    wait_for("the victim inside the write lock", DEADLINE, || {
        assert!(signal(victim.pid, Signal::STOP));
        let inside = holds_the_write_lock(server, victim);
        if !inside {
            signal(victim.pid, Signal::CONT);
        }
        inside.then_some(())
    });
}

fn holder_of_the_write_lock_is_stopped(form: Form) {
    let rounds = form.pick(1, 500);
    let server = Server::with_workers(2).flag("--expose-worker").start();
    let path = create(&mut server.connect(), "shared");
    let (mut longest, mut acknowledged) = (Duration::ZERO, 0);
    for round in 0..rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = connect_to_each_worker(&server, 2);
        let victim = server.processes("worker").remove(0);
        let others = Writer::start(clients.pop().expect("a client of the second"), &path, &stop);
        let own = Writer::start(clients.pop().expect("a client of the first"), &path, &stop);
        wait_for("writes through both", DEADLINE, || {
            (own.acknowledged.load(Relaxed) > 5 && others.acknowledged.load(Relaxed) > 5)
                .then_some(())
        });
        stop_inside_the_write_lock(&server, &victim);
        let (stopped, before) = (Instant::now(), others.acknowledged.load(Relaxed));
        // One write may be under way; the write after it has to pass the write lock.
        wait_for("a write of the others", form.pick(STALL_MAX_BUSY, STALL_MAX), || {
            (others.acknowledged.load(Relaxed) > before + 1).then_some(())
        });
        longest = longest
            .max(stopped.elapsed())
            .max(Duration::from_micros(others.longest_us.load(Relaxed)));
        wait_for("another worker in its place", DEADLINE, || {
            server
                .processes("worker")
                .into_iter()
                .find(|process| process.slot == 1 && process.pid != victim.pid)
        });
        stop.store(true, Relaxed);
        acknowledged += others.acknowledged.load(Relaxed);
        assert_eq!(
            others.thread.join().expect("no panic"),
            None,
            "round {round}: a client of another worker had an error"
        );
        own.thread.join().expect("no panic");
        wait_for("all workers", DEADLINE, || {
            (server.connect().get("/readyz").ok()?.status == 200).then_some(())
        });
    }
    assert!(longest <= form.pick(STALL_MAX_BUSY, STALL_MAX), "{longest:?}");
    server.wait_for_log("a process shows no sign of life and is killed");
    assert_file_is_whole(&server);
    let figures = json!({ "rounds": rounds, "longest_stall_ms": milliseconds(longest), "acknowledged": acknowledged, "errors_to_others": 0 });
    report(
        9,
        "holder_of_the_write_lock_is_stopped",
        form,
        "500 times, stall at most 5 s, 0 errors to clients",
        &figures,
    );
}

#[test]
fn a_stopped_holder_of_the_write_lock_is_replaced_and_others_succeed() {
    holder_of_the_write_lock_is_stopped(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_stopped_holder_of_the_write_lock_is_replaced_and_others_succeed_long() {
    holder_of_the_write_lock_is_stopped(Form::Long);
}

/// Sends such a signal and waits until it has been handled: if the supervisor is stopped again
/// before, the kernel throws the pending signal away with the next `SIGCONT`.
fn change_the_number_of_workers(server: &Server, number: Signal) {
    let said = || server.log().matches("the number of workers changes").count();
    let before = said();
    server.signal(number);
    wait_for("a supervisor that has changed the number of workers", DEADLINE, || {
        (said() > before).then_some(())
    });
}

/// Stops the supervisor for so long that every heartbeat looks old when it goes on. It is stopped
/// alone, so that the workers serve meanwhile, or with all processes, as on a machine that sleeps.
fn supervisor_is_stopped(form: Form) {
    let (rounds, pause) =
        (form.pick(1, 50), form.pick(Duration::from_secs(4), Duration::from_secs(30)));
    let server = Server::with_workers(2).start();
    let path = create(&mut server.connect(), "shared");
    let before = Process::children_of(server.pid());
    let mut answers = 0;
    for everybody in [false, true].repeat(rounds) {
        let frozen = if everybody { before.as_slice() } else { &[] };
        server.signal(Signal::STOP);
        assert!(frozen.iter().all(|child| signal(child.pid, Signal::STOP)));
        let stopped = Instant::now();
        wait_for("the end of the pause", pause + DEADLINE, || {
            if !everybody {
                assert_eq!(server.connect().get(&path).expect("an answer").status, 200);
                answers += 1;
            }
            (stopped.elapsed() >= pause).then_some(())
        });
        server.signal(Signal::CONT);
        // When the supervisor answers it has looked at the heartbeats again, because signals and
        // looks share one queue.
        change_the_number_of_workers(&server, Signal::TTIN);
        assert!(frozen.iter().all(|child| signal(child.pid, Signal::CONT)));
        change_the_number_of_workers(&server, Signal::TTOU);
        let deadline = Instant::now() + DEADLINE;
        wait_for("the processes of before", 2 * DEADLINE, || {
            let (log, living) = (server.log(), Process::children_of(server.pid()));
            assert!(
                !log.contains("no sign of life") && Instant::now() < deadline,
                "{before:?} before, {living:?} now: {log}"
            );
            (living == before).then_some(())
        });
    }
    let figures = json!({ "rounds": 2 * rounds, "pause_s": pause.as_secs(), "answers_meanwhile": answers, "healthy_workers_killed": 0 });
    report(
        10,
        "supervisor_is_stopped",
        form,
        "100 times 5 min, 0 healthy workers killed",
        &figures,
    );
}

#[test]
fn a_supervisor_that_was_stopped_kills_no_process_when_it_goes_on() {
    supervisor_is_stopped(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_supervisor_that_was_stopped_kills_no_process_when_it_goes_on_long() {
    supervisor_is_stopped(Form::Long);
}
