//! 39: clients that ask for much and do not read it: the memory of a worker stays bounded, others
//! are served meanwhile, and in the end the memory is freed.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::json;

use crate::common::personas::{create, get, patch};
use crate::common::report::{Form, milliseconds, report};
use crate::common::{Client, DEADLINE, Process, Server, wait_for};

const MIB: u64 = 1024 * 1024;
/// So many personas of this size fill a page.
const PERSONAS: usize = 40;
const PERSONA_PARTS: usize = 12;
const PART_BYTES: usize = 40_000;
/// The size of the system's receive buffer for a client that does not read, in bytes.
const BUFFER_BYTES: usize = 4096;
/// Memory of a worker beyond the bound for answers: four lists that are being read, each of which
/// takes up twice its size while it is put together, and the memory before.
const BESIDE: u64 = 4 * 2 * 18 * MIB + 96 * MIB;

/// A server of one worker with a list that has a page of 16 MiB, and with one small persona.
fn server(answer_memory_mb: u64, answer_patience: Duration) -> (Server, String) {
    let server = Server::with_workers(1)
        .flag(format!("--answer-memory-mb={answer_memory_mb}"))
        .flag(format!("--answer-patience-ms={}", answer_patience.as_millis()))
        .start();
    let mut client = server.connect();
    let text = "y".repeat(PART_BYTES);
    let extensions: serde_json::Map<_, _> =
        (0..PERSONA_PARTS).map(|part| (part.to_string(), json!(text))).collect();
    for number in 0..PERSONAS {
        let body =
            json!({ "name": format!("large {number}"), "extensions": extensions }).to_string();
        assert_eq!(
            client
                .request("POST", "/api/v1/personas", &[], body.as_bytes())
                .expect("an answer")
                .status,
            201
        );
    }
    let small = create(&mut client, "small");
    (server, small)
}

/// Client `number` asks for a page and does not read the answer.
fn ask(server: &Server, number: u32) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("the server accepts connections");
    set_socket_recv_buffer_size(&stream, BUFFER_BYTES).expect("a small buffer");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let head = format!(
        "GET /api/v1/personas?limit=1000 HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 192.0.2.{number}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}

/// The status of the answer that has come; the answer stays unread.
fn status(stream: &TcpStream) -> u16 {
    let mut start = [0; 12];
    wait_for("an answer", 3 * DEADLINE, || match stream.peek(&mut start).expect("an answer") {
        0 => panic!("the connection was closed without an answer"),
        length => (length == start.len()).then_some(()),
    });
    String::from_utf8_lossy(&start[9..]).parse().expect("a status")
}

/// Waits until the server has broken a connection. Earlier bytes can still be read, so a read would
/// not tell.
fn wait_for_reset(stream: &TcpStream, patience: Duration) {
    let broken = wait_for("the end of a connection", patience + DEADLINE, || {
        stream.take_error().expect("a socket")
    });
    assert_eq!(broken.kind(), ErrorKind::ConnectionReset);
}

/// Makes small requests as other clients and checks that the server says it is ready. Returns the
/// longest time.
fn others_are_served(server: &Server, small: &str) -> Duration {
    let mut longest = Duration::ZERO;
    let mut client = server.connect();
    for number in 0..50 {
        let begun = Instant::now();
        assert_eq!(
            patch(&mut client, small, &json!({ "extensions": { "n": number } }))
                .expect("an answer")
                .status,
            200
        );
        get(&mut client, small);
        longest = longest.max(begun.elapsed());
        let ready = Client::connect(server.address())
            .and_then(|mut client| client.get("/readyz"))
            .expect("an answer");
        assert_eq!(ready.status, 200);
    }
    longest
}

/// The worker, and the most memory that it had while so many clients did not read.
fn most_memory(server: &Server, clients: u32) -> (Process, u64, Vec<TcpStream>, Vec<u16>) {
    let worker = server.processes("worker").remove(0);
    let held: Vec<TcpStream> = (1..=clients).map(|number| ask(server, number)).collect();
    let statuses = held.iter().map(status).collect();
    let (_, most) = worker.resident();
    (worker, most, held, statuses)
}

fn unread_answers(form: Form) {
    let (clients, memory_mb) = (form.pick(40, 200), 64);
    let patience = Duration::from_secs(form.pick(4, 30));
    let (server, small) = server(memory_mb, patience);
    let (worker, _, held, statuses) = most_memory(&server, clients);
    let longest = others_are_served(&server, &small);
    let refused = statuses.iter().filter(|status| **status == 503).count();
    assert!(refused > 0 && refused < held.len(), "{statuses:?}");
    for (stream, _) in held.iter().zip(&statuses).filter(|(_, status)| **status == 200) {
        wait_for_reset(stream, patience);
    }
    let (_, most) = worker.resident();
    assert!(most < memory_mb * MIB + BESIDE, "{} MiB", most / MIB);
    let kept = wait_for("memory that is given back", DEADLINE, || {
        Some(worker.resident().0).filter(|now| *now < 96 * MIB)
    });
    // Afterwards everything is as before the attack.
    let page = server.connect().get("/api/v1/personas?limit=1000").expect("an answer");
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.len() as u64 > 16 * MIB);
    let figures = json!({ "clients": clients, "refused": refused, "most_mib": most / MIB, "kept_mib": kept / MIB, "longest_ms": milliseconds(longest) });
    report(
        39,
        "unread_answers",
        form,
        "memory at most the setting and 240 MiB, given back; others are served",
        &figures,
    );
}

#[test]
fn answers_that_are_not_read_take_bounded_memory_and_give_it_back() {
    unread_answers(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn answers_that_are_not_read_take_bounded_memory_and_give_it_back_long() {
    unread_answers(Form::Long);
}

/// The control: the same attack without the bound on the memory of answers.
#[test]
fn without_a_bound_the_same_clients_take_far_more() {
    let (server, _) = server(4096, Duration::from_mins(1));
    let (_, most, _held, statuses) = most_memory(&server, 40);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert!(most > 64 * MIB + BESIDE, "{} MiB", most / MIB);
}

#[test]
fn a_client_that_reads_at_all_gets_its_answer_and_one_that_does_not_is_cut_off() {
    let (server, _) = server(256, Duration::from_secs(2));
    let deaf = ask(&server, 1);
    assert_eq!(status(&deaf), 200);
    // The slow client reads everything, and takes longer than the time after which the deaf client
    // is given up.
    let mut slow = TcpStream::connect(server.address()).expect("the server accepts connections");
    slow.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    slow.write_all(b"GET /api/v1/personas?limit=1000 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .expect("sent");
    let mut read = 0_u64;
    let begun = Instant::now();
    while read < 16 * MIB {
        let mut bytes = vec![0; 512 * 1024];
        read += slow.read(&mut bytes).expect("it reads, and so it is served") as u64;
        if begun.elapsed() < Duration::from_secs(4) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    wait_for_reset(&deaf, Duration::ZERO);
}
