//! Personas that are named by their handles.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::client::Reply;
use crate::http::server::Server;

const PERSONAS: &str = "/api/v1/personas";
const BY_HANDLE: &str = "/api/v1/personas/@support%2Ftier-1";

/// A server with a persona that has a handle, and the path of the persona by its id.
async fn server_with_a_handle() -> (Server, String) {
    let server = Server::start();
    let document = json!({ "name": "Ada", "handle": "support/tier-1" });
    let path = server.persona_with(&document).await;
    (server, path)
}

async fn patch(server: &Server, path: &str, members: &Value) -> Reply {
    server.send("PATCH", path).json(members).send().await
}

async fn batch(server: &Server, query: &str, items: &Value) -> Reply {
    server.send("POST", &format!("{PERSONAS}/batch{query}")).json(items).send().await
}

#[tokio::test]
async fn a_handle_stands_wherever_an_id_does() {
    let (server, path) = server_with_a_handle().await;
    let by_id = server.get(&path).await;
    for place in [BY_HANDLE, "/api/v1/personas/%40support%2ftier-1"] {
        let found = server.get(place).await;
        assert_eq!((found.status.as_u16(), &found.body), (200, &by_id.body), "{place}");
        assert_eq!(found.header("etag"), by_id.header("etag"));
        let tag = by_id.header("etag").expect("a tag");
        let known = server.send("GET", place).header("if-none-match", tag).send().await;
        assert_eq!(known.status, 304);
    }
    assert_eq!(patch(&server, BY_HANDLE, &json!({ "nickname": "A" })).await.revision(), 2);
    let tag = server.tag(BY_HANDLE).await;
    let replaced = server
        .send("PUT", BY_HANDLE)
        .header("if-match", tag)
        .json(&json!({ "name": "Bea", "handle": "support/tier-1" }))
        .send()
        .await;
    assert_eq!((replaced.status.as_u16(), replaced.revision()), (200, 3));
    for below in ["/revisions", "/revisions/2", "/diff", "/labels", "?revision=1"] {
        let (one, other) = (
            server.get(&format!("{BY_HANDLE}{below}")).await,
            server.get(&format!("{path}{below}")).await,
        );
        assert_eq!((one.status.as_u16(), one.body), (200, other.body), "{below}");
    }
    let reverted = server.send("POST", &format!("{BY_HANDLE}/revisions/1/revert"));
    assert_eq!(reverted.header("if-match", "*").send().await.revision(), 4);
    for _ in 0..2 {
        let deleted = server.send("DELETE", BY_HANDLE).header("if-match", "*").send().await;
        assert_eq!(deleted.status, 204);
    }
    assert_eq!(server.get(BY_HANDLE).await.refusal(), (410, "deleted".into()));
    let undeleted = server.send("POST", &format!("{BY_HANDLE}/undelete")).send().await;
    assert_eq!((undeleted.status.as_u16(), undeleted.revision()), (200, 6));
}

#[tokio::test]
async fn an_item_of_a_batch_and_a_follower_of_events_name_a_persona_by_its_handle() {
    let (server, path) = server_with_a_handle().await;
    let item = |id: &str| json!({ "op": "patch", "id": id, "patch": { "nickname": id } });
    for (query, status) in [("", 207), ("?atomic=true", 200)] {
        let items = json!({ "items": [item("@support/tier-1")] });
        let done = batch(&server, query, &items).await;
        assert_eq!(done.status, status, "{done:?}");
        assert_eq!(done.json()["items"][0]["id"], path.rsplit('/').next().expect("an id"));
        patch(&server, &path, &json!({ "nickname": "" })).await;
    }
    let unknown = json!({ "items": [item("@none"), item("@No")] });
    let done = batch(&server, "", &unknown).await.json();
    assert_eq!([&done["items"][0]["status"], &done["items"][1]["status"]], [404, 404]);
    server.persona("Bea").await;
    let events = "/api/v1/events?after=0&persona=@support%2Ftier-1";
    let page = server.send("GET", events).header("accept", "application/json").send().await.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(5), "{page}");
    let unknown = server.send("GET", "/api/v1/events?persona=@none");
    assert_eq!(unknown.send().await.refusal(), (404, "no_such_persona".into()));
    let bad = server.send("GET", "/api/v1/events?persona=@No").send().await;
    assert_eq!(bad.refusal(), (400, "bad_parameter".into()));
}

#[tokio::test]
async fn a_handle_that_was_given_up_leads_to_its_persona_until_another_takes_it() {
    let (server, path) = server_with_a_handle().await;
    patch(&server, BY_HANDLE, &json!({ "handle": "desk" })).await;
    for below in ["", "?revision=1", "/revisions?limit=1", "/labels"] {
        let led = server.get(&format!("{BY_HANDLE}{below}")).await;
        assert_eq!(led.status, 308, "{below}: {led:?}");
        assert_eq!(led.header("location"), Some(&*format!("{path}{below}")));
        assert_eq!(led.header("cache-control"), Some("no-store"));
    }
    let led = patch(&server, BY_HANDLE, &json!({ "nickname": "not kept" })).await;
    assert_eq!((led.status.as_u16(), led.header("location")), (308, Some(&*path)));
    assert_eq!(server.get(&path).await.revision(), 2);
    // Where no answer can say where it is, it is there at once.
    let item = json!({ "op": "patch", "id": "@support/tier-1", "patch": { "nickname": "A" } });
    for query in ["", "?atomic=true"] {
        let done = batch(&server, query, &json!({ "items": [item] })).await.json();
        assert_eq!(done["items"][0]["id"], path.rsplit('/').next().expect("an id"), "{done}");
    }
    let page = server.send("GET", "/api/v1/events?after=0&persona=@support%2Ftier-1");
    let page = page.header("accept", "application/json").send().await.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(3), "{page}");
    let moves = json!({ "moves": [{ "id": "@support/tier-1", "label": "a", "revision": 1 }] });
    let released = server.send("POST", &format!("{PERSONAS}/release")).json(&moves).send().await;
    assert_eq!(released.status, 200, "{released:?}");
    server.post(&json!({ "name": "Bea", "handle": "support/tier-1" })).await;
    assert_eq!(server.get(BY_HANDLE).await.json()["name"], "Bea");
    assert_eq!(server.get("/api/v1/personas/@desk").await.json()["name"], "Ada");
}

#[tokio::test]
async fn a_handle_of_several_owners_is_answered_with_their_personas() {
    let server = Server::start();
    let mut ids = Vec::new();
    for owner in ["ada", "bea"] {
        let document = json!({ "name": "Ada", "handle": "a", "owner": owner });
        ids.push(server.post(&document).await.json()["id"].clone());
    }
    ids.sort_by_key(ToString::to_string);
    let refused = server.get("/api/v1/personas/@a").await;
    assert_eq!(refused.refusal(), (409, "handle_ambiguous".into()));
    assert_eq!(refused.json()["personas"], Value::from(ids));
    let hint = refused.json()["hint"].as_str().expect("a hint").to_owned();
    assert!(hint.contains(" of ada") && hint.contains(" of bea"), "{hint}");
    let refused = patch(&server, "/api/v1/personas/@a", &json!({})).await;
    assert_eq!(refused.refusal(), (409, "handle_ambiguous".into()));
    // What has no owner comes first.
    server.post(&json!({ "name": "Cy", "handle": "a" })).await;
    assert_eq!(server.get("/api/v1/personas/@a").await.json()["name"], "Cy");
}

#[tokio::test]
async fn what_can_be_no_handle_is_not_found() {
    let (server, _) = server_with_a_handle().await;
    for segment in ["@", "@none", "@Support", "@support%252Ftier-1", "@support%2F", "@%00", "@a.b"]
    {
        let refused = server.get(&format!("{PERSONAS}/{segment}")).await;
        assert_eq!(refused.refusal(), (404, "no_such_persona".into()), "{segment}");
    }
    let unencoded = server.get("/api/v1/personas/@support/tier-1").await;
    assert_eq!(unencoded.refusal(), (404, "no_such_route".into()));
    let hint = unencoded.json()["hint"].as_str().expect("a hint").to_owned();
    assert!(hint.contains("/api/v1/personas/@support%2Ftier-1?"), "{hint}");
    for handle in ["a/", "/a", "a//b", "a/b/c/d/e/f/g/h/i"] {
        let refused = server.post(&json!({ "name": "Bea", "handle": handle })).await;
        assert_eq!(refused.refusal(), (422, "invalid".into()), "{handle}");
    }
}

#[tokio::test]
async fn lists_and_exports_hold_the_handles_that_begin_as_asked() {
    let (server, _) = server_with_a_handle().await;
    for handle in ["support", "support/tier-2", "supporter"] {
        server.post(&json!({ "name": handle, "handle": handle })).await;
    }
    let counts = [("support/", 2), ("support", 4), ("supporter", 1), ("x", 0)];
    for (prefix, count) in counts {
        let query = format!("handle_prefix={}", prefix.replace('/', "%2F"));
        let page = server.get(&format!("{PERSONAS}?{query}&count=exact")).await.json();
        assert_eq!(page["total"], count, "{prefix}");
        let exported = server.get(&format!("/api/v1/export?{query}")).await;
        assert_eq!(String::from_utf8_lossy(&exported.body).lines().count(), count, "{prefix}");
    }
    let refused = server.get(&format!("{PERSONAS}?handle_prefix=%2F")).await;
    assert_eq!(refused.refusal(), (400, "bad_parameter".into()));
}

/// What the server answers to a request with a slow body: the handle is given to another persona
/// when the server has looked the handle up and asks for the body.
async fn with_a_slow_body(method: &str, target: &str, body: &str) -> (Server, String, String) {
    let (server, path) = server_with_a_handle().await;
    let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.expect("the server asks for the body");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    patch(&server, &path, &json!({ "handle": null })).await;
    server.post(&json!({ "name": "Bea", "handle": "support/tier-1" })).await;
    stream.write_all(body.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    (server, path, answer)
}

#[tokio::test]
async fn a_label_of_a_handle_is_not_moved_where_another_persona_took_the_handle_meanwhile() {
    let target = format!("{BY_HANDLE}/labels/live");
    let (server, path, answer) = with_a_slow_body("PUT", &target, r#"{"revision":1}"#).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("given up"), "{answer}");
    for path in [path.as_str(), BY_HANDLE] {
        let labels = server.get(&format!("{path}/labels")).await.json();
        let words: Vec<_> = labels["items"].as_array().into_iter().flatten().collect();
        assert!(words.iter().all(|one| one["label"] == "latest"), "{labels}");
    }
    // The body of a write, which is decided by the same rule.
    let (server, path, answer) = with_a_slow_body("PATCH", BY_HANDLE, r#"{"bio":"x"}"#).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(server.get(&path).await.json()["bio"], Value::Null);
}
