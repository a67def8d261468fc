//! Every worker knows what another worker has acknowledged.

use std::collections::BTreeSet;

use serde_json::json;

use crate::http::server::Server;

/// How many writes there are; each is followed by reads until both workers have answered one.
const WRITES: u64 = 20;
/// Reads after one write before the test gives up on meeting both workers.
const READS_MAX: usize = 200;

#[tokio::test]
async fn a_write_is_seen_by_every_read_that_starts_after_its_answer() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    for written in 2..=WRITES {
        let reply = server
            .send("PATCH", &path)
            .json(&json!({ "description": format!("{written}") }))
            .send()
            .await;
        assert_eq!(reply.revision(), written);
        let mut workers = BTreeSet::new();
        for _ in 0..READS_MAX {
            let read = server.get(&path).await;
            assert_eq!(read.body, reply.body);
            workers.insert(read.header("x-persona-worker").expect("a worker").to_owned());
            if workers.len() == 2 {
                break;
            }
        }
        assert_eq!(workers.len(), 2, "only {workers:?} answered");
    }
}

#[tokio::test]
async fn of_all_writers_with_the_same_tag_one_wins() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let tag = server.tag(&path).await;
    let put = |name: usize| {
        server
            .send("PUT", &path)
            .header("if-match", &tag)
            .json(&json!({ "name": format!("{name}") }))
            .send()
    };
    let writers: Vec<_> = (0..16).map(|name| tokio::spawn(put(name))).collect();
    let mut statuses = Vec::new();
    for writer in writers {
        statuses.push(writer.await.expect("no panic").status.as_u16());
    }
    statuses.sort_unstable();
    let mut expected = vec![200];
    expected.resize(16, 412);
    assert_eq!(statuses, expected);
    assert_eq!(server.get(&path).await.revision(), 2);
}

#[tokio::test]
async fn patches_of_different_fields_at_once_are_all_kept() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let add = |key: usize| {
        server
            .send("PATCH", &path)
            .json(&json!({ "extensions": { format!("k{key}"): key } }))
            .send()
    };
    let writers: Vec<_> = (0..32).map(|key| tokio::spawn(add(key))).collect();
    for writer in writers {
        assert_eq!(writer.await.expect("no panic").status, 200);
    }
    let reply = server.get(&path).await;
    assert_eq!(reply.revision(), 33);
    let expected: serde_json::Map<String, serde_json::Value> =
        (0..32).map(|key| (format!("k{key}"), json!(key))).collect();
    assert_eq!(reply.json()["extensions"], json!(expected));
}
