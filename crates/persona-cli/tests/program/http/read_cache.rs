//! The cache of reads of a worker, beside a program that knows nothing of the cache.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::common::Server;
use crate::common::personas::{create, get, patch};

/// Reads a persona until its answer comes from the cache, lets another program put its first state
/// back, and reads the persona again over the same connection. Returns the revision that is read.
fn revision_after_a_foreign_change(server: &Server) -> u64 {
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    let foreign = Connection::open(server.database()).expect("it opens");
    // A copy of the row, kept by a program without the rules of this one.
    foreign
        .execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM personas")
        .expect("a table of its own");
    patch(&mut client, &path, &json!({ "description": "changed" })).expect("an answer");
    let hits = hits(server);
    for _ in 0..10 {
        assert_eq!(get(&mut client, &path).revision(), 2);
    }
    assert!(self::hits(server) > hits, "the cache is not in use: nothing is proved");
    let put_back = "UPDATE personas SET (revision, head, document, checksum) =
                    (SELECT revision, head, document, checksum FROM kept)";
    assert_eq!(foreign.execute(put_back, []), Ok(1));
    let seen = get(&mut client, &path).revision();
    // The same after a write of this program.
    create(&mut client, "Eve");
    assert_eq!(get(&mut client, &path).revision(), seen);
    seen
}

fn status(server: &Server) -> Value {
    server.connect().get("/api/v1/status").expect("a status").json()
}

fn hits(server: &Server) -> u64 {
    status(server)["read_cache"]["hits"].as_u64().expect("a number")
}

#[test]
fn a_change_by_another_program_is_answered_at_once() {
    let server = Server::with_workers(1).start();
    assert_eq!(revision_after_a_foreign_change(&server), 1);
    let status = status(&server);
    assert!(status["read_cache"]["clears"].as_u64() > Some(0), "{status}");
}

/// The control of the test above: a cache that overlooks another program is found.
#[test]
fn a_cache_that_overlooks_another_program_is_noticed() {
    let server = Server::with_workers(1).flag("--fault=overlook-foreign-commit").start();
    assert_eq!(revision_after_a_foreign_change(&server), 2, "the state that is gone");
}

#[test]
fn without_memory_for_it_no_read_is_answered_from_a_cache() {
    let server = Server::with_workers(1).flag("--read-cache-mb=0").start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    for _ in 0..10 {
        assert_eq!(get(&mut client, &path).revision(), 1);
    }
    let status = status(&server);
    let nothing = json!({ "bytes": 0, "hits": 0, "misses": 0, "synchronisations": 0, "clears": 0 });
    assert_eq!(status["read_cache"], nothing);
}
