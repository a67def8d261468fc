//! Tokens of a running server: a revoked token has ended on every worker at once, and no secret is
//! shown.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::tokens::{bearer, create, run};
use crate::common::{Client, DEADLINE, Server, refused, wait_for};

const LIST: &str = "/api/v1/personas";

/// Connections to every worker, at least two to each.
fn connections(server: &Server, workers: usize, header: &str) -> Vec<Client> {
    let (mut clients, mut seen) = (Vec::new(), Vec::new());
    wait_for("two connections to each worker", DEADLINE, || {
        let mut client = server.connect();
        let reply = ask(&mut client, header);
        seen.push(reply.header("x-persona-worker").expect("a worker").to_owned());
        clients.push(client);
        let each: BTreeSet<&String> = seen.iter().collect();
        let is_enough = |worker: &&String| seen.iter().filter(|slot| slot == worker).count() >= 2;
        (each.len() == workers && each.iter().all(is_enough)).then_some(())
    });
    clients
}

fn ask(client: &mut Client, header: &str) -> crate::common::Reply {
    client.request("GET", LIST, &[("authorization", header)], b"").expect("an answer")
}

/// How many connections still accept a token right after the command that revoked it.
fn let_in_after_the_revocation(server: &Server) -> usize {
    let header = bearer(&create(server, &["--name=ci", "--scope=read"]));
    let mut clients = connections(server, 2, &header);
    run(server, &["revoke", "ci"]);
    clients
        .iter_mut()
        .map(|client| ask(client, &header).status)
        .filter(|status| *status != 401)
        .count()
}

#[test]
fn a_revoked_token_is_refused_by_every_worker_when_the_command_ends() {
    let server = Server::with_workers(2).flag("--expose-worker").start();
    assert_eq!(let_in_after_the_revocation(&server), 0);
}

/// The control of the test above: a worker that accepts old tokens is found.
#[test]
fn a_worker_that_believes_old_tokens_is_noticed() {
    let server =
        Server::with_workers(2).flag("--expose-worker").flag("--fault=believe-old-tokens").start();
    assert!(let_in_after_the_revocation(&server) > 0);
}

#[test]
fn a_token_counts_from_when_it_is_made_and_its_old_secret_until_it_is_given_up() {
    let server = Server::with_workers(2).flag("--expose-worker").start();
    let first = bearer(&create(&server, &["--name=ci", "--scope=read"]));
    let mut clients = connections(&server, 2, &first);
    let secret = |flags: &[&str]| {
        let rotated = run(&server, &[&["rotate", "ci"], flags].concat());
        bearer(rotated["token"].as_str().expect("a token"))
    };
    let second = secret(&[]);
    for client in &mut clients {
        assert_eq!([ask(client, &first).status, ask(client, &second).status], [200, 200]);
    }
    let third = secret(&["--keep=0s"]);
    for client in &mut clients {
        let statuses = [&first, &second, &third].map(|header| ask(client, header).status);
        assert_eq!(statuses, [401, 401, 200]);
    }
}

#[test]
fn a_server_is_open_only_while_it_has_no_token_at_all() {
    let server = Server::with_workers(2).start();
    let status = || server.connect().get(LIST).expect("an answer").status;
    assert_eq!(status(), 200);
    create(&server, &["--name=ci", "--scope=admin"]);
    assert_eq!(status(), 401, "from the first token on");
    run(&server, &["revoke", "ci"]);
    assert_eq!(status(), 401, "an ended token is a token");
    run(&server, &["delete", "ci"]);
    assert_eq!(status(), 200, "as at the beginning");
}

#[test]
fn the_author_of_a_change_is_the_token_unless_it_may_act_as_another() {
    let server = Server::with_workers(1).start();
    let plain = bearer(&create(&server, &["--name=ci", "--scope=write"]));
    let acting = bearer(&create(&server, &["--name=studio", "--scope=write", "--act-as"]));
    let created = |header: &str, author: Option<&str>| {
        let mut headers = vec![("authorization", header)];
        headers.extend(author.map(|author| ("x-persona-author", author)));
        server.connect().request("POST", LIST, &headers, br#"{"name":"Ada"}"#).expect("an answer")
    };
    let author = |reply: crate::common::Reply| {
        let body: Value = reply.json();
        (reply.status, body["created_by"].clone(), body["code"].clone())
    };
    let by = |name: &str| (201, json!(name), Value::Null);
    assert_eq!(author(created(&plain, None)), by("ci"));
    assert_eq!(author(created(&plain, Some("ci"))), by("ci"));
    assert_eq!(author(created(&plain, Some("ada"))), (403, Value::Null, json!("author_refused")));
    assert_eq!(author(created(&acting, Some("ada"))), by("ada"));
    assert_eq!(author(created(&acting, None)), by("studio"));
    let batch = br#"{"items":[{"op":"create","document":{"name":"Bea"}}]}"#;
    let headers = [("authorization", &*plain), ("x-persona-author", "ada")];
    let path = "/api/v1/personas/batch";
    let reply = server.connect().request("POST", path, &headers, batch).expect("an answer");
    assert_eq!(reply.status, 403, "{reply:?}");
    let reply = server.connect().request("POST", path, &headers[..1], batch).expect("an answer");
    let id = reply.json()["items"][0]["id"].as_str().expect("an identity").to_owned();
    let path = format!("{LIST}/{id}");
    let read = server.connect().request("GET", &path, &headers[..1], b"").expect("an answer");
    assert_eq!(read.json()["created_by"], "ci");
}

#[test]
fn a_protected_label_is_moved_by_a_token_of_the_scope_admin_only() {
    let server = Server::with_workers(1).flag("--protected-labels=production,live").start();
    let writes = bearer(&create(&server, &["--name=w", "--scope=write"]));
    let admin = bearer(&create(&server, &["--name=a", "--scope=admin"]));
    let ask = |header: &str, method: &str, path: &str, body: &str| {
        let headers = [("authorization", header)];
        let reply = server.connect().request(method, path, &headers, body.as_bytes());
        let reply = reply.expect("an answer");
        let code = if reply.status == 403 { reply.json()["code"].clone() } else { Value::Null };
        (reply.status, code)
    };
    let headers = [("authorization", &*writes)];
    let made = server.connect().request("POST", LIST, &headers, br#"{"name":"Ada"}"#);
    let id = made.expect("an answer").json()["id"].as_str().expect("an identity").to_owned();
    let label = |name: &str| format!("{LIST}/{id}/labels/{name}");
    let release = |name: &str| {
        let one = json!({ "id": id, "label": name, "revision": 1 });
        json!({ "moves": [{ "id": id, "label": "beta", "revision": 1 }, one] }).to_string()
    };
    let refused = (403, json!("label_protected"));
    let revision = r#"{"revision":1}"#;
    assert_eq!(ask(&writes, "PUT", &label("staging"), revision), (201, Value::Null));
    assert_eq!(ask(&writes, "PUT", &label("live"), revision), refused);
    assert_eq!(ask(&writes, "POST", &format!("{LIST}/release"), &release("live")), refused);
    assert_eq!(ask(&writes, "GET", &label("beta"), ""), (404, Value::Null), "none was moved");
    assert_eq!(ask(&admin, "PUT", &label("live"), revision), (201, Value::Null));
    assert_eq!(ask(&writes, "DELETE", &label("live"), ""), refused);
    assert_eq!(ask(&writes, "GET", &label("live"), ""), (200, Value::Null));
    assert_eq!(ask(&admin, "POST", &format!("{LIST}/release"), &release("live")).0, 200);
    assert_eq!(ask(&admin, "DELETE", &label("live"), ""), (204, Value::Null));
}

#[test]
fn another_address_needs_a_token_or_to_be_told_to_be_open() {
    let folder = Server::with_workers(1).start().stop_and_keep_the_folder();
    let ended = refused(folder.path(), &["--host=0.0.0.0"]);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    for words in ["0.0.0.0 is no loopback address", "persona token create", "--allow-open"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    let server = Server::with_workers(1).in_folder(folder).start();
    let secret = create(&server, &["--name=ci", "--scope=read"]);
    let folder = server.stop_and_keep_the_folder();
    let server = Server::with_workers(1).in_folder(folder).flag("--host=0.0.0.0").start();
    assert_eq!(server.connect().get(LIST).expect("an answer").status, 401);
    assert_eq!(ask(&mut server.connect(), &bearer(&secret)).status, 200);
    run(&server, &["delete", "ci"]);
    let status = server.connect().get(LIST).expect("an answer").status;
    assert_eq!(status, 401, "without a token it does not become open");
    let folder = server.stop_and_keep_the_folder();
    let server = Server::with_workers(1)
        .in_folder(folder)
        .flag("--host=0.0.0.0")
        .flag("--allow-open")
        .start();
    assert_eq!(server.connect().get(LIST).expect("an answer").status, 200);
    server.wait_for_log("everyone who can reach the port is served");
}

#[test]
fn a_secret_is_told_once_and_is_in_no_log_and_no_list() {
    let server = Server::with_workers(1).flag("--access-log").flag("--log-level=trace").start();
    let secret = create(&server, &["--name=ci", "--scope=admin"]);
    let header = bearer(&secret);
    assert_eq!(ask(&mut server.connect(), &header).status, 200);
    let cut = &header[..header.len() - 1];
    assert_eq!(ask(&mut server.connect(), cut).status, 401);
    // The last use is noted beside the request, so it may come a little later.
    let listed = wait_for("the last use of the token", DEADLINE, || {
        let listed = run(&server, &["list"]);
        (!listed["items"][0]["used_at"].is_null()).then_some(listed)
    });
    assert_eq!(listed["items"][0]["state"], "live", "{listed}");
    server.wait_for_log("answered a request");
    let log = server.log();
    let folder = server.stop_and_keep_the_folder();
    let hidden = &secret[4..40];
    assert!(!log.contains(hidden) && !listed.to_string().contains(hidden));
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        let has = bytes.windows(hidden.len()).any(|part| part == hidden.as_bytes());
        assert!(!has, "{} has the secret", path.display());
    }
}
