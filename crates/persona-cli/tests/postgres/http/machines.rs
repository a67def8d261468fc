//! Several servers over one database, as on several machines.

use serde_json::{Value, json};

use crate::common::events::EventStream;
use crate::common::personas;
use crate::common::tokens::{bearer, create, run};
use crate::common::{Client, Server};

const LIST: &str = "/api/v1/personas";

fn status(client: &mut Client, header: &str) -> u16 {
    let asked = client.request("GET", LIST, &[("authorization", header)], b"");
    asked.expect("an answer").status
}

/// What two servers answer to a token right after the command that revoked it: four connections to
/// each, all of which were let in before. The second one has these flags besides.
fn answers_after_the_revocation(flags: &[&str]) -> Vec<u16> {
    let first = Server::with_workers(2).start();
    let database = format!("--database={}", first.database_argument());
    let second = Server::with_workers(2).flag(database);
    let second = flags.iter().fold(second, |builder, flag| builder.flag(*flag)).start();
    let header = bearer(&create(&first, &["--name=ci", "--scope=read"]));
    let mut clients: Vec<Client> =
        [&first, &second].into_iter().flat_map(|server| (0..4).map(|_| server.connect())).collect();
    for client in &mut clients {
        assert_eq!(status(client, &header), 200);
    }
    run(&first, &["revoke", "ci"]);
    clients.iter_mut().map(|client| status(client, &header)).collect()
}

#[test]
fn a_revoked_token_is_refused_by_every_server_of_the_database_when_the_command_ends() {
    assert_eq!(answers_after_the_revocation(&[]), [401; 8]);
}

/// The control of the test above: another machine that accepts old tokens is found.
#[test]
fn another_server_that_believes_old_tokens_is_noticed() {
    let answers = answers_after_the_revocation(&["--fault=believe-old-tokens"]);
    assert_eq!(answers[..4], [401; 4]);
    assert!(answers[4..].contains(&200), "{answers:?}");
}

/// How often the label and the handle are moved.
const MOVES: u64 = 40;

/// A persona is changed, labelled and called otherwise through one server, and read through another
/// one right after each answer, by identity, label and handle; a follower there is told of all.
#[test]
fn what_one_server_acknowledges_the_next_read_on_another_one_finds_and_its_followers_are_told() {
    let first = Server::with_workers(2).start();
    let database = format!("--database={}", first.database_argument());
    let second = Server::with_workers(2).flag(database).start();
    let mut here = first.connect();
    // Two connections, which are mostly of two workers.
    let mut there = [second.connect(), second.connect()];
    let path = personas::create(&mut here, "Ada");
    let mut followers = [(), ()].map(|()| EventStream::open(&second, "?after=0", &[]));
    let label = format!("{path}/labels/production");
    for number in 0..MOVES {
        let handle = format!("ada-{number}");
        personas::patch(&mut here, &path, &json!({ "handle": handle })).expect("an answer");
        let moved = here.request("PUT", &label, &[], br#"{"from":"latest"}"#).expect("an answer");
        assert!(matches!(moved.status, 200 | 201), "{moved:?}");
        let ways = [path.clone(), format!("{path}?label=production"), format!("{LIST}/@{handle}")];
        for client in &mut there {
            for way in &ways {
                let read = client.get(way).expect("an answer").json();
                assert_eq!(read["handle"], handle, "{way}");
            }
        }
    }
    for follower in &mut followers {
        let told: Vec<Value> = (0..=2 * MOVES).map(|_| follower.event()).collect();
        let numbers: Vec<u64> = told.iter().filter_map(|one| one["sequence"].as_u64()).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
        let of = |kind: &str| told.iter().filter(|one| one["kind"] == kind).count() as u64;
        assert_eq!((of("created"), of("updated"), of("labelled")), (1, MOVES, MOVES));
    }
}
