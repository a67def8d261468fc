//! 35: more connections than places, from clients that send a request now and then, and from
//! clients that never finish a head.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::common::personas::create;
use crate::common::report::{Form, milliseconds, report};
use crate::common::{Client, Server, Stop};

const TARGET: &str = "every request of the victim is answered, p99 within 5 times its usual and 100 ms; a worker \
     grows by at most 16 KiB for each connection that it may have, and 4 MiB";

/// The beginning of a head that never ends.
const HALF: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: local";
const WHOLE: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Memory that a worker may need for a connection: the documents say about 10 KiB.
const CONNECTION_BYTES: u64 = 16 * 1024;
/// Connections of a worker beyond its places: those that send one request, and those that were told
/// to make room, of both kinds (`docs/operations.md`).
const BEYOND_PLACES: u64 = 3 * 64;
/// Memory of a worker that does not depend on its connections: threads, and what the requests of
/// the victim read and leave behind.
const BESIDE: u64 = 4 << 20;

/// Connections of one kind that are held against the server.
struct Crowd {
    stop: Stop,
    thread: Option<thread::JoinHandle<u64>>,
}

impl Crowd {
    /// Opens so many connections. Each sends these bytes, and is made anew when the server closes
    /// it. Whole requests are sent again and again, with this pause.
    fn start(address: SocketAddr, count: usize, bytes: &'static [u8], pause: Duration) -> Self {
        let stop = Stop::default();
        let stopped = stop.clone();
        let connect = move || {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
            stream.set_nonblocking(true).ok()?;
            let _ = stream.write_all(bytes);
            Some(stream)
        };
        let mut streams: Vec<Option<TcpStream>> = (0..count).map(|_| connect()).collect();
        let thread = thread::spawn(move || {
            let mut renewed = 0;
            while !stopped.comes_within(pause) {
                for stream in &mut streams {
                    let is_open = stream.as_mut().is_some_and(|stream| {
                        let mut rest = [0; 1024];
                        let is_open = match stream.read(&mut rest) {
                            Ok(0) => false,
                            Ok(_) => true,
                            Err(error) => error.kind() == ErrorKind::WouldBlock,
                        };
                        // A whole request is sent each time, half a request once.
                        is_open && (bytes != WHOLE || stream.write_all(bytes).is_ok())
                    });
                    if !is_open {
                        renewed += 1;
                        *stream = connect();
                    }
                }
            }
            renewed
        });
        Self { stop, thread: Some(thread) }
    }

    /// Ends the crowd. Returns how many connections were made anew.
    fn end(mut self) -> u64 {
        self.stop.now();
        self.thread.take().map_or(0, |thread| thread.join().expect("no panic"))
    }
}

/// The 99th percentile of the wait of a client that opens a connection for each request.
fn victim(server: &Server, path: &str, requests: usize) -> Duration {
    let mut times: Vec<Duration> = (0..requests)
        .map(|request| {
            let began = Instant::now();
            let reply = Client::connect(server.address()).and_then(|mut client| client.get(path));
            let reply = reply.unwrap_or_else(|error| {
                panic!("request {request} after {:?}: {error}", began.elapsed())
            });
            assert_eq!(reply.status, 200);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[requests * 99 / 100]
}

fn crowds(form: Form) {
    let (places, crowd, requests) = form.pick((64_u64, 200, 300), (1_024, 2_600, 3_000));
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit { current: limit.maximum.map(|maximum| maximum.min(8_192)), ..limit },
    )
    .expect("more descriptors");
    let server = Server::with_workers(2).flag(format!("--connections-max={places}")).start();
    let path = create(&mut server.connect(), "victim");
    let usual = victim(&server, &path, requests);
    let workers = server.processes("worker");
    let before: Vec<u64> = workers.iter().map(|worker| worker.resident().0).collect();
    let mut figures =
        json!({ "places": 2 * places, "crowd": crowd, "victim_usual_p99_ms": milliseconds(usual) });
    for (name, bytes, pause) in [
        ("idle", WHOLE, Duration::from_millis(500)),
        ("half_heads", HALF, Duration::from_millis(100)),
    ] {
        let attack = Crowd::start(server.address(), crowd, bytes, pause);
        let beside = victim(&server, &path, requests);
        figures[name] = json!({ "victim_p99_ms": milliseconds(beside), "renewed": attack.end() });
        // The long form has a target, which holds for an optimised build that is alone on the
        // machine. An unoptimised build needs its whole time for the crowd's new connections; there
        // it only has to answer every request before the client gives up, which without a place it
        // would not.
        let bound = (5 * usual).max(Duration::from_millis(100));
        assert!(
            form == Form::Short || beside <= bound,
            "{name}: {beside:?}, and {usual:?} without it"
        );
    }
    // A crowd comes to more connections than a worker keeps, and each that is cut off is made anew:
    // what a worker needs follows from its places, and not from the connections that it had.
    let most = (places + BEYOND_PLACES) * CONNECTION_BYTES + BESIDE;
    for (worker, before) in workers.iter().zip(before) {
        assert!(worker.is_alive(), "worker {} was replaced", worker.slot);
        let grown = worker.resident().1.saturating_sub(before);
        figures["grown_kib"][worker.slot.to_string()] = (grown / 1024).into();
        assert!(grown <= most, "worker {}: {} KiB", worker.slot, grown / 1024);
    }
    figures["evicted"] = server.metric("persona_connections_evicted_total").into();
    report(35, "crowds", form, TARGET, &figures);
}

#[test]
fn a_crowd_of_connections_keeps_no_new_client_out() {
    crowds(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn a_crowd_of_connections_keeps_no_new_client_out_long() {
    crowds(Form::Long);
}
