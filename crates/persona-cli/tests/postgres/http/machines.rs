//! Several servers over one database, as on several machines.

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
