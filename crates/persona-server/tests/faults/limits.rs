//! 17: a worker runs out of descriptors.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use crate::common::{Client, DEADLINE, Process, Server, wait_for};
use crate::ledger::read_whole;
use crate::personas::{create, get, patch};
use crate::report::{Form, report};

const TARGET: &str = "1,000 times, 0 lost, restart with back-off";

/// Sets how many descriptors a process may have open, and tells how many that were before.
fn limit_descriptors(process: &Process, to: Option<u64>) -> Option<u64> {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    // Its hard limit is inherited, so it is the same as here.
    let limit = Rlimit { current: to, maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(pid, Resource::Nofile, limit).expect("the soft limit may be changed").current
}

/// Whether a new connection is answered soon.
fn is_answered(server: &Server) -> bool {
    Client::connect(server.address()).and_then(|mut client| client.get("/healthz")).is_ok_and(|reply| reply.status == 200)
}

fn no_more_descriptors(form: Form) {
    let rounds = form.pick(3, 1_000);
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = create(&mut client, "survivor");
    let worker = server.processes("worker").remove(0);
    let open = std::fs::read_dir(format!("/proc/{}/fd", worker.pid)).expect("it lives").count() as u64;
    for round in 0..rounds {
        let shortages = server.log().matches("could not accept a connection").count();
        let before = limit_descriptors(&worker, Some(open));
        // It cannot be accepted now; it waits in the queue of the listener.
        let mut waiting = server.connect();
        waiting.send(b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").expect("sent");
        wait_for("a shortage", DEADLINE, || (server.log().matches("could not accept a connection").count() > shortages).then_some(()));
        for _ in 0..10 {
            // What has its descriptor already goes on.
            get(&mut client, &path);
        }
        assert_eq!(patch(&mut client, &path, &json!({ "extensions": { round.to_string(): 1 } })).expect("an answer").status, 200);
        limit_descriptors(&worker, before);
        assert_eq!(waiting.read_reply().expect("it was only late").status, 200);
    }
    assert!(worker.is_alive() && is_answered(&server));
    assert_eq!(read_whole(&server.database()).personas["survivor"].1, rounds);
    report(17, "no_more_descriptors", form, TARGET, &json!({ "rounds": rounds, "lost": 0, "workers_lost": 0 }));
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
