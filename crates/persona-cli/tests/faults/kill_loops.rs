//! 2, 3, 11 and 29: kills and restarts again and again under load; no acknowledged write is lost.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::common::personas::{create, get, patch};
use crate::common::report::{Form, milliseconds, report};
use crate::common::{Client, DEADLINE, Process, Server, signal, wait_for};
use crate::ledger::read_whole;

/// Targets of the long form, for an optimised build that is alone on the machine: how long a killed
/// process may be missing, and how long processes may outlive their supervisor.
const REPLACED_WITHIN: Duration = Duration::from_secs(1);
const ORPHANS_WITHIN: Duration = Duration::from_secs(2);

/// How long a killed process may be missing on a busy machine: less than the ten seconds after
/// which a process without a sign of life is noticed, so that a replacement within this time
/// follows from the process's end.
const NOTICED_WITHIN: Duration = Duration::from_secs(8);

/// Clients that write while processes are killed.
const CLIENTS: usize = 8;

/// Most keys of one persona before the client begins another one: `extensions` are bounded.
const KEYS_MAX: u64 = 200;

/// Clients that add key after key to personas of their own, whatever breaks, and remember the
/// acknowledged keys.
struct Load {
    stop: Arc<AtomicBool>,
    /// The present address of the server.
    address: Arc<Mutex<SocketAddr>>,
    acknowledged: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Vec<(String, u64)>>>,
}

impl Load {
    fn start(address: SocketAddr) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let address = Arc::new(Mutex::new(address));
        let clients = (0..CLIENTS)
            .map(|_| {
                let (stop, address, acknowledged) =
                    (Arc::clone(&stop), Arc::clone(&address), Arc::clone(&acknowledged));
                thread::spawn(move || write_until(&stop, &address, &acknowledged))
            })
            .collect();
        Self { stop, address, acknowledged, clients }
    }

    /// Waits until this many more writes were acknowledged.
    fn wait_for_more(&self, more: u64) {
        let target = self.acknowledged.load(Relaxed) + more;
        wait_for("writes between two kills", DEADLINE, || {
            (self.acknowledged.load(Relaxed) >= target).then_some(())
        });
    }

    /// Stops the clients, and checks that every acknowledged key is there.
    fn stop_and_check(self, server: &Server) -> u64 {
        self.stop.store(true, Relaxed);
        for client in self.clients {
            for (path, keys) in client.join().expect("no panic") {
                let kept = get(&mut server.connect(), &path).json();
                let kept: BTreeSet<u64> = kept["extensions"]
                    .as_object()
                    .into_iter()
                    .flat_map(|member| member.keys())
                    .filter_map(|key| key.parse().ok())
                    .collect();
                let lost: Vec<u64> = (0..keys).filter(|key| !kept.contains(key)).collect();
                assert!(lost.is_empty(), "{path}: lost {lost:?} of {keys}");
            }
        }
        read_whole(&server.database());
        self.acknowledged.load(Relaxed)
    }
}

/// Returns each persona with the number of keys that were acknowledged in it.
fn write_until(
    stop: &AtomicBool,
    address: &Mutex<SocketAddr>,
    acknowledged: &AtomicU64,
) -> Vec<(String, u64)> {
    let (mut connection, mut personas) = (None::<Client>, Vec::<(String, u64)>::new());
    // A key is sent again until it is acknowledged: to add it twice has the same effect as once.
    let mut persist = |act: &mut dyn FnMut(&mut Client) -> io::Result<Option<String>>| {
        wait_for("an acknowledgement", 2 * DEADLINE, || {
            if connection.as_ref().is_none_or(|connection| connection.closes) {
                connection = Client::connect(*address.lock().expect("no panic")).ok();
            }
            let done = act(connection.as_mut()?);
            if done.is_err() {
                connection = None;
            }
            done.ok().flatten()
        })
    };
    while !stop.load(Relaxed) {
        if personas.last().is_none_or(|(_, keys)| *keys >= KEYS_MAX) {
            let path = persist(&mut |client| {
                let reply =
                    client.request("POST", "/api/v1/personas", &[], br#"{"name":"survivor"}"#)?;
                Ok(reply.header("location").filter(|_| reply.status == 201).map(str::to_owned))
            });
            personas.push((path, 0));
        }
        let (path, keys) = personas.last_mut().expect("one was made");
        persist(&mut |client| {
            let reply = patch(client, path, &json!({ "extensions": { keys.to_string(): 1 } }))?;
            assert!(matches!(reply.status, 200 | 503), "{reply:?}");
            Ok((reply.status == 200).then(String::new))
        });
        *keys += 1;
        acknowledged.fetch_add(1, Relaxed);
    }
    personas
}

fn workers_are_killed(form: Form) {
    let kills = form.pick(12, 10_000);
    let server = Server::with_workers(4).start();
    let load = Load::start(server.address());
    let (mut longest, mut counter) = (Duration::ZERO, 0);
    for kill in 0..kills {
        load.wait_for_more(CLIENTS as u64);
        let role = if kill % 8 == 7 { "maintenance" } else { "worker" };
        let victims = wait_for("a victim", DEADLINE, || {
            Some(server.processes(role)).filter(|processes| !processes.is_empty())
        });
        let victim = &victims[kill % victims.len()];
        assert!(signal(victim.pid, Signal::KILL));
        let killed = Instant::now();
        let next = |process: &Process| {
            process.slot == victim.slot && process.generation > victim.generation
        };
        wait_for("another one in its place", DEADLINE, || {
            server.processes(role).into_iter().find(next)
        });
        longest = longest.max(killed.elapsed());
        // 29: a counter over all workers never decreases.
        let now = server.metric("persona_process_restarts_total{slot=\"1\"}");
        assert!(now >= counter, "a counter went back from {counter} to {now}");
        counter = now;
    }
    let acknowledged = load.stop_and_check(&server);
    assert!(counter > 0, "the series of the counter has another name");
    let figures = json!({ "kills": kills, "acknowledged": acknowledged, "lost": 0, "longest_until_replaced_ms": milliseconds(longest) });
    let target = form.pick(NOTICED_WITHIN, REPLACED_WITHIN);
    assert!(longest <= target, "{figures}");
    report(
        2,
        "workers_are_killed",
        form,
        "at least 10,000 kills, 0 lost, a new worker within 1 s",
        &figures,
    );
}

#[test]
fn killed_workers_and_maintenance_processes_lose_nothing_acknowledged() {
    workers_are_killed(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn killed_workers_and_maintenance_processes_lose_nothing_acknowledged_long() {
    workers_are_killed(Form::Long);
}

fn supervisors_are_killed(form: Form) {
    let kills = form.pick(4, 1_000);
    let mut server = Server::with_workers(2).start();
    let load = Load::start(server.address());
    let mut longest = Duration::ZERO;
    for _ in 0..kills {
        load.wait_for_more(4 * CLIENTS as u64);
        let orphans = Process::children_of(server.pid());
        let killed = Instant::now();
        let folder = server.kill_and_keep_the_folder();
        assert!(orphans.iter().all(|orphan| !orphan.is_alive()), "{orphans:?}");
        longest = longest.max(killed.elapsed());
        server = Server::with_workers(2).in_folder(folder).start();
        // The new server has another port: a client that tries the old port while no process
        // listens there can connect to itself and take the port.
        *load.address.lock().expect("no panic") = server.address();
    }
    let acknowledged = load.stop_and_check(&server);
    let figures = json!({ "kills": kills, "acknowledged": acknowledged, "lost": 0, "longest_orphan_ms": milliseconds(longest) });
    // The target counts only where the program is optimised and alone on the machine.
    assert!(form == Form::Short || longest <= ORPHANS_WITHIN, "{figures}");
    report(
        3,
        "supervisors_are_killed",
        form,
        "at least 1,000 kills, 0 lost, orphans gone within 2 s",
        &figures,
    );
}

#[test]
fn killed_supervisors_lose_nothing_acknowledged_and_leave_no_orphans() {
    supervisors_are_killed(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn killed_supervisors_lose_nothing_acknowledged_and_leave_no_orphans_long() {
    supervisors_are_killed(Form::Long);
}

/// Restarts workers while clients keep their connections and count every failure.
fn restart_again_and_again(form: Form) {
    let restarts = form.pick(1, 1_000);
    let server = Server::with_workers(2).start();
    let path = create(&mut server.connect(), "shared");
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (address, path, stop) = (server.address(), path.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                let (mut answers, mut kept) = (0_u64, None::<Client>);
                while !stop.load(Relaxed) {
                    let client = kept.get_or_insert_with(|| {
                        Client::connect(address).expect("nobody is refused")
                    });
                    assert_eq!(
                        patch(client, &path, &json!({ "extensions": { "n": answers } }))
                            .expect("nobody is cut off")
                            .status,
                        200
                    );
                    answers += 1;
                    kept = kept.filter(|connection| !connection.closes);
                }
                answers
            })
        })
        .collect();
    let said = |server: &Server| server.log().matches("every worker was replaced").count();
    let mut requests = 0;
    for done in 0..restarts {
        server.signal(Signal::HUP);
        wait_for("the restart", 2 * DEADLINE, || (said(&server) > done).then_some(()));
        let now = server.metric("persona_http_requests_total{method=\"PATCH\",route=\"/api/v1/personas/{id}\",status=\"2xx\"}");
        assert!(now >= requests, "a counter went back from {requests} to {now}");
        requests = now;
    }
    stop.store(true, Relaxed);
    let answers: u64 =
        clients.into_iter().map(|client| client.join().expect("no client failed")).sum();
    assert!(requests > 0, "the series of the counter has another name");
    let figures = json!({ "restarts": restarts, "answers": answers, "refused": 0, "reset": 0, "counters": "monotonic" });
    report(
        11,
        "restart_again_and_again",
        form,
        "1,000 cycles, 0 refused, 0 reset in flight",
        &figures,
    );
}

#[test]
fn rolling_restarts_fail_no_write_of_a_kept_connection() {
    restart_again_and_again(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn rolling_restarts_fail_no_write_of_a_kept_connection_long() {
    restart_again_and_again(Form::Long);
}
