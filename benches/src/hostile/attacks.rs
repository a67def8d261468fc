//! One function for each way in which one client, or a few, can try to stop the others.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::socket::{Came, came, connected, crowd, quiet, send};
use crate::client::Client;
use crate::{Result, personas};

/// The server and the state of a running attack.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub server: SocketAddr,
    /// How many personas the store has.
    pub personas: u64,
    /// Whether the attack is to end.
    pub is_over: &'a AtomicBool,
}

impl Field<'_> {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Relaxed)
    }
}

/// One kind of attack.
pub struct Attack {
    pub name: &'static str,
    /// How many threads carry the attack out; each thread is given its number.
    pub threads: u8,
    pub carry_out: fn(Field, u8),
}

/// Every kind of attack.
pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "4 that repeat slow searches and 6 that write",
        threads: 10,
        carry_out: searches_and_writes,
    },
    Attack { name: "4 that leave their lists", threads: 4, carry_out: left_lists },
    Attack {
        name: "24 bodies of 8 MiB that do not come",
        threads: 1,
        carry_out: bodies_that_do_not_come,
    },
    Attack {
        name: "2,400 bodies just above the least rate",
        threads: 1,
        carry_out: bodies_at_least_rate,
    },
    Attack { name: "100 pages that are not read", threads: 1, carry_out: unread_pages },
    Attack { name: "300 exports that are not read", threads: 1, carry_out: unread_exports },
    Attack { name: "2,600 heads that do not end", threads: 1, carry_out: half_heads },
    Attack {
        name: "4,000 connections that ask every 8 s",
        threads: 1,
        carry_out: asking_connections,
    },
    Attack { name: "2 that exchange documents of 3.3 MB", threads: 2, carry_out: heavy_documents },
    Attack { name: "16 that read documents of 3.3 MB", threads: 16, carry_out: heavy_reads },
    Attack { name: "4 that send 200,000 unknown members", threads: 4, carry_out: unknown_members },
    Attack { name: "2 that patch with 1,000 copies", threads: 2, carry_out: copies },
];

/// How often a thread with many connections looks at all of them.
const LOOK: Duration = Duration::from_millis(250);
/// How many large documents there are: one for each client that writes, and one that is read.
const HEAVY: u64 = 4;

/// The path of a large document, with an identity beyond those of the store.
fn heavy_path(number: u64) -> String {
    format!("{}{}", personas::PATH, personas::id(u64::from(u32::MAX) + number))
}

/// Texts of a large document; the next constant is the number of words in each text.
const HEAVY_TEXTS: u64 = 13;
const HEAVY_WORDS: u64 = 21_000;

/// A document of 3.3 MB in which all words are different.
fn heavy_document(round: u64) -> String {
    let text = |part: u64| {
        let numbers = part * HEAVY_WORDS..(part + 1) * HEAVY_WORDS;
        numbers
            .map(|number| format!("word{}", 1_000_000 + number * 7 + round))
            .collect::<Vec<_>>()
            .join(" ")
    };
    json!({
        "name": "Heavy",
        "description": text(0),
        "personality": text(1),
        "scenario": text(2),
        "system_prompt": text(3),
        "alternate_greetings": (4..HEAVY_TEXTS).map(text).collect::<Vec<_>>(),
    })
    .to_string()
}

/// Creates the large documents that the attacks need.
pub fn prepare(server: SocketAddr) -> Result<()> {
    let mut client = Client::connect(server)?;
    for number in 0..HEAVY {
        client
            .send("PUT", &heavy_path(number), "If-None-Match: *\r\n", &heavy_document(0))?
            .success()?;
    }
    Ok(())
}

/// Calls `once` with a kept connection again and again, and makes a new connection when the old one
/// is closed.
fn again_and_again(field: Field, number: u8, mut once: impl FnMut(&mut Client, u64) -> Result<()>) {
    let mut turn = 0;
    while field.goes_on() {
        let Ok(mut client) =
            connected(field.server, number).and_then(|stream| Client::over(stream, field.server))
        else {
            sleep(Duration::from_millis(50));
            continue;
        };
        while field.goes_on() && once(&mut client, turn).is_ok() {
            turn += 1;
        }
        turn += 1;
    }
}

fn slow_search() -> String {
    let words: Vec<String> = (10..42).map(|number| format!("{number}*")).collect();
    format!("/api/v1/personas?count=exact&limit=1&q={}", words.join("+"))
}

fn searches_and_writes(field: Field, number: u8) {
    if number < 4 {
        let path = slow_search();
        return again_and_again(field, number, |client, _| {
            client.send("GET", &path, "", "").map(drop)
        });
    }
    again_and_again(field, number, |client, turn| {
        let path = format!(
            "{}{}",
            personas::PATH,
            personas::id((turn * 31 + u64::from(number)) % field.personas)
        );
        let change = json!({ "scenario": format!("{turn} {}", personas::prompt(turn, 100_000)) })
            .to_string();
        client.send("PATCH", &path, "If-Match: *\r\n", &change).map(drop)
    });
}

fn left_lists(field: Field, number: u8) {
    let head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", slow_search(), field.server);
    while field.goes_on() {
        // The connection is dropped at once.
        let sent = connected(field.server, number)
            .and_then(|mut stream| Ok(stream.write_all(head.as_bytes())?));
        sleep(Duration::from_millis(if sent.is_ok() { 5 } else { 50 }));
    }
}

/// Keeps so many connections open and sends the same first bytes on each; `look` tells whether a
/// connection is still wanted.
fn with_crowd(
    field: Field,
    count: usize,
    begin: &str,
    mut look: impl FnMut(&mut std::net::TcpStream) -> bool,
) {
    let mut connections = crowd(field.server, 0, count);
    for stream in connections.iter_mut().flatten() {
        send(stream, begin.as_bytes());
    }
    while field.goes_on() {
        for connection in &mut connections {
            if connection.as_mut().is_some_and(&mut look) || !field.goes_on() {
                continue;
            }
            *connection = quiet(field.server, 0);
            if let Some(stream) = connection {
                send(stream, begin.as_bytes());
            }
        }
        sleep(LOOK);
    }
}

fn post_head(field: Field, length: usize) -> String {
    format!(
        "POST /api/v1/personas HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{",
        field.server
    )
}

fn bodies_that_do_not_come(field: Field, _: u8) {
    let mut turn = 0_u32;
    with_crowd(field, 24, &post_head(field, 8 << 20), |stream| {
        turn += 1;
        let is_there = came(stream) == Came::Nothing;
        // A byte every 4 seconds.
        is_there && (!turn.is_multiple_of(16) || send(stream, b" "))
    });
}

fn bodies_at_least_rate(field: Field, _: u8) {
    let part = vec![b' '; 17_500 / 4];
    with_crowd(field, 2_400, &post_head(field, 65_000), |stream| {
        came(stream) == Came::Nothing && send(stream, &part)
    });
}

fn unread_pages(field: Field, _: u8) {
    let head = format!("GET /api/v1/personas?limit=200 HTTP/1.1\r\nHost: {}\r\n\r\n", field.server);
    with_crowd(field, 100, &head, |stream| send(stream, b""));
}

fn unread_exports(field: Field, _: u8) {
    let head = format!("GET /api/v1/export HTTP/1.1\r\nHost: {}\r\n\r\n", field.server);
    with_crowd(field, 300, &head, |stream| send(stream, b""));
}

fn half_heads(field: Field, _: u8) {
    with_crowd(field, 2_600, "GET / HTTP/1.1\r\nHost", |stream| came(stream) == Came::Nothing);
}

fn asking_connections(field: Field, _: u8) {
    let head = format!(
        "GET {}{} HTTP/1.1\r\nHost: {}\r\n\r\n",
        personas::PATH,
        personas::id(1),
        field.server
    );
    let mut turn = 0_u32;
    with_crowd(field, 4_000, &head.clone(), |stream| {
        turn += 1;
        came(stream) != Came::End && (!turn.is_multiple_of(32) || send(stream, head.as_bytes()))
    });
}

fn heavy_documents(field: Field, number: u8) {
    let documents = [heavy_document(1), heavy_document(2)];
    let path = heavy_path(number.into());
    again_and_again(field, number, |client, turn| {
        client
            .send("PUT", &path, "If-Match: *\r\n", &documents[usize::from(turn.is_multiple_of(2))])
            .map(drop)
    });
}

fn heavy_reads(field: Field, number: u8) {
    let path = format!(
        "{}{}",
        heavy_path(HEAVY - 1),
        if number.is_multiple_of(2) { "" } else { "?revision=1" }
    );
    again_and_again(field, 1 + number % 2, |client, _| client.send("GET", &path, "", "").map(drop));
}

fn unknown_members(field: Field, number: u8) {
    let members: Vec<String> =
        (0..200_000).map(|member| format!(r#""unknown{member}":0"#)).collect();
    let body = format!("{{{}}}", members.join(","));
    again_and_again(field, number, |client, _| {
        client.send("POST", "/api/v1/personas", "", &body).map(drop)
    });
}

fn copies(field: Field, number: u8) {
    let copies: Vec<_> =
        (0..1_000).map(|to| json!({ "op": "copy", "from": "/extensions", "path": format!("/extensions/c{to}") })).collect();
    let body = json!(copies).to_string();
    let path = heavy_path(2);
    again_and_again(field, number, |client, _| {
        client
            .send_typed("PATCH", &path, "If-Match: *\r\n", "application/json-patch+json", &body)
            .map(drop)
    });
}
