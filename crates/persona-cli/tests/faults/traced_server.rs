//! A server with all of its processes below `strace`, from its first call on, and the answers of
//! its clients.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::common::personas::{create, get, patch};
use crate::common::{Client, DEADLINE, Server, signal, wait_for};
use crate::kill_points::children_of;
use crate::ledger::read_whole;
use crate::strace::traced;

/// Changes in the WAL of [`interrupted`], and bytes of each: more than one region of the WAL's
/// index covers.
const CHANGES: usize = 40;
const CHANGE_BYTES: usize = 450_000;

/// A folder with a database of one persona. Its server was killed, so that its WAL has to be
/// recovered, and the index of the WAL has two regions.
pub fn interrupted() -> TempDir {
    let server = Server::with_workers(1).flag("--wal-autocheckpoint=1000000").start();
    let path = create(&mut server.connect(), "survivor");
    for number in 0..CHANGES {
        let change =
            json!({ "extensions": { "number": number, "text": "t".repeat(CHANGE_BYTES) } });
        assert_eq!(patch(&mut server.connect(), &path, &change).expect("an answer").status, 200);
    }
    let small = json!({ "extensions": { "text": "" } });
    assert_eq!(patch(&mut server.connect(), &path, &small).expect("an answer").status, 200);
    server.kill_and_keep_the_folder()
}

/// The answers to changes, each of which is a key.
#[derive(Default, Debug)]
pub struct Told {
    path: String,
    pub acknowledged: Vec<String>,
    /// Changes that were refused with a code that says that nothing was changed.
    pub refused: Vec<String>,
}

/// A server below `strace`.
pub struct TracedServer {
    strace: Child,
    address: Option<SocketAddr>,
    log: Option<JoinHandle<String>>,
}

impl TracedServer {
    /// Starts the server in this folder, and waits until it is ready or has ended.
    pub fn start(folder: &Path, options: &[String], flags: &[&str]) -> Self {
        let arguments = ["serve", "--database", "persona.db", "--port=0", "--workers=1"]
            .iter()
            .chain(flags)
            .map(ToString::to_string);
        let mut command = traced(folder, options, &arguments.collect::<Vec<_>>());
        let mut strace = command.stdout(Stdio::piped()).spawn().expect("strace");
        let mut stderr = strace.stderr.take().expect("a pipe");
        let log = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let first = first_line(strace.stdout.take().expect("a pipe"))
            .recv_timeout(DEADLINE)
            .unwrap_or_default();
        let address = first
            .trim()
            .strip_prefix("listening on http://")
            .and_then(|address| address.parse().ok());
        Self { strace, address, log: Some(log) }
    }

    /// Whether the server became ready.
    pub fn was_ready(&self) -> bool {
        self.address.is_some()
    }

    /// Sends so many changes of the only persona, and notes the answers.
    pub fn send_changes(&self, count: usize) -> Told {
        let mut told = Told::default();
        let Some(address) = self.address else { return told };
        // A server that ends, or replaces its processes, does not answer the list.
        let Ok(list) =
            Client::connect(address).and_then(|mut client| client.get("/api/v1/personas"))
        else {
            return told;
        };
        let Some(id) = list.json()["items"][0]["id"].as_str().map(str::to_owned) else {
            return told;
        };
        told.path = format!("/api/v1/personas/{id}");
        for number in 0..count {
            let key = format!("during/{number}");
            let change = json!({ "extensions": { &key: 1 } });
            // After a broken connection it is open whether the change was kept.
            let Ok(reply) = Client::connect(address)
                .and_then(|mut client| patch(&mut client, &told.path, &change))
            else {
                continue;
            };
            match reply.json()["code"].as_str() {
                None if reply.status == 200 => told.acknowledged.push(key),
                Some("busy" | "storage_full" | "storage_failed") => told.refused.push(key),
                _ => {}
            }
        }
        told
    }

    /// Stops the server, unless it has ended. Returns its standard error.
    #[track_caller]
    pub fn end(&mut self) -> String {
        for supervisor in children_of(self.strace.id()) {
            signal(supervisor, Signal::TERM);
        }
        wait_for("the end of the server", DEADLINE, || self.strace.try_wait().expect("a child"));
        self.log.take().expect("taken once").join().expect("no panic")
    }
}

/// Checks that all acknowledged changes are there, and no refused ones.
#[track_caller]
pub fn assert_agrees(server: &Server, told: &Told) {
    if !told.path.is_empty() {
        let kept = get(&mut server.connect(), &told.path).json();
        let is_kept = |key: &String| kept["extensions"].get(key).is_some();
        assert_eq!(told.acknowledged.iter().find(|key| !is_kept(key)), None, "lost: {told:?}");
        assert_eq!(
            told.refused.iter().find(|key| is_kept(key)),
            None,
            "refused, and kept all the same: {told:?}"
        );
    }
    assert_eq!(read_whole(&server.database()).personas.len(), 1);
}

fn first_line(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut first = String::new();
        let _ = lines.read_line(&mut first);
        let _ = sender.send(first);
        let _ = lines.read_to_string(&mut String::new());
    });
    receiver
}
