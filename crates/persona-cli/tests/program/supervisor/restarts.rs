//! A rolling restart under load: no request fails.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::common::{Client, Server};

/// What one client saw.
#[derive(Debug, Default)]
struct Seen {
    answers: u64,
    failures: Vec<String>,
}

/// Sends requests until it is told to stop. A client that keeps its connection opens a new one only
/// when the server said that it would close the old one, as HTTP/1.1 wants it; the other one opens
/// a new one for each request.
fn load(address: std::net::SocketAddr, keeps: bool, pause: Duration, stop: &AtomicBool) -> Seen {
    let (mut seen, mut kept) = (Seen::default(), None::<Client>);
    while !stop.load(Relaxed) {
        match ask(address, &mut kept) {
            Ok(200) => seen.answers += 1,
            Ok(status) => seen.failures.push(format!("status {status}")),
            Err(error) => {
                seen.failures.push(format!("after {} answers: {error}", seen.answers));
                kept = None;
            }
        }
        if !keeps || kept.as_ref().is_some_and(|client| client.closes) {
            kept = None;
        }
        thread::sleep(pause);
    }
    seen
}

fn ask(address: std::net::SocketAddr, kept: &mut Option<Client>) -> io::Result<u16> {
    if kept.is_none() {
        *kept = Some(Client::connect(address)?);
    }
    kept.as_mut().map_or(Ok(0), |client| client.get("/healthz").map(|reply| reply.status))
}

#[test]
fn a_rolling_restart_fails_no_request_neither_on_kept_nor_on_new_connections() {
    let server = Server::with_workers(3).start();
    let stop = Arc::new(AtomicBool::new(false));
    // Busy clients, and some that send a request only now and then: these find idle connections
    // that are about to be closed. Their pauses are less than half of the two seconds for which a
    // worker that drains keeps idle connections, so that a busy machine has the rest.
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
    let clients: Vec<_> = kinds
        .into_iter()
        .map(|(keeps, pause_ms)| {
            let (address, stop) = (server.address(), Arc::clone(&stop));
            thread::spawn(move || load(address, keeps, Duration::from_millis(pause_ms), &stop))
        })
        .collect();
    for _ in 0..2 {
        let said = server.log().matches("every worker was replaced").count();
        server.signal(Signal::HUP);
        crate::common::wait_for("the restart", crate::common::DEADLINE, || {
            (server.log().matches("every worker was replaced").count() > said).then_some(())
        });
    }
    stop.store(true, Relaxed);
    let seen: Vec<Seen> =
        clients.into_iter().map(|client| client.join().expect("no panic")).collect();
    let failures: Vec<&String> = seen.iter().flat_map(|client| &client.failures).collect();
    assert!(failures.is_empty(), "{failures:?}");
    assert!(seen.iter().all(|client| client.answers > 0), "{seen:?}");
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
    crate::common::wait_for("the new worker", crate::common::DEADLINE, || {
        (server.metric("persona_process_restarts_total{slot=\"1\"}") == 1).then_some(())
    });
    let reply = crate::common::wait_for("the last answer", crate::common::DEADLINE, || {
        let reply = comes_back.get("/healthz").expect("an answer");
        comes_back.closes.then_some(reply)
    });
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    comes_back.wait_for_close().expect("the end after the last answer");
    stays_away.wait_for_close().expect("the end of an idle connection");
    server.wait_for_log("every worker was replaced");
}
