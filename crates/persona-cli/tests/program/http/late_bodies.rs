//! Bodies that come after the token of their request has ended: they change nothing.

use serde_json::{Value, json};

use crate::common::tokens::{bearer, create};
use crate::common::{Client, DEADLINE, Reply, Server, wait_for};

const LIST: &str = "/api/v1/personas";
/// Items of the batch that come before the end of the token, and behind it. The first ones are more
/// than is read before the first item is done.
const BEFORE: usize = 300;
const BEHIND: usize = 3;

fn ask(server: &Server, token: &str, method: &str, path: &str, body: &str) -> Reply {
    let headers = [("authorization", token)];
    server.connect().request(method, path, &headers, body.as_bytes()).expect("an answer")
}

/// The tokens of an admin, and of the client that is late.
fn tokens(server: &Server) -> [String; 2] {
    [("admin", "admin"), ("late", "write")]
        .map(|(name, scope)| bearer(&create(server, &["--name", name, "--scope", scope])))
}

/// Ends the token of the late client, where it is to end. The answer comes when it has.
fn end(server: &Server, admin: &str, is_revoked: bool) {
    if is_revoked {
        let ended = ask(server, admin, "POST", "/api/v1/tokens/late/revoke", "");
        assert_eq!(ended.status, 200, "{ended:?}");
    }
}

/// Begins a request. The server has let it in, and waits for its body.
fn begin(
    server: &Server,
    token: &str,
    (method, path, kind, body): (&str, &str, &str, &str),
) -> Client {
    let mut client = server.connect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\n\
         content-type: {kind}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes()).expect("sent");
    assert_eq!(client.read_reply().expect("an interim answer").status, 100, "{method} {path}");
    client
}

/// The answers to requests of each kind with bodies that come late, and the personas afterwards.
fn answers(is_revoked: bool) -> (Vec<(u16, Value)>, Value) {
    let server = Server::with_workers(2).start();
    let [admin, late] = tokens(&server);
    let ada = ask(&server, &admin, "POST", LIST, r#"{"name":"Ada"}"#);
    let ada = ada.header("location").expect("a path").to_owned();
    let (json, merge) = ("application/json", "application/merge-patch+json");
    let batch = r#"{"items":[{"op":"create","document":{"name":"Bea"}}]}"#;
    let all = [
        ("POST", LIST, json, r#"{"name":"Bea"}"#),
        ("PATCH", &ada, merge, r#"{"nickname":"late"}"#),
        ("PUT", &format!("{ada}/labels/live"), json, r#"{"revision":1}"#),
        ("POST", "/api/v1/import", "application/x-ndjson", "{\"name\":\"Bea\"}\n"),
        ("POST", "/api/v1/personas/batch", json, batch),
        ("POST", "/api/v1/personas/batch?atomic=true", json, batch),
    ];
    let mut clients = all.map(|one| begin(&server, &late, one));
    end(&server, &admin, is_revoked);
    let answers = clients.iter_mut().zip(all).map(|(client, (_, _, _, body))| {
        client.send(body.as_bytes()).expect("sent");
        let reply = client.read_reply().expect("an answer");
        (reply.status, reply.json()["code"].clone())
    });
    let answers = answers.collect();
    let list = ask(&server, &admin, "GET", &format!("{LIST}?fields=name,nickname"), "").json();
    (answers, list["items"].clone())
}

#[test]
fn a_body_that_comes_after_its_token_was_revoked_changes_nothing() {
    let (answers, personas) = answers(true);
    assert_eq!(answers, vec![(401, json!("token_refused")); 6]);
    assert_eq!(personas, json!([{ "name": "Ada", "nickname": "" }]));
}

/// The control of the test above: with a token that counts each of them is done.
#[test]
fn a_body_that_comes_while_its_token_counts_is_done() {
    let (answers, personas) = answers(false);
    let statuses: Vec<u16> = answers.into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, [201, 200, 201, 200, 207, 200]);
    assert_eq!(personas.as_array().map(Vec::len), Some(5), "{personas}");
}

/// The items of a batch with these numbers, as text.
fn items(numbers: std::ops::Range<usize>) -> String {
    let item = |number| {
        let document = json!({ "name": format!("P{number}"), "description": "x".repeat(4_000) });
        json!({ "op": "create", "document": document }).to_string()
    };
    numbers.map(item).collect::<Vec<_>>().join(",")
}

fn count(server: &Server, admin: &str) -> usize {
    let list = ask(server, admin, "GET", &format!("{LIST}?count=exact&limit=1"), "");
    let total = list.json()["total"].as_u64().expect("a number");
    usize::try_from(total).expect("few")
}

/// The answer to a batch of which a part comes late, and how many personas there are then.
fn late_batch(is_revoked: bool) -> (Value, usize) {
    let server = Server::with_workers(1).start();
    let [admin, late] = tokens(&server);
    let first = format!("{{\"items\":[{}", items(0..BEFORE));
    let rest = format!(",{}]}}", items(BEFORE..BEFORE + BEHIND));
    let whole = format!("{first}{rest}");
    let batch = ("POST", "/api/v1/personas/batch", "application/json", &*whole);
    let mut client = begin(&server, &late, batch);
    client.send(first.as_bytes()).expect("sent");
    wait_for("all items that came", DEADLINE, || (count(&server, &admin) >= BEFORE).then_some(()));
    end(&server, &admin, is_revoked);
    client.send(rest.as_bytes()).expect("sent");
    let reply = client.read_reply().expect("an answer");
    assert_eq!(reply.status, 207, "{reply:?}");
    (reply.json(), count(&server, &admin))
}

#[test]
fn the_rest_of_a_batch_is_not_done_after_its_token_was_revoked() {
    let (answer, personas) = late_batch(true);
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(BEFORE));
    assert_eq!(answer["problem"]["code"], "token_refused", "{}", answer["problem"]);
    assert_eq!((&answer["problem"]["item"], personas), (&json!(BEFORE), BEFORE));
    let (answer, personas) = late_batch(false);
    assert_eq!((&answer["problem"], personas), (&Value::Null, BEFORE + BEHIND));
}
