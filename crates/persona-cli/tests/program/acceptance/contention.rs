//! Many clients write at once, through four worker processes.

use std::thread;

use serde_json::{Value, json};

use crate::common::Server;
use crate::common::personas::{
    Seen, assert_file_is_whole, connect_to_each_worker, create, get, patch, worker_of,
};

const WORKERS: usize = 4;

#[test]
fn concurrent_updates_from_four_workers_all_succeed() {
    const ROUNDS: usize = 50;
    let server = Server::with_workers(4).flag("--expose-worker").start();
    let workers = connect_to_each_worker(&server, WORKERS);
    let shared = create(&mut server.connect(), "shared");
    let writers: Vec<_> = workers
        .into_iter()
        .enumerate()
        .map(|(index, mut client)| {
            let shared = shared.clone();
            thread::spawn(move || {
                let own = create(&mut client, &format!("own {index}"));
                for round in 0..ROUNDS {
                    for path in [&own, &shared] {
                        let reply = patch(
                            &mut client,
                            path,
                            &json!({ "extensions": { format!("{index}"): round } }),
                        )
                        .expect("an answer");
                        assert_eq!(reply.status, 200, "{reply:?}");
                    }
                }
                assert_eq!(worker_of(&mut client), index + 1, "the whole time through one worker");
                get(&mut client, &own).revision()
            })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.join().expect("no panic"), 1 + ROUNDS as u64);
    }
    let seen = get(&mut server.connect(), &shared);
    assert_eq!(seen.revision(), 1 + (WORKERS * ROUNDS) as u64);
    assert_eq!(seen.json()["extensions"], json!({ "0": 49, "1": 49, "2": 49, "3": 49 }));
}

#[test]
fn nothing_is_lost_or_corrupt_under_concurrent_access() {
    const CLIENTS: usize = 64;
    let server = Server::with_workers(4).start();
    let path = create(&mut server.connect(), "everybody's");
    let clients: Vec<_> = (0..CLIENTS * WORKERS)
        .map(|number| {
            let (mut client, path) = (server.connect(), path.clone());
            thread::spawn(move || {
                let reply = patch(
                    &mut client,
                    &path,
                    &json!({ "extensions": { format!("key {number}"): number } }),
                )
                .expect("an answer");
                Seen::of(&reply).revision()
            })
        })
        .collect();
    let mut revisions: Vec<u64> =
        clients.into_iter().map(|client| client.join().expect("no panic")).collect();
    revisions.sort_unstable();
    let acknowledged = (CLIENTS * WORKERS) as u64;
    assert_eq!(
        revisions,
        (2..=acknowledged + 1).collect::<Vec<_>>(),
        "each acknowledged write made one revision"
    );

    let seen = get(&mut server.connect(), &path);
    assert_eq!(seen.revision(), acknowledged + 1);
    let expected: serde_json::Map<String, Value> =
        (0..CLIENTS * WORKERS).map(|number| (format!("key {number}"), json!(number))).collect();
    assert_eq!(seen.json()["extensions"], Value::Object(expected));
    assert_eq!(server.metric("persona_writes_given_up_total"), 0);
    assert_file_is_whole(&server);
}

#[test]
fn of_two_editors_with_the_same_revision_one_wins_and_the_other_is_told() {
    let server = Server::with_workers(4).flag("--expose-worker").start();
    let mut workers = connect_to_each_worker(&server, WORKERS);
    let path = create(&mut workers[0], "Ada");
    for round in 0..50 {
        let tag = get(&mut workers[0], &path).etag;
        let (mut won, mut told) = (0, 0);
        let mut editors = Vec::new();
        for (index, mut client) in workers.drain(..).enumerate() {
            let (path, tag) = (path.clone(), tag.clone());
            editors.push(thread::spawn(move || {
                let body =
                    json!({ "name": "Ada", "description": format!("round {round} by {index}") })
                        .to_string();
                let reply = client
                    .request("PUT", &path, &[("if-match", &tag)], body.as_bytes())
                    .expect("an answer");
                (client, reply.status)
            }));
        }
        for editor in editors {
            let (client, status) = editor.join().expect("no panic");
            match status {
                200 => won += 1,
                412 => told += 1,
                other => panic!("status {other}"),
            }
            workers.push(client);
        }
        assert_eq!((won, told), (1, WORKERS - 1), "round {round}");
    }
}
