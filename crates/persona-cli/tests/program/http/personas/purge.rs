//! `DELETE /api/v1/personas/{id}?purge=true`.

use serde_json::{Value, json};

use crate::common::tokens::{bearer, create};
use crate::http::client::Reply;
use crate::http::server::{ABSENT, Server};

/// A persona with a handle, a label, and three revisions.
async fn persona(server: &Server) -> String {
    let path = server.persona_with(&json!({ "name": "Ada", "handle": "ada" })).await;
    for name in ["Ada L.", "Ada Lovelace"] {
        let patched = server.send("PATCH", &path).json(&json!({ "name": name })).send().await;
        assert_eq!(patched.status, 200);
    }
    let label = server.send("PUT", &format!("{path}/labels/production"));
    assert_eq!(label.json(&json!({ "revision": 2 })).send().await.status, 201);
    path
}

async fn purge(server: &Server, path: &str, tag: &str) -> Reply {
    server.send("DELETE", &format!("{path}?purge=true")).header("if-match", tag).send().await
}

fn gone() -> (u16, String) {
    (410, "purged".into())
}

#[tokio::test]
async fn a_purge_needs_the_current_tag_and_is_done_once() {
    let server = Server::start();
    let path = persona(&server).await;
    let unconditional = server.send("DELETE", &format!("{path}?purge=true")).send().await;
    assert_eq!(unconditional.refusal(), (428, "condition_required".into()));
    let stale = purge(&server, &path, "\"2-00000000\"").await;
    assert_eq!((stale.refusal(), stale.revision()), ((412, "stale".into()), 3));
    let tag = server.tag(&path).await;
    for tag in [tag.as_str(), tag.as_str(), "\"1-00000000\"", "*"] {
        let done = purge(&server, &path, tag).await;
        assert_eq!((done.status.as_u16(), done.header("etag"), done.body.len()), (204, None, 0));
        assert_eq!(server.get(&path).await.refusal(), gone());
    }
    let missing = purge(&server, ABSENT, "*").await;
    assert_eq!(missing.refusal(), (404, "no_such_persona".into()));
    assert_eq!(server.get("/api/v1/personas/@ada").await.status, 404);
    server.persona_with(&json!({ "name": "Eve", "handle": "ada" })).await;
}

#[tokio::test]
async fn a_deleted_persona_is_purged_and_is_not_brought_back() {
    let server = Server::start();
    let path = persona(&server).await;
    server.delete(&path).await;
    let tag = server.tag(&path).await;
    assert_eq!(purge(&server, &path, &tag).await.status, 204);
    assert_eq!(server.send("POST", &format!("{path}/undelete")).send().await.refusal(), gone());
}

#[tokio::test]
async fn every_request_about_a_purged_persona_tells_that_it_is_purged() {
    let server = Server::start();
    let path = persona(&server).await;
    let id = path.rsplit('/').next().expect("an identity").to_owned();
    assert_eq!(purge(&server, &path, "*").await.status, 204);
    for read in [
        "",
        "?label=production",
        "?revision=1",
        "?include=labels",
        "/revisions",
        "/revisions/1",
        "/revisions/9",
        "/diff?from=1&to=2",
        "/labels",
        "/labels/production",
        "/labels/production/moves",
    ] {
        let reply = server.get(&format!("{path}{read}")).await;
        assert_eq!(reply.refusal(), gone(), "{read}");
    }
    let document = json!({ "name": "Eve" });
    let revision = json!({ "revision": 1 });
    for (method, below, condition, body) in [
        ("PUT", "", Some(("if-match", "*")), Some(&document)),
        ("PUT", "", Some(("if-none-match", "*")), Some(&document)),
        ("PATCH", "", None, Some(&document)),
        ("DELETE", "", Some(("if-match", "*")), None),
        ("POST", "/undelete", None, None),
        ("POST", "/revisions/1/revert", Some(("if-match", "*")), None),
        ("PUT", "/labels/production", None, Some(&revision)),
        ("DELETE", "/labels/production", None, None),
    ] {
        let mut sending = server.send(method, &format!("{path}{below}"));
        if let Some((name, value)) = condition {
            sending = sending.header(name, value);
        }
        if let Some(body) = body {
            sending = sending.json(body);
        }
        assert_eq!(sending.send().await.refusal(), gone(), "{method} {below} {condition:?}");
    }
    let item = json!({ "op": "patch", "id": id, "patch": { "name": "x" } });
    let batch = server.send("POST", "/api/v1/personas/batch").json(&json!({ "items": [item] }));
    let item = batch.send().await.json()["items"][0].clone();
    assert_eq!((&item["status"], &item["problem"]["code"]), (&json!(410), &json!("purged")));
    let release = json!({ "moves": [{ "id": id, "label": "production", "revision": 1 }] });
    let release = server.send("POST", "/api/v1/personas/release").json(&release).send().await;
    assert_eq!(release.refusal(), gone());
    let line = json!({ "id": id, "name": "Eve" }).to_string();
    let import = server.send("POST", "/api/v1/import").body("application/x-ndjson", line);
    let item = import.send().await.json()["items"][0].clone();
    assert!(item["errors"].to_string().contains("was purged"), "{item}");
}

#[tokio::test]
async fn a_key_does_not_bring_a_purged_persona_back() {
    let server = Server::start();
    let create = || {
        let sending = server.send("POST", "/api/v1/personas").header("idempotency-key", "k");
        sending.json(&json!({ "name": "Ada" })).send()
    };
    let made = create().await;
    assert_eq!(made.status, 201);
    let path = made.header("location").expect("a location").to_owned();
    assert_eq!(create().await.status, 201, "the answer again");
    assert_eq!(purge(&server, &path, "*").await.status, 204);
    assert_eq!(create().await.refusal(), gone());
    assert_eq!(server.get("/api/v1/personas?count=exact").await.json()["total"], 0);
}

#[tokio::test]
async fn the_feed_tells_the_purge_and_nothing_else_of_the_persona() {
    let server = Server::start();
    let path = persona(&server).await;
    let purge = server.send("DELETE", &format!("{path}?purge=true")).header("if-match", "*");
    assert_eq!(purge.header("x-persona-author", "Ann").send().await.status, 204);
    let feed = "/api/v1/events?after=0&include=document";
    let page = server.send("GET", feed).header("accept", "application/json").send().await.json();
    let items = page["items"].as_array().expect("a list").clone();
    assert!(!page.to_string().contains("Lovelace"), "{page}");
    let last = items.last().expect("the purge");
    assert_eq!([&last["kind"], &last["by"]], ["purged", "Ann"], "{last}");
    assert_eq!(last["document"], Value::Null);
    let export = server.get("/api/v1/export?history=true&include_deleted=true").await;
    assert!(!String::from_utf8_lossy(&export.body).contains("Lovelace"));
}

#[tokio::test]
async fn a_note_does_not_go_with_a_purge_and_a_purge_not_with_other_writes() {
    let server = Server::start();
    let path = persona(&server).await;
    let sending = server.send("DELETE", &format!("{path}?purge=true")).header("if-match", "*");
    let reply = sending.header("x-persona-note", "why").send().await;
    assert_eq!(reply.refusal(), (400, "bad_parameter".into()));
    for (method, query) in [("DELETE", "?purge=yes"), ("PATCH", "?purge=true")] {
        let sending = server.send(method, &format!("{path}{query}")).header("if-match", "*");
        let reply = sending.json(&json!({ "name": "x" })).send().await;
        assert_eq!(reply.status, 400, "{method} {query}");
    }
    let kept = server.send("DELETE", &format!("{path}?purge=false")).header("if-match", "*");
    assert_eq!(kept.send().await.status, 204);
    assert_eq!(server.get(&path).await.refusal(), (410, "deleted".into()));
}

#[test]
fn a_purge_needs_a_token_of_the_scope_admin() {
    let server = crate::common::Server::with_workers(1).start();
    let writes = bearer(&create(&server, &["--name=w", "--scope=write"]));
    let admin = bearer(&create(&server, &["--name=a", "--scope=admin"]));
    let ask = |header: &str, method: &str, path: &str, body: &str| {
        let headers = [("authorization", header), ("if-match", "*")];
        server.connect().request(method, path, &headers, body.as_bytes()).expect("an answer")
    };
    let made = {
        let headers = [("authorization", &*writes)];
        let body = br#"{"name":"Ada"}"#;
        server.connect().request("POST", "/api/v1/personas", &headers, body).expect("an answer")
    };
    let path = made.header("location").expect("a location").to_owned();
    let purge = format!("{path}?purge=true");
    let refused = ask(&writes, "DELETE", &purge, "");
    assert_eq!((refused.status, refused.json()["code"].clone()), (403, json!("scope_too_small")));
    assert_eq!(ask(&writes, "DELETE", &path, "").status, 204, "a deletion is a write");
    assert_eq!(ask(&admin, "DELETE", &purge, "").status, 204);
}
