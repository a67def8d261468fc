//! 17: a worker runs out of descriptors, or of memory.

use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use crate::common::personas::{create, get, patch};
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, Process, Server, wait_for};
use crate::ledger::read_whole;

const TARGET: &str = "1,000 times, 0 lost, restart with back-off";

/// Sets the limit of a process on a resource. Returns the earlier limit; `None` means no limit.
fn limit(process: &Process, resource: Resource, to: Option<u64>) -> Option<u64> {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    // The hard limit is inherited, so that of the process is the same as that of this test.
    let limit = Rlimit { current: to, maximum: getrlimit(resource).maximum };
    prlimit(pid, resource, limit).expect("the soft limit may be changed").current
}

/// Whether a new connection is answered soon.
fn is_answered(server: &Server) -> bool {
    Client::connect(server.address())
        .and_then(|mut client| client.get("/healthz"))
        .is_ok_and(|reply| reply.status == 200)
}

/// How often a connection could not be accepted. The question goes over an open connection: a new
/// connection would have to wait.
fn accepts_failed(client: &mut Client) -> u64 {
    let text = String::from_utf8(client.get("/metrics").expect("metrics").body).expect("text");
    let value = text.lines().find_map(|line| line.strip_prefix("persona_accepts_failed_total "));
    value.expect("the series").parse().expect("a whole number")
}

/// The seconds in which equal lines of the log are written once (`log/repeats.rs` of
/// persona-server).
const WINDOW_SECONDS: u64 = 10;

fn no_more_descriptors(form: Form) {
    let rounds = form.pick(3, 1_000);
    let began = Instant::now();
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = create(&mut client, "survivor");
    let worker = server.processes("worker").remove(0);
    let open =
        std::fs::read_dir(format!("/proc/{}/fd", worker.pid)).expect("it lives").count() as u64;
    for round in 0..rounds {
        let shortages = accepts_failed(&mut client);
        let before = limit(&worker, Resource::Nofile, Some(open));
        // The new connection cannot be accepted now; it waits in the queue of the listener.
        let mut waiting = server.connect();
        waiting.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
        wait_for("a shortage", DEADLINE, || {
            (accepts_failed(&mut client) > shortages).then_some(())
        });
        for _ in 0..10 {
            // A connection that has its descriptor already goes on.
            get(&mut client, &path);
        }
        assert_eq!(
            patch(&mut client, &path, &json!({ "extensions": { round.to_string(): 1 } }))
                .expect("an answer")
                .status,
            200
        );
        limit(&worker, Resource::Nofile, before);
        assert_eq!(waiting.read_reply().expect("it was only late").status, 200);
    }
    assert!(worker.is_alive() && is_answered(&server));
    // Each round has several shortages of the same kind, which are logged once in a window.
    server.wait_for_log("could not accept a connection");
    let lines = server.log().matches("could not accept a connection").count();
    let windows = began.elapsed().as_secs() / WINDOW_SECONDS;
    assert!(
        lines as u64 <= 2 * (1 + windows),
        "{lines} lines on {} shortages",
        accepts_failed(&mut client)
    );
    assert_eq!(read_whole(&server.database()).personas["survivor"].1, rounds);
    report(
        17,
        "no_more_descriptors",
        form,
        TARGET,
        &json!({ "rounds": rounds, "lost": 0, "workers_lost": 0 }),
    );
}

#[test]
fn a_worker_without_descriptors_serves_what_it_has_and_accepts_again_later() {
    no_more_descriptors(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_worker_without_descriptors_serves_what_it_has_and_accepts_again_later_long() {
    no_more_descriptors(Form::Long);
}

/// Bytes that a process may write to and shares with no other process: the quantity that
/// `RLIMIT_DATA` limits (`setrlimit(2)`).
fn memory_of(process: &Process) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", process.pid)).expect("it lives");
    let size = status.lines().find_map(|line| line.strip_prefix("VmData:")).expect("a size");
    1024 * size.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
}

/// The bytes of a text such that a few changes with it need more memory than the allocator has at
/// hand.
const LARGE_BYTES: usize = 200 * 1024;
const LARGE_CHANGES: usize = 12;

/// The bytes of a body for which the allocator never has memory at hand: the request for memory is
/// refused, and the process ends.
const HUGE_BYTES: usize = 7 * 1024 * 1024;

fn no_more_memory(form: Form) {
    let rounds = form.pick(4, 1_000);
    let server = Server::with_workers(1).start();
    let path = create(&mut server.connect(), "survivor");
    let (mut kept, mut refused, mut broken, mut ended) = (0, 0, 0, 0);
    for round in 0..rounds {
        let worker = server.processes("worker").remove(0);
        let before = limit(&worker, Resource::Data, Some(memory_of(&worker)));
        let bytes =
            [LARGE_BYTES; LARGE_CHANGES].into_iter().chain((round % 2 == 1).then_some(HUGE_BYTES));
        for bytes in bytes {
            let change = json!({ "description": "t".repeat(bytes), "extensions": { (kept % 500).to_string(): kept } });
            match Client::connect(server.address())
                .and_then(|mut client| patch(&mut client, &path, &change))
            {
                Ok(reply) if reply.status == 200 => kept += 1,
                // The huge text is longer than a description may be, whichever process reads it.
                Ok(reply) if bytes == HUGE_BYTES && reply.status == 422 => {}
                Ok(reply) => {
                    assert_eq!(
                        (reply.status, reply.json()["code"].as_str()),
                        (503, Some("busy")),
                        "{reply:?}"
                    );
                    assert!(reply.header("retry-after").is_some(), "{reply:?}");
                    refused += 1;
                }
                Err(_) => broken += 1,
            }
        }
        if worker.is_alive() {
            limit(&worker, Resource::Data, before);
        } else {
            ended += 1;
        }
        // With memory again, or in a new process, writes go on without help.
        wait_for("a write", DEADLINE, || {
            let mut client = Client::connect(server.address()).ok()?;
            let reply = patch(
                &mut client,
                &path,
                &json!({ "extensions": { (kept % 500).to_string(): kept } }),
            )
            .ok()?;
            (reply.status == 200).then_some(())
        });
        kept += 1;
        let last = get(&mut server.connect(), &path).json()["extensions"]
            [((kept - 1) % 500).to_string()]
        .clone();
        assert_eq!(last, json!(kept - 1), "round {round}: an acknowledged change is lost");
    }
    assert!(ended > 0, "memory was never short: {refused} refused");
    assert!(!server.log().contains("stopped after"), "{}", server.log());
    // Each change is a revision, so the revision tells that no acknowledged change was lost and
    // none applied twice; the broken ones may have been kept.
    let revision =
        usize::try_from(get(&mut server.connect(), &path).revision()).expect("a small number");
    assert!(
        (kept + 1..=kept + 1 + broken).contains(&revision),
        "{kept} kept, {broken} unknown, revision {revision}"
    );
    read_whole(&server.database());
    let figures = json!({ "rounds": rounds, "kept": kept, "refused": refused, "broken": broken, "workers_ended": ended, "lost": 0 });
    report(17, "no_more_memory", form, TARGET, &figures);
}

#[test]
fn a_worker_without_memory_refuses_or_ends_and_nothing_acknowledged_is_lost() {
    no_more_memory(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_worker_without_memory_refuses_or_ends_and_nothing_acknowledged_is_lost_long() {
    no_more_memory(Form::Long);
}

#[test]
fn a_limit_on_the_size_of_files_refuses_writes_and_ends_no_process() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = create(&mut client, "survivor");
    let worker = server.processes("worker").remove(0);
    // No process may write beyond the first byte of any file.
    let before = limit(&worker, Resource::Fsize, Some(1));
    let refused = patch(&mut client, &path, &json!({ "nickname": "refused" }))
        .expect("an answer, and not a broken connection");
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (507, Some("storage_full")),
        "{refused:?}"
    );
    assert_eq!(get(&mut client, &path).json()["nickname"], "");
    server.wait_for_log("File too large (os error 27)");
    limit(&worker, Resource::Fsize, before);
    // Writes go on by themselves, on the same connection to the same process.
    assert_eq!(
        patch(&mut client, &path, &json!({ "nickname": "kept" })).expect("an answer").status,
        200
    );
    assert!(worker.is_alive(), "{}", server.log());
    assert_eq!(
        server
            .stop_and_keep_the_folder()
            .path()
            .join("persona.db")
            .metadata()
            .expect("a file")
            .len()
            % 4096,
        0
    );
}
