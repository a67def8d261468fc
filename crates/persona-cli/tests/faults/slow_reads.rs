//! 40: lists and exports that take long, that no client waits for, and that are too many: the WAL
//! stays bounded, and so do threads, descriptors and memory of each worker.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::personas::{create, patch};
use crate::common::report::{Form, report};
use crate::common::{DEADLINE, Process, Server, wait_for};

/// The promised upper bound of the WAL, in bytes.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// So many personas with so many different words that a search for the beginnings of words takes
/// long.
const PERSONAS: usize = 40;
const WORDS: usize = 14_000;
/// Bytes of a text that writers write, and the least number of bytes that each write adds to the
/// WAL: the persona and its revision.
const TEXT_BYTES: usize = 250_000;
const REVISION_BYTES: u64 = 2 * TEXT_BYTES as u64;
/// How many lists are sent at once and abandoned at once.
const LISTS: usize = 8;
/// Threads of a worker: the main thread, those that serve, the writer, the one that oversees reads,
/// four for reads, one for the status, four for exports, and some room.
const THREADS_MAX: usize = 18;
/// Memory of a worker that sends exports: what it has without them, and a mebibyte and some buffers
/// for each.
const MEMORY_KIB_MAX: u64 = 96 * 1024;
/// Descriptors of a worker without those of connections to clients, with some room.
const DESCRIPTORS_MAX: usize = 80;

/// A list that takes long: it searches for the beginnings of very many words.
fn slow_list() -> String {
    let terms: Vec<String> = (0..32).map(|number| format!("word{}*", number % 10)).collect();
    format!("/api/v1/personas?count=exact&limit=1&q={}", terms.join("+"))
}

/// Fills a server with personas that make a search take long.
fn filled(server: Server) -> Server {
    let mut client = server.connect();
    for persona in 0..PERSONAS {
        let path = create(&mut client, &format!("wordy {persona}"));
        let words: Vec<String> =
            (0..WORDS).map(|number| format!("word{}", number * PERSONAS + persona)).collect();
        let text = |part: usize| words[part * WORDS / 2..(part + 1) * WORDS / 2].join(" ");
        let reply =
            patch(&mut client, &path, &json!({ "description": text(0), "scenario": text(1) }))
                .expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    server
}

/// A list that takes several times as long.
fn endless_list() -> String {
    format!("/api/v1/personas?count=exact&limit=1&q={}", ["word*"; 32].join("+"))
}

/// Sends a request on a new connection, as a client with an address of its own.
fn ask(server: &Server, client: usize, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("the server accepts connections");
    let address = format!("192.0.{}.{}", client / 250, client % 250);
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: {address}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}

/// Threads, descriptors and memory of a process.
#[derive(Clone, Copy, Default, Debug)]
struct Weight {
    threads: usize,
    descriptors: usize,
    memory_kib: u64,
}

impl Weight {
    fn of(process: &Process) -> Self {
        let count = |what: &str| {
            fs::read_dir(format!("/proc/{}/{what}", process.pid)).map_or(0, Iterator::count)
        };
        let status =
            fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap_or_default();
        let memory = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        Self {
            threads: count("task"),
            descriptors: count("fd"),
            memory_kib: memory.unwrap_or_default(),
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            threads: self.threads.max(other.threads),
            descriptors: self.descriptors.max(other.descriptors),
            memory_kib: self.memory_kib.max(other.memory_kib),
        }
    }

    fn json(self) -> Value {
        json!({ "threads": self.threads, "descriptors": self.descriptors, "memory_kib": self.memory_kib })
    }
}

/// The largest value of each kind over the workers.
fn heaviest(server: &Server) -> Weight {
    server.processes("worker").iter().map(Weight::of).fold(Weight::default(), Weight::max)
}

/// Checks that the requests about the server itself are answered. Returns the longest time.
fn assert_tells_of_itself(server: &Server) -> Duration {
    let began = Instant::now();
    for path in ["/healthz", "/readyz", "/api/v1/status"] {
        let reply = server.connect().get(path).expect("an answer");
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
    }
    began.elapsed()
}

/// Lets clients repeat a slow search, beside writers.
fn searches_beside_writers(form: Form) {
    let server = filled(Server::with_workers(2).start());
    let stop = Arc::new(AtomicBool::new(false));
    let counts: Arc<[AtomicU64; 4]> = Arc::default();
    let readers = (0..4).map(|_| {
        let (mut client, stop, counts) = (server.connect(), Arc::clone(&stop), Arc::clone(&counts));
        thread::spawn(move || {
            while !stop.load(Relaxed) {
                let reply = client.get(&slow_list()).expect("an answer");
                let code = (reply.status != 200)
                    .then(|| reply.json()["code"].as_str().unwrap_or_default().to_owned());
                let count = match code.as_deref() {
                    None => 0,
                    Some("busy") => 1,
                    Some("read_timeout") => 2,
                    Some(_) => panic!("{reply:?}"),
                };
                counts[count].fetch_add(1, Relaxed);
            }
        })
    });
    let writers = (0..6).map(|number| {
        let (mut client, stop, counts) = (server.connect(), Arc::clone(&stop), Arc::clone(&counts));
        let path = create(&mut client, &format!("written {number}"));
        thread::spawn(move || {
            let text = "t".repeat(TEXT_BYTES);
            while !stop.load(Relaxed) {
                let number = counts[3].fetch_add(1, Relaxed);
                let reply = patch(
                    &mut client,
                    &path,
                    &json!({ "description": format!("{number} {text}") }),
                )
                .expect("an answer");
                assert_eq!(reply.status, 200, "{reply:?}");
            }
        })
    });
    let clients: Vec<_> = readers.chain(writers).collect();
    let (wal, mut largest) = (server.folder().join("persona.db-wal"), 0);
    // Several times the bound of the WAL, so that it has to be reset beside the searches.
    let written_min = form.pick(3, 20) * WAL_BYTES_MAX / REVISION_BYTES;
    wait_for("writes that fill the WAL several times", form.pick(9, 30) * DEADLINE, || {
        largest = largest.max(fs::metadata(&wal).map_or(0, |metadata| metadata.len()));
        let [listed, gave_way, timed_out, written] =
            [0, 1, 2, 3].map(|index| counts[index].load(Relaxed));
        (written >= written_min && listed + gave_way + timed_out >= 4).then_some(())
    });
    stop.store(true, Relaxed);
    for client in clients {
        client.join().expect("no request failed");
    }
    let [listed, gave_way, timed_out, written] =
        [0, 1, 2, 3].map(|index| counts[index].load(Relaxed));
    let figures = json!({ "largest_wal_bytes": largest, "writes": written, "lists": listed, "gave_way": gave_way, "timed_out": timed_out });
    report(40, "searches_beside_writers", form, "WAL at most 64 MiB, no failed write", &figures);
    assert!(largest <= WAL_BYTES_MAX, "the WAL reached {largest} bytes");
}

#[test]
fn slow_searches_do_not_make_the_wal_grow_without_bound() {
    searches_beside_writers(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn slow_searches_do_not_make_the_wal_grow_without_bound_long() {
    searches_beside_writers(Form::Long);
}

/// Sends lists and abandons them at once.
fn abandoned_lists(form: Form) {
    let server = filled(Server::with_workers(2).start());
    let workers: Vec<u32> = server.processes("worker").iter().map(|worker| worker.pid).collect();
    let (mut most, mut longest) = (Weight::default(), Duration::ZERO);
    let rounds = form.pick(12, 250);
    for round in 0..rounds {
        let asked: Vec<_> = (0..LISTS)
            .map(|number| ask(&server, round * LISTS + number, &endless_list()))
            .collect();
        // The lists have their turns, or wait for them, when their clients go.
        wait_for("lists under way", DEADLINE, || (in_flight(&server) > LISTS as u64).then_some(()));
        drop(asked);
        most = most.max(heaviest(&server));
        longest = longest.max(assert_tells_of_itself(&server));
    }
    most = most.max(heaviest(&server));
    // The list of another client has its turn soon, because none of the abandoned lists goes on.
    wait_for("a list", DEADLINE, || {
        (server.connect().get("/api/v1/personas?limit=1").ok()?.status == 200).then_some(())
    });
    let figures = json!({ "lists": rounds * LISTS, "most": most.json(), "status_longest_ms": longest.as_millis() });
    report(
        40,
        "abandoned_lists",
        form,
        "threads and descriptors bounded, no worker replaced",
        &figures,
    );
    assert!(most.threads <= THREADS_MAX && most.descriptors <= DESCRIPTORS_MAX, "{figures}");
    assert_eq!(
        server.processes("worker").iter().map(|worker| worker.pid).collect::<Vec<_>>(),
        workers,
        "a worker was replaced"
    );
}

#[test]
fn abandoned_lists_leave_no_threads_and_no_descriptors_behind() {
    abandoned_lists(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn abandoned_lists_leave_no_threads_and_no_descriptors_behind_long() {
    abandoned_lists(Form::Long);
}

#[test]
fn a_list_that_takes_too_long_is_ended_and_says_so() {
    let server = filled(Server::with_workers(1).flag("--read-timeout-ms=100").start());
    let mut client = server.connect();
    let reply = client.get(&slow_list()).expect("an answer");
    assert_eq!(
        (reply.status, reply.json()["code"].as_str(), reply.header("retry-after")),
        (503, Some("read_timeout"), Some("1"))
    );
    assert_eq!(reply.json()["detail"], "the read took longer than 100 ms");
    // The connection of the interrupted list serves the next request.
    assert_eq!(client.get("/api/v1/personas?limit=1").expect("an answer").status, 200);
}

/// How many slow lists one client asks for at a time. In the order of arrival each list of another
/// client would wait for about as many.
const GREEDY: usize = 32;

/// Clients of one address ask for slow lists without end, and a client of another address asks for
/// lists.
#[test]
fn a_client_that_asks_for_slow_lists_without_end_leaves_others_their_turn() {
    let server = filled(Server::with_workers(1).flag("--read-timeout-ms=1000").start());
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let greedy: Vec<_> = (0..GREEDY)
        .map(|_| {
            let (mut client, stop, answered) =
                (server.connect(), Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || {
                while !stop.load(Relaxed) {
                    client.get(&slow_list()).expect("an answer");
                    answered.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    wait_for("lists under way", DEADLINE, || {
        (in_flight(&server) > GREEDY as u64 / 2).then_some(())
    });
    let before = answered.load(Relaxed);
    let mut client = server.connect();
    for _ in 0..3 {
        let headers = [("x-forwarded-for", "192.0.2.7")];
        let reply =
            client.request("GET", "/api/v1/personas?limit=1", &headers, b"").expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let waited_for = answered.load(Relaxed) - before;
    stop.store(true, Relaxed);
    for client in greedy {
        client.join().expect("no request failed");
    }
    println!("three lists of another client waited for {waited_for} of {GREEDY} at a time");
    assert!(waited_for <= 3 * GREEDY / 2, "three lists waited for {waited_for}");
}

/// Exports that their clients do not read, and clients that ask for one more export.
fn unread_exports(form: Form) {
    let server = filled(Server::with_workers(2).start());
    let wanted = form.pick(60, 1_300);
    let (mut open, mut most, mut longest) = (Vec::new(), Weight::default(), Duration::ZERO);
    let (mut begun, mut refused) = (0, 0);
    for number in 0..wanted {
        let mut stream = ask(&server, number, "/api/v1/export");
        let mut status = [0; 12];
        stream.read_exact(&mut status).expect("an answer");
        match &status[9..] {
            b"200" => begun += 1,
            b"503" => refused += 1,
            _ => panic!("{status:?}"),
        }
        open.push(stream);
        if number % 20 == 0 {
            most = most.max(heaviest(&server));
            longest = longest.max(assert_tells_of_itself(&server));
        }
    }
    most = most.max(heaviest(&server));
    let figures = json!({ "begun": begun, "refused": refused, "most": most.json(), "status_longest_ms": longest.as_millis() });
    report(40, "unread_exports", form, "at most 4 exports a worker, the others told so", &figures);
    assert!(begun <= 8, "{figures}");
    assert!(most.threads <= THREADS_MAX && most.memory_kib <= MEMORY_KIB_MAX, "{figures}");
    drop(open);
    // The places of the exports are free again as soon as their clients have gone.
    wait_for("a whole export", DEADLINE, || {
        (server.connect().get("/api/v1/export").ok()?.status == 200).then_some(())
    });
}

/// How many requests are being answered.
fn in_flight(server: &Server) -> u64 {
    server.metric("persona_http_requests_in_flight")
}

#[test]
fn unread_exports_leave_the_server_its_memory_and_its_threads() {
    unread_exports(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn unread_exports_leave_the_server_its_memory_and_its_threads_long() {
    unread_exports(Form::Long);
}
