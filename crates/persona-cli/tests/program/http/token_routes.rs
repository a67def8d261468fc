//! Access tokens that are managed over the API: the same as on the command line, with a token
//! instead of the right to the database.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::tokens::{bearer, create, run};
use crate::common::{Client, DEADLINE, Reply, Server, wait_for};

const TOKENS: &str = "/api/v1/tokens";
const LIST: &str = "/api/v1/personas";

/// The answer to a request with this value of `Authorization`; empty for none.
fn ask(client: &mut Client, token: &str, method: &str, path: &str, body: &str) -> Reply {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend((!token.is_empty()).then_some(("authorization", token)));
    let body = if method == "GET" { "" } else { body };
    client.request(method, path, &headers, body.as_bytes()).expect("an answer")
}

fn of(server: &Server, token: &str, method: &str, path: &str, body: &Value) -> Reply {
    ask(&mut server.connect(), token, method, path, &body.to_string())
}

/// A new token, and what `Authorization` has of it.
#[track_caller]
fn made(server: &Server, token: &str, wanted: &Value) -> (Value, String) {
    let reply = of(server, token, "POST", TOKENS, wanted);
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let answer = reply.json();
    let header = bearer(answer["secret"].as_str().expect("a secret"));
    (answer, header)
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn names(server: &Server, token: &str, query: &str) -> Vec<String> {
    let reply = of(server, token, "GET", &format!("{TOKENS}{query}"), &Value::Null);
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")));
    let page: Value = reply.json();
    let name = |token: &Value| token["name"].as_str().expect("a name").to_owned();
    page["items"].as_array().expect("tokens").iter().map(name).collect()
}

/// Connections to every worker, at least two to each, and how each answers a token.
fn connections(server: &Server, workers: usize, token: &str) -> Vec<Client> {
    let (mut clients, mut seen) = (Vec::new(), Vec::new());
    wait_for("two connections to each worker", DEADLINE, || {
        let mut client = server.connect();
        let reply = ask(&mut client, token, "GET", LIST, "");
        seen.push(reply.header("x-persona-worker").expect("a worker").to_owned());
        clients.push(client);
        let each: BTreeSet<&String> = seen.iter().collect();
        let is_enough = |worker: &&String| seen.iter().filter(|slot| slot == worker).count() >= 2;
        (each.len() == workers && each.iter().all(is_enough)).then_some(())
    });
    clients
}

/// How each worker answers a token.
fn statuses(clients: &mut [Client], token: &str) -> BTreeSet<u16> {
    clients.iter_mut().map(|client| ask(client, token, "GET", LIST, "").status).collect()
}

#[test]
fn the_first_token_closes_an_open_server_and_the_answer_says_so() {
    let server = Server::with_workers(2).flag("--expose-worker").start();
    let mut clients = connections(&server, 2, "");
    assert_eq!(names(&server, "", ""), [""; 0]);
    let (answer, first) = made(&server, "", &json!({ "name": "me", "scope": "admin" }));
    assert!(answer["note"].as_str().expect("a note").contains("every request needs one"));
    assert_eq!(statuses(&mut clients, ""), BTreeSet::from([401]));
    assert_eq!(statuses(&mut clients, &first), BTreeSet::from([200]));
    let (answer, _) = made(&server, &first, &json!({ "name": "other", "scope": "read" }));
    assert_eq!(answer.get("note"), None, "nothing follows from the second one");
    let second = of(&server, "", "POST", TOKENS, &json!({ "name": "x", "scope": "read" }));
    assert_eq!(refused(&second), (401, "token_required".into()));
    assert_eq!(names(&server, &first, ""), ["me", "other"]);
}

#[test]
fn what_is_done_over_the_api_counts_on_every_worker_with_the_answer() {
    let server = Server::with_workers(2).flag("--expose-worker").start();
    let admin = bearer(&create(&server, &["--name=admin", "--scope=admin"]));
    let mut clients = connections(&server, 2, &admin);
    let wanted = json!({ "name": "ci", "scope": "read", "expires_seconds": 3600 });
    let (answer, first) = made(&server, &admin, &wanted);
    let token = &answer["token"];
    assert_eq!(
        (&token["state"], &token["kind"], &token["is_own"], &token["scope"]),
        (&json!("live"), &json!("token"), &json!(false), &json!("read"))
    );
    assert_eq!(statuses(&mut clients, &first), BTreeSet::from([200]));
    let rotate = |keep: u64, which: &str| {
        let path = format!("{TOKENS}/{which}/rotate");
        let reply = of(&server, &admin, "POST", &path, &json!({ "keep_seconds": keep }));
        assert_eq!(reply.status, 200, "{reply:?}");
        bearer(reply.json()["secret"].as_str().expect("a secret"))
    };
    let second = rotate(3600, "ci");
    assert_eq!(statuses(&mut clients, &first), BTreeSet::from([200]), "it counts for a while");
    let third = rotate(0, token["id"].as_str().expect("an id"));
    for (header, status) in [(&first, 401), (&second, 401), (&third, 200)] {
        assert_eq!(statuses(&mut clients, header), BTreeSet::from([status]));
    }
    let revoked = of(&server, &admin, "POST", &format!("{TOKENS}/ci/revoke"), &Value::Null);
    assert_eq!(revoked.status, 200);
    assert_eq!(statuses(&mut clients, &third), BTreeSet::from([401]));
    let revoked = revoked.json();
    assert_eq!((&revoked["token"]["state"], revoked.get("secret")), (&json!("revoked"), None));
    for (path, expected) in [
        ("ci/rotate", (409, "not_rotated")),
        ("none/rotate", (404, "no_such_token")),
        ("none/revoke", (404, "no_such_token")),
    ] {
        let reply = of(&server, &admin, "POST", &format!("{TOKENS}/{path}"), &json!({}));
        assert_eq!(refused(&reply), (expected.0, expected.1.to_owned()));
    }
    let again = of(&server, &admin, "POST", TOKENS, &json!({ "name": "ci", "scope": "read" }));
    assert_eq!(refused(&again), (409, "token_name_taken".into()), "also that of an ended one");
}

#[test]
fn a_secret_that_was_replaced_changes_no_token_for_as_long_as_it_counts() {
    let server = Server::with_workers(1).start();
    let first = bearer(&create(&server, &["--name=admin", "--scope=admin"]));
    made(&server, &first, &json!({ "name": "other", "scope": "read" }));
    let rotate = |which: &str| format!("{TOKENS}/{which}/rotate");
    let rotated = of(&server, &first, "POST", &rotate("admin"), &json!({ "keep_seconds": 3600 }));
    let second = bearer(rotated.json()["secret"].as_str().expect("a secret"));
    let new = json!({ "name": "new", "scope": "admin" });
    for (path, body) in [
        (TOKENS.to_owned(), &new),
        (rotate("admin"), &json!({ "keep_seconds": 0 })),
        (rotate("other"), &json!({})),
        (format!("{TOKENS}/other/revoke"), &Value::Null),
        (format!("{TOKENS}/admin/revoke"), &Value::Null),
    ] {
        let reply = of(&server, &first, "POST", &path, body);
        assert_eq!(refused(&reply), (401, "token_refused".into()), "{path}");
        let detail = reply.json()["detail"].as_str().expect("a detail").to_owned();
        assert!(detail.contains("newer secret"), "{detail}");
    }
    assert_eq!(names(&server, &first, ""), ["admin", "other"], "and it counts otherwise");
    let written = of(&server, &first, "POST", LIST, &json!({ "name": "Ada" }));
    assert_eq!(written.status, 201);
    made(&server, &second, &new);
}

#[test]
fn a_rotation_without_a_body_is_one_that_names_no_time() {
    let server = Server::with_workers(1).start();
    let mut admin = bearer(&create(&server, &["--name=admin", "--scope=admin"]));
    let path = format!("{TOKENS}/admin/rotate");
    for content_type in [None, Some("application/json")] {
        let mut headers = vec![("authorization", &*admin)];
        headers.extend(content_type.map(|value| ("content-type", value)));
        let rotated = server.connect().request("POST", &path, &headers, b"").expect("an answer");
        assert_eq!(rotated.status, 200, "{rotated:?}");
        let next = bearer(rotated.json()["secret"].as_str().expect("a secret"));
        assert_eq!(names(&server, &admin, ""), ["admin"], "the former one counts for a day");
        admin = next;
    }
    let headers = [("authorization", &*admin), ("content-type", "text/plain")];
    let untyped = server.connect().request("POST", &path, &headers, b"{}").expect("an answer");
    assert_eq!(refused(&untyped), (415, "unsupported_media_type".into()));
    let document = server.connect().get("/api/v1/openapi.json").expect("an answer").json();
    let body = |path: &str| document["paths"][path]["post"]["requestBody"]["required"].clone();
    assert_eq!([body(&format!("{TOKENS}/{{token}}/rotate")), body(TOKENS)], [false, true]);
}

#[test]
fn a_body_that_comes_after_a_rotation_was_answered_makes_no_token() {
    let server = Server::with_workers(1).start();
    let first = bearer(&create(&server, &["--name=admin", "--scope=admin"]));
    let body = r#"{"name":"late","scope":"admin"}"#;
    let mut late = server.connect();
    let head = format!(
        "POST {TOKENS} HTTP/1.1\r\nhost: localhost\r\nauthorization: {first}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    late.send(head.as_bytes()).expect("sent");
    // The server asks for the body: it has let the request in.
    assert_eq!(late.read_reply().expect("an answer").status, 100);
    let path = format!("{TOKENS}/admin/rotate");
    let rotated = of(&server, &first, "POST", &path, &json!({ "keep_seconds": 0 }));
    let second = bearer(rotated.json()["secret"].as_str().expect("a secret"));
    late.send(body.as_bytes()).expect("sent");
    assert_eq!(refused(&late.read_reply().expect("an answer")), (401, "token_refused".into()));
    assert_eq!(names(&server, &second, ""), ["admin"]);
}

#[test]
fn a_token_makes_no_larger_one_and_gives_itself_no_larger_right() {
    let server = Server::with_workers(1).start();
    let admin = bearer(&create(&server, &["--name=admin", "--scope=admin"]));
    create(&server, &["--name=acting", "--scope=write", "--act-as"]);
    let ada = bearer(&create(&server, &["--name=ada", "--scope=admin", "--owner=ada"]));
    create(&server, &["--name=reader", "--scope=read+shared", "--owner=ada"]);
    let before = names(&server, &admin, "");
    let exceeds = (403, "rights_exceeded".to_owned());
    let other = (403, "owner_refused".to_owned());
    let new = |members: Value| {
        let mut wanted = json!({ "name": "new", "scope": "read" });
        let all = wanted.as_object_mut().expect("an object");
        all.extend(members.as_object().expect("an object").clone());
        wanted
    };
    for (token, path, body, expected) in [
        (&admin, TOKENS, new(json!({ "act_as": true })), &exceeds),
        (&admin, "/api/v1/tokens/acting/rotate", json!({}), &exceeds),
        (&ada, TOKENS, new(json!({ "act_as": true })), &exceeds),
        (&ada, TOKENS, new(json!({ "shared": true })), &exceeds),
        (&ada, TOKENS, new(json!({ "owner": "bea" })), &other),
        (&ada, "/api/v1/tokens/reader/rotate", json!({}), &exceeds),
    ] {
        let reply = of(&server, token, "POST", path, &body);
        assert_eq!(&refused(&reply), expected, "{path} {body}");
    }
    assert_eq!(names(&server, &admin, ""), before, "nothing was made");
    let (made_by_ada, header) = made(&server, &ada, &new(json!({ "scope": "write" })));
    assert_eq!(made_by_ada["token"]["owner"], "ada", "it is bound to the owner of its maker");
    let created = of(&server, &header, "POST", LIST, &json!({ "name": "Ada" })).json();
    assert_eq!(
        (&created["owner"], &created["created_by"]),
        (&json!("ada"), &made_by_ada["token"]["name"],)
    );
    assert_eq!(of(&server, &header, "GET", TOKENS, &Value::Null).status, 403);
    let revoked = of(&server, &ada, "POST", "/api/v1/tokens/reader/revoke", &Value::Null);
    assert_eq!(revoked.status, 200, "taking away is permitted");
}

#[test]
fn a_token_ends_itself_and_is_told_so() {
    let server = Server::with_workers(1).start();
    let admin = bearer(&create(&server, &["--name=admin", "--scope=admin"]));
    let reply = of(&server, &admin, "POST", &format!("{TOKENS}/admin/revoke"), &Value::Null);
    assert_eq!(reply.status, 200);
    let answer = reply.json();
    assert!(answer["note"].as_str().expect("a note").contains("needs another token"));
    assert_eq!(
        (&answer["token"]["is_own"], &answer["token"]["state"]),
        (&json!(true), &json!("revoked"),)
    );
    assert_eq!(of(&server, &admin, "GET", LIST, &Value::Null).status, 401);
    assert_eq!(of(&server, "", "GET", LIST, &Value::Null).status, 401, "it stays closed");
}

#[test]
fn links_and_sessions_are_listed_apart_and_get_no_new_secret() {
    let server = Server::with_workers(1).start();
    let admin = bearer(&create(&server, &["--name=admin", "--scope=admin"]));
    let link = |server: &Server| {
        let made = run(server, &["link", "--url=http://localhost"]);
        let url = made["url"].as_str().expect("an address").to_owned();
        bearer(url.strip_prefix("http://localhost/#/link/").expect("a fragment"))
    };
    let session = of(&server, &link(&server), "POST", "/api/v1/session", &Value::Null);
    assert_eq!(session.status, 200);
    link(&server);
    let page = of(&server, &admin, "GET", TOKENS, &Value::Null).json();
    let items = page["items"].as_array().expect("tokens");
    let of_kind = |kind: &str| {
        let is_it = |token: &&Value| token["kind"] == kind;
        items.iter().filter(is_it).map(|token| token["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of_kind("token"), ["admin"]);
    for kind in ["link", "session"] {
        let found = of_kind(kind);
        let [name] = found.as_slice() else { panic!("{page}") };
        let name = name.as_str().expect("a name");
        let reply = of(&server, &admin, "POST", &format!("{TOKENS}/{name}/rotate"), &json!({}));
        assert_eq!(refused(&reply), (409, "not_rotated".into()));
        let reply = of(&server, &admin, "POST", &format!("{TOKENS}/{name}/revoke"), &Value::Null);
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

#[test]
fn tokens_are_read_page_by_page() {
    let server = Server::with_workers(1).start();
    let admin = bearer(&create(&server, &["--name=b", "--scope=admin"]));
    for name in ["d", "a", "C"] {
        made(&server, &admin, &json!({ "name": name, "scope": "read" }));
    }
    assert_eq!(names(&server, &admin, "?limit=2"), ["C", "a"]);
    let first = of(&server, &admin, "GET", &format!("{TOKENS}?limit=2"), &Value::Null).json();
    let cursor = first["next_cursor"].as_str().expect("another page").to_owned();
    let query = format!("?limit=2&cursor={cursor}");
    assert_eq!(names(&server, &admin, &query), ["b", "d"]);
    let last = of(&server, &admin, "GET", &format!("{TOKENS}{query}"), &Value::Null).json();
    assert_eq!(last["next_cursor"], Value::Null);
}

#[test]
fn a_secret_of_the_api_is_in_one_answer_and_in_no_log_and_no_list() {
    let server = Server::with_workers(1).flag("--access-log").flag("--log-level=trace").start();
    let (_, admin) = made(&server, "", &json!({ "name": "me", "scope": "admin" }));
    let (_, second) = made(&server, &admin, &json!({ "name": "ci", "scope": "read" }));
    let path = format!("{TOKENS}/ci/rotate");
    let rotated = of(&server, &admin, "POST", &path, &json!({})).json();
    let third = rotated["secret"].as_str().expect("a secret").to_owned();
    let listed = of(&server, &admin, "GET", TOKENS, &Value::Null).body;
    server.wait_for_log("a token was made");
    server.wait_for_log("a token was rotated");
    let log = server.log();
    let folder = server.stop_and_keep_the_folder();
    let listed = String::from_utf8_lossy(&listed).into_owned();
    for secret in [&admin[7..], &second[7..], &third] {
        let hidden = &secret[4..40];
        assert!(!log.contains(hidden) && !listed.contains(hidden));
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let bytes = std::fs::read(&path).expect("a file");
            let has = bytes.windows(hidden.len()).any(|part| part == hidden.as_bytes());
            assert!(!has, "{} has the secret", path.display());
        }
    }
}

#[test]
fn a_page_of_another_site_makes_and_ends_no_token() {
    let server = Server::with_workers(1).start();
    let foreign = [("sec-fetch-site", "cross-site"), ("content-type", "application/json")];
    for path in [TOKENS.to_owned(), format!("{TOKENS}/a/revoke"), format!("{TOKENS}/a/rotate")] {
        let body = br#"{"name":"a","scope":"admin"}"#;
        let reply = server.connect().request("POST", &path, &foreign, body).expect("an answer");
        assert_eq!(refused(&reply), (403, "cross_site".into()));
    }
    assert_eq!(names(&server, "", ""), [""; 0], "the server is open as before");
}
