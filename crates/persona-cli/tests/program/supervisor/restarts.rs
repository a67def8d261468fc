//! A rolling restart under load: no request fails.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::{Client, DEADLINE, Server, Stop, wait_for};

/// How soon after an answer a client has to send its next request on the connection to be sure that
/// the connection is open: less than the two seconds for which a worker that drains keeps idle
/// connections, so that a busy machine has time to bring the request to the worker.
const IDLE_MAX: Duration = Duration::from_millis(1_500);

/// The observations of one client.
#[derive(Debug, Default)]
struct Seen {
    answers: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// Sends requests with this pause until it is told to stop. A client that keeps its connection
/// opens a new one only when the server said that it would close the old one, as HTTP/1.1 wants it;
/// the other kind of client opens a connection for each request.
fn load(address: SocketAddr, keeps: bool, pause: Duration, stop: &Stop, seen: &Seen) {
    let (mut kept, mut idle_since) = (None::<Client>, Instant::now());
    loop {
        let (is_kept, idle) = (kept.is_some(), idle_since.elapsed());
        let asked = ask(address, &mut kept);
        idle_since = Instant::now();
        let failure = match asked {
            Ok(200) => {
                seen.answers.fetch_add(1, Relaxed);
                None
            }
            Ok(status) => Some(format!("status {status}")),
            Err(error) => {
                kept = None;
                // A longer idle time is the client's own delay, and no failure of the server.
                (!is_kept || idle <= IDLE_MAX).then(|| format!("idle for {idle:?}, then {error}"))
            }
        };
        seen.failures.lock().expect("no panic").extend(failure);
        if !keeps || kept.as_ref().is_some_and(|client| client.closes) {
            kept = None;
        }
        if stop.comes_within(pause) {
            return;
        }
    }
}

fn ask(address: SocketAddr, kept: &mut Option<Client>) -> io::Result<u16> {
    if kept.is_none() {
        *kept = Some(Client::connect(address)?);
    }
    kept.as_mut().map_or(Ok(0), |client| client.get("/healthz").map(|reply| reply.status))
}

#[test]
fn a_rolling_restart_fails_no_request_neither_on_kept_nor_on_new_connections() {
    let server = Server::with_workers(3).start();
    let stop = Stop::default();
    // Busy clients, and some that send a request only now and then: their idle connections may be
    // about to be closed.
    let kinds = [
        (true, 1),
        (true, 1),
        (true, 1),
        (false, 2),
        (false, 2),
        (true, 500),
        (true, 700),
        (true, 900),
    ];
    let seen: Vec<Arc<Seen>> = kinds.iter().map(|_| Arc::default()).collect();
    let clients: Vec<_> = kinds
        .into_iter()
        .zip(&seen)
        .map(|((keeps, pause_ms), seen)| {
            let (address, stop, seen) = (server.address(), stop.clone(), Arc::clone(seen));
            let pause = Duration::from_millis(pause_ms);
            thread::spawn(move || load(address, keeps, pause, &stop, &seen))
        })
        .collect();
    let answers = || seen.iter().map(|client| client.answers.load(Relaxed)).collect::<Vec<_>>();
    let wait_for_an_answer_to_each = || {
        let before = answers();
        wait_for("an answer to each client", DEADLINE, || {
            answers().iter().zip(&before).all(|(now, before)| now > before).then_some(())
        });
    };
    for _ in 0..2 {
        wait_for_an_answer_to_each();
        let said = server.log().matches("every worker was replaced").count();
        server.signal(Signal::HUP);
        wait_for("the restart", DEADLINE, || {
            (server.log().matches("every worker was replaced").count() > said).then_some(())
        });
    }
    // The answer comes over a connection to a worker that drains, or over a new one.
    wait_for_an_answer_to_each();
    stop.now();
    for client in clients {
        client.join().expect("no panic");
    }
    let failures: Vec<String> =
        seen.iter().flat_map(|client| client.failures.lock().expect("no panic").clone()).collect();
    assert!(failures.is_empty(), "{failures:?}");
    let generations: Vec<(u16, u64)> =
        server.processes("worker").iter().map(|worker| (worker.slot, worker.generation)).collect();
    assert_eq!(generations, [(1, 3), (2, 3), (3, 3)]);
}

#[test]
fn a_draining_worker_answers_once_more_on_an_idle_connection_and_closes_it_then() {
    let server = Server::with_workers(1).start();
    let (mut comes_back, mut stays_away) = (server.connect(), server.connect());
    for client in [&mut comes_back, &mut stays_away] {
        assert_eq!(client.get("/healthz").expect("an answer").header("connection"), None);
    }
    server.signal(Signal::HUP);
    wait_for("the new worker", DEADLINE, || {
        (server.metric("persona_process_restarts_total{slot=\"1\"}") == 1).then_some(())
    });
    let reply = wait_for("the last answer", DEADLINE, || {
        let reply = comes_back.get("/healthz").expect("an answer");
        comes_back.closes.then_some(reply)
    });
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    comes_back.wait_for_close().expect("the end after the last answer");
    stays_away.wait_for_close().expect("the end of an idle connection");
    server.wait_for_log("every worker was replaced");
}
