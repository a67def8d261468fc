//! Requests about personas that many tests need.

use std::io;

use serde_json::{Value, json};

use crate::common::{Client, DEADLINE, ON_POSTGRES, Reply, Server, wait_for};

/// A persona as its client sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The whole body.
    pub body: Vec<u8>,
    /// The entity tag.
    pub etag: String,
}

impl Seen {
    /// The persona of an answer.
    #[track_caller]
    pub fn of(reply: &Reply) -> Self {
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
        Self {
            body: reply.body.clone(),
            etag: reply.header("etag").expect("an entity tag").to_owned(),
        }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The revision; fails the test unless body and tag have the same.
    #[track_caller]
    pub fn revision(&self) -> u64 {
        let revision = self.json()["revision"].as_u64().expect("a number");
        assert!(
            self.etag.starts_with(&format!("\"{revision}-")),
            "revision {revision} has the tag {}",
            self.etag
        );
        revision
    }
}

/// Creates a persona with this name and returns its path.
#[track_caller]
pub fn create(client: &mut Client, name: &str) -> String {
    let body = json!({ "name": name }).to_string();
    let reply =
        client.request("POST", "/api/v1/personas", &[], body.as_bytes()).expect("an answer");
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.header("location").expect("a location").to_owned()
}

/// Reads a persona.
#[track_caller]
pub fn get(client: &mut Client, path: &str) -> Seen {
    Seen::of(&client.get(path).expect("an answer"))
}

/// Sends a merge patch.
pub fn patch(client: &mut Client, path: &str, members: &Value) -> io::Result<Reply> {
    client.request("PATCH", path, &[], members.to_string().as_bytes())
}

/// Most connections that are kept open during the search for a connection to each worker.
const OTHERS_MAX: usize = 100;

/// Returns one connection to each of the workers, found by the slot that answers name. Waits for
/// workers that are about to start.
#[track_caller]
pub fn connect_to_each_worker(server: &Server, workers: usize) -> Vec<Client> {
    let mut found: Vec<Option<Client>> = (0..workers).map(|_| None).collect();
    // These connections are kept open, because the server spreads connections by how many a worker
    // has.
    let mut others = Vec::new();
    wait_for("a connection to each worker", DEADLINE, || {
        let mut client = server.connect();
        match &mut found[worker_of(&mut client) - 1] {
            place @ None => *place = Some(client),
            Some(_) if others.len() < OTHERS_MAX => others.push(client),
            Some(_) => others.clear(),
        }
        found.iter().all(Option::is_some).then_some(())
    });
    found.into_iter().flatten().collect()
}

/// The slot of the worker at the other end of this connection.
#[track_caller]
pub fn worker_of(client: &mut Client) -> usize {
    let reply = client.get("/healthz").expect("an answer");
    reply
        .header("x-persona-worker")
        .and_then(|slot| slot.parse().ok())
        .expect("the server was started with --expose-worker")
}

/// Lets SQLite itself check the file. PostgreSQL has no file to check.
#[track_caller]
pub fn assert_file_is_whole(server: &Server) {
    if ON_POSTGRES {
        return;
    }
    let file = rusqlite::Connection::open(server.database()).expect("it opens");
    let report: String =
        file.pragma_query_value(None, "integrity_check", |row| row.get(0)).expect("a report");
    assert_eq!(report, "ok");
    let broken: i64 = file
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(broken, 0);
}
