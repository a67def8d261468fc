//! The command `persona move`: its output, its refusals and their exit codes, and that the moved
//! database works.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::common::runner::{Folder, many};
use crate::common::tokens::bearer;
use crate::common::{Client, Server};
use persona_test_support::Cluster;

/// A folder with a database file of some personas, and the URL of an empty database.
fn places() -> (Folder, String) {
    let folder = Folder::new().file("many.ndjson", many(120));
    assert_eq!(folder.run(&["import", "many.ndjson"]).code, 0);
    assert_eq!(folder.run(&["create", "--name", "Ada"]).code, 0);
    let cluster = Cluster::shared();
    (folder, cluster.url(&cluster.database()))
}

#[test]
fn everything_moves_to_postgresql_and_back_and_is_the_same() {
    let (folder, url) = places();
    let before = folder.results(&["export"]);
    let there = ["move", "--from", "sqlite:persona.db", "--to", &url, "--json"];
    let rehearsed = folder.run(&[&there[..], &["--dry-run"]].concat());
    assert_eq!(rehearsed.code, 0, "{rehearsed}");
    let report: Value = serde_json::from_str(&folder.results(&there)).expect("JSON");
    assert_eq!((&report["personas"], &report["verified"]), (&121.into(), &true.into()), "{report}");
    assert_eq!(folder.results(&["export", "--database", &url]), before);
    let back = folder.run(&["move", "--from", &url, "--to", "sqlite:back.db"]);
    assert!(
        back.code == 0
            && back.stdout.contains("121 personas")
            && back.stderr.contains("--database back.db"),
        "{back}"
    );
    assert_eq!(folder.results(&["export", "--database", "back.db"]), before);
    let checked = folder.run(&["check", "back.db"]);
    assert_eq!(checked.code, 0, "{checked}");
    assert!(!folder.files().iter().any(|name| name.contains("unfinished")), "{:?}", folder.files());
}

/// What a server on this database answers to each of these tokens.
fn statuses<const N: usize>(database: &str, secrets: [&str; N]) -> [u16; N] {
    let server = Server::with_workers(2).flag(format!("--database={database}")).start();
    let answers = secrets.map(|secret| {
        let headers = [("authorization", &*bearer(secret))];
        let reply = server.connect().request("GET", "/api/v1/personas", &headers, b"");
        reply.expect("an answer").status
    });
    // A server that goes on would keep its database from being moved away.
    drop(server.stop_and_keep_the_folder());
    answers
}

#[test]
fn tokens_count_where_their_database_was_moved_to_and_ended_ones_do_not() {
    let (folder, url) = places();
    let token = |arguments: &[&str], database: &str| {
        let place = ["--json", "--database", database];
        let told = folder.results(&[&["token"], arguments, &place].concat());
        let told: Value = serde_json::from_str(&told).expect("JSON");
        told["token"].as_str().unwrap_or_default().to_owned()
    };
    let make = |name| token(&["create", "--scope=read", "--name", name], "persona.db");
    let (former, later, ended) = (make("rotated"), make("later"), make("ended"));
    let rotated = token(&["rotate", "rotated"], "persona.db");
    token(&["revoke", "ended"], "persona.db");
    let all = [&*former, &rotated, &later, &ended];
    assert_eq!(folder.run(&["move", "--from", "sqlite:persona.db", "--to", &url]).code, 0);
    assert_eq!(statuses(&url, all), [200, 200, 200, 401]);
    token(&["revoke", "later"], &url);
    token(&["rotate", "--keep=0s", "rotated"], &url);
    assert_eq!(folder.run(&["move", "--from", &url, "--to", "sqlite:back.db"]).code, 0);
    let back = folder.path("back.db").display().to_string();
    assert_eq!(statuses(&back, all), [401; 4], "what ended there has ended here");
    let again = token(&["rotate", "rotated"], &back);
    assert_eq!(statuses(&back, [&again]), [200]);
    for place in ["back.db", "persona.db"] {
        let bytes = std::fs::read(folder.path(place)).expect("a file");
        let has = |secret: &str| bytes.windows(43).any(|part| part == &secret.as_bytes()[4..47]);
        assert!(!all.into_iter().any(has), "{place} has a secret");
    }
}

#[test]
fn bad_places_are_refused_by_name_with_an_exit_code_of_their_own_and_without_the_password() {
    let (folder, url) = places();
    let nobody = "postgres://ada:secret@127.0.0.1:1/personas";
    let missing =
        url.rsplit_once('/').map(|(server, _)| format!("{server}/missing")).expect("a URL");
    let refusals = [
        ("persona.db", url.as_str(), 2, "--from: must be sqlite:FILE"),
        ("sqlite:persona.db", "mysql://localhost/x", 2, "--to: must be sqlite:FILE"),
        ("sqlite:persona.db", "sqlite:./persona.db", 2, "cannot be moved to itself"),
        ("sqlite:persona.db", "sqlite:other.db", 2, "not from one SQLite file to another"),
        ("sqlite:missing.db", &url, 3, "there is no database at missing.db"),
        ("sqlite:many.ndjson", &url, 5, "is not a SQLite database"),
        ("sqlite:persona.db", nobody, 69, "could not reach"),
        ("sqlite:persona.db", &missing, 3, "there is no database missing"),
        (&url, "sqlite:new.db", 5, "schema version 0"),
        (&url, "sqlite:persona.db", 4, "persona.db exists already"),
    ];
    for (from, to, code, words) in refusals {
        let ran = folder.run(&["move", "--from", from, "--to", to]);
        assert!(
            ran.code == code && ran.stderr.contains(words) && !ran.stderr.contains("secret"),
            "{from} {to}: {ran}"
        );
    }
    assert_eq!(folder.run(&["move", "--from", "sqlite:persona.db", "--to", &url]).code, 0);
    let again = folder.run(&["move", "--from", "sqlite:persona.db", "--to", &url]);
    assert!(
        again.code == 4
            && again.stderr.contains("121 personas already")
            && again.stderr.contains("--into-existing"),
        "{again}"
    );
}

/// Checks a move away from a database in use: the server would go on to acknowledge writes that the
/// copy does not have.
#[test]
fn a_database_that_a_server_uses_is_not_moved_away_unless_the_move_is_live() {
    let (folder, url) = places();
    assert_eq!(folder.run(&["move", "--from", "sqlite:persona.db", "--to", &url]).code, 0);
    let server = Server::with_workers(2).flag(format!("--database={url}")).start();
    assert_eq!(server.connect().get("/api/v1/personas").expect("an answer").status, 200);
    let away = ["move", "--from", &url, "--to", "sqlite:back.db"];
    let refused = folder.run(&away);
    assert_eq!(refused.code, 75, "{refused}");
    assert!(
        refused.stderr.contains("is in use by persona ") && refused.stderr.contains("--live"),
        "{refused}"
    );
    assert!(!folder.files().iter().any(|name| name.contains("back.db")), "{:?}", folder.files());
    let reply = server
        .connect()
        .request("POST", "/api/v1/personas", &[], br#"{"name":"Eve"}"#)
        .expect("an answer");
    assert_eq!(reply.status, 201, "{reply:?}");
    drop(server.stop_and_keep_the_folder());
    let moved = folder.run(&away);
    assert!(moved.code == 0 && moved.stdout.contains("122 personas"), "{moved}");
}

/// Pause of a client between two writes: eight clients with it are slower than the copy, which
/// otherwise never catches up.
const PACE: Duration = Duration::from_millis(40);

/// Writes over kept connections until no server accepts any more. Each request has to be answered:
/// with success, or in a way that tells the client to send it again. Returns how many were refused.
fn write_until_the_end(address: SocketAddr) -> usize {
    let mut refused = 0;
    loop {
        let mut client = match Client::connect(address) {
            Ok(client) => client,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return refused,
            Err(error) => panic!("neither a connection nor a refusal: {error}"),
        };
        while !client.closes {
            let reply = client
                .request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#)
                .expect("an answer");
            if reply.status == 201 {
                thread::sleep(PACE);
                continue;
            }
            let kind = reply.header("content-type").unwrap_or_default();
            assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply:?}");
            assert!(kind.starts_with("application/problem+json"), "{reply:?}");
            refused += 1;
        }
        client.wait_for_close().expect("the end of the connection");
    }
}

#[test]
fn at_the_end_of_a_live_move_every_request_has_an_answer_before_the_old_server_ends() {
    let (folder, url) = places();
    let file = folder.path("persona.db");
    let server = Server::with_workers(2).flag(format!("--database={}", file.display())).start();
    let address = server.address();
    let clients: Vec<_> =
        (0..8).map(|_| thread::spawn(move || write_until_the_end(address))).collect();
    let moved = folder.run(&["move", "--live", "--from", "sqlite:persona.db", "--to", &url]);
    assert_eq!(moved.code, 0, "{moved}");
    let refused: Vec<usize> = clients
        .into_iter()
        .map(|client| client.join().expect("every request has an answer"))
        .collect();
    assert!(refused.iter().any(|count| *count > 0), "{refused:?}");
    let ended = server.wait();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("was moved to another database")
            && ended.stderr.contains("(with a fault)"),
        "{}",
        ended.stderr
    );
}
