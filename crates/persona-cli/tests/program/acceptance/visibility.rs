//! Every worker sees what any worker wrote, at once.

use serde_json::json;

use crate::common::Server;
use crate::common::personas::{Seen, connect_to_each_worker, create, get, patch};

const WORKERS: usize = 4;
const ROUNDS: usize = 100;

#[test]
fn every_worker_sees_the_same_data_right_after_an_update() {
    let server = Server::with_workers(4).flag("--expose-worker").start();
    let mut workers = connect_to_each_worker(&server, WORKERS);
    let path = create(&mut workers[0], "Ada");
    for round in 0..ROUNDS {
        let writer = round % WORKERS;
        let written = Seen::of(
            &patch(
                &mut workers[writer],
                &path,
                &json!({ "description": format!("round {round}") }),
            )
            .expect("an answer"),
        );
        for client in &mut workers {
            assert_eq!(get(client, &path), written, "round {round}");
        }
    }
    assert_eq!(get(&mut workers[0], &path).revision(), 1 + ROUNDS as u64);
}

#[test]
fn a_client_that_revalidates_is_told_of_every_change_by_every_worker() {
    let server = Server::with_workers(4).flag("--expose-worker").start();
    let mut workers = connect_to_each_worker(&server, WORKERS);
    let path = create(&mut workers[0], "Ada");
    let mut tag = get(&mut workers[0], &path).etag;
    for round in 0..ROUNDS {
        for client in &mut workers {
            let unchanged =
                client.request("GET", &path, &[("if-none-match", &tag)], b"").expect("an answer");
            assert_eq!(unchanged.status, 304, "round {round}");
        }
        let written = Seen::of(
            &patch(&mut workers[round % WORKERS], &path, &json!({ "nickname": round.to_string() }))
                .expect("an answer"),
        );
        for client in &mut workers {
            let changed =
                client.request("GET", &path, &[("if-none-match", &tag)], b"").expect("an answer");
            assert_eq!(Seen::of(&changed), written, "round {round}");
        }
        tag = written.etag;
    }
}

#[test]
fn a_deleted_persona_is_gone_on_every_worker_and_a_restored_one_is_back() {
    let server = Server::with_workers(4).flag("--expose-worker").start();
    let mut workers = connect_to_each_worker(&server, WORKERS);
    for round in 0..20 {
        let path = create(&mut workers[round % WORKERS], "Ada");
        let tag = get(&mut workers[0], &path).etag;
        let deleted =
            workers[0].request("DELETE", &path, &[("if-match", &tag)], b"").expect("an answer");
        assert_eq!(deleted.status, 204, "{deleted:?}");
        for client in &mut workers {
            assert_eq!(client.get(&path).expect("an answer").status, 410, "round {round}");
        }
        let restored =
            workers[1].request("POST", &format!("{path}/undelete"), &[], b"").expect("an answer");
        for client in &mut workers {
            assert_eq!(get(client, &path), Seen::of(&restored), "round {round}");
        }
    }
}
