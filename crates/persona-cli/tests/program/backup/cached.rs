//! Restores and replaced files where every worker had the state before in its cache of reads: no
//! answer is of that state afterwards.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::backup::program::succeed;
use crate::common::personas::{connect_to_each_worker, create, get, patch};
use crate::common::{Client, Server};

const WORKERS: u16 = 2;

fn start(folder: TempDir) -> Server {
    Server::with_workers(WORKERS).flag("--expose-worker").in_folder(folder).start()
}

fn hits(server: &Server) -> u64 {
    let status = server.connect().get("/api/v1/status").expect("a status").json();
    status["read_cache"]["hits"].as_u64().expect("a number")
}

/// A server with a persona at revision 2 in the caches of all workers, and beside it a backup with
/// the persona at revision 1. Returns the path, the entity tag of revision 2, and a connection to
/// each worker.
fn with_full_caches() -> (Server, String, String, Vec<Client>) {
    let server = start(tempfile::tempdir().expect("a folder"));
    let path = create(&mut server.connect(), "of the backup");
    succeed(server.folder(), &["backup", "copy.db", "--database", "persona.db"]);
    let newer = patch(&mut server.connect(), &path, &json!({ "name": "newer" })).expect("answered");
    let tag = newer.header("etag").expect("an entity tag").to_owned();
    let mut clients = connect_to_each_worker(&server, WORKERS.into());
    for client in &mut clients {
        assert_eq!(get(client, &path).revision(), 2);
        let before = hits(&server);
        assert_eq!(get(client, &path).revision(), 2);
        assert!(hits(&server) > before, "the second read was not answered from the cache");
    }
    (server, path, tag, clients)
}

/// Each worker answers with the state of the backup, also a client that knows the newer one, and
/// again when the answer is in the cache.
fn assert_is_of_the_backup(server: &Server, path: &str, tag_of_newer: &str) {
    for mut client in connect_to_each_worker(server, WORKERS.into()) {
        for headers in [&[("if-none-match", tag_of_newer)][..], &[], &[]] {
            let reply = client.request("GET", path, headers, b"").expect("an answer");
            let told = (reply.status, &reply.json()["name"], &reply.json()["revision"]);
            assert_eq!(told, (200, &json!("of the backup"), &json!(1)));
        }
    }
}

#[test]
fn after_a_restore_no_worker_answers_what_it_had_in_its_cache() {
    let (server, path, tag, clients) = with_full_caches();
    drop(clients);
    let folder = server.stop_and_keep_the_folder();
    succeed(folder.path(), &["restore", "copy.db", "--database", "persona.db"]);
    assert_is_of_the_backup(&start(folder), &path, &tag);
}

#[test]
fn under_a_replaced_file_a_cached_persona_is_answered_as_acknowledged_until_the_server_ends() {
    let (server, path, tag, mut clients) = with_full_caches();
    fs::rename(server.folder().join("copy.db"), server.database()).expect("renamed");
    // What was acknowledged is what each worker says, from its cache or from the file that it has
    // open, until its connection ends with the server.
    for client in &mut clients {
        while let Ok(reply) = client.get(&path) {
            if reply.status != 200 {
                break;
            }
            assert_eq!(reply.json()["name"], "newer");
        }
    }
    server.wait_for_log("stopped after");
    let kept = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(server.folder()).expect("readable") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a file").is_file() {
            fs::copy(entry.path(), kept.path().join(entry.file_name())).expect("copied");
        }
    }
    assert_is_of_the_backup(&start(kept), &path, &tag);
}
