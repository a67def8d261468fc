//! `?squash=` on writes, and what is answered of a revision that was dropped.

use serde_json::{Value, json};

use crate::http::client::Reply;
use crate::http::server::Server;

/// A patch of Ada with this query.
async fn patch(server: &Server, path: &str, query: &str, members: &Value) -> Reply {
    let request = server.send("PATCH", &format!("{path}?{query}"));
    request.header("x-persona-author", "Ada").json(members).send().await
}

/// A persona at revision 4, of which revisions 2 and 3 were dropped.
async fn squashed(server: &Server) -> String {
    let path = server.persona_with(&json!({ "name": "Ada" })).await;
    for name in ["A", "Ad", "Ada L."] {
        let saved = patch(server, &path, "squash=900", &json!({ "name": name })).await;
        assert_eq!(saved.status, 200);
    }
    path
}

fn dropped() -> (u16, String) {
    (410, "revision_dropped".into())
}

#[tokio::test]
async fn autosaves_leave_one_revision_and_every_request_tells_of_those_that_went() {
    let server = Server::start();
    let path = squashed(&server).await;
    let page = server.get(&format!("{path}/revisions?limit=1")).await.json();
    assert_eq!((&page["items"][0]["revision"], &page["next_cursor"]), (&json!(4), &json!("4")));
    let page = server.get(&format!("{path}/revisions?limit=1&cursor=4")).await.json();
    assert_eq!((&page["items"][0]["revision"], &page["next_cursor"]), (&json!(1), &Value::Null));
    let tag = server.tag(&path).await;
    for query in
        ["/revisions/2", "/revisions/3", "?revision=3", "/diff?from=3", "/diff?from=1&to=2"]
    {
        assert_eq!(server.get(&format!("{path}{query}")).await.refusal(), dropped(), "{query}");
    }
    let revert = server.send("POST", &format!("{path}/revisions/2/revert"));
    assert_eq!(revert.header("if-match", &tag).send().await.refusal(), dropped());
    let label = server.send("PUT", &format!("{path}/labels/live"));
    assert_eq!(label.json(&json!({ "revision": 3 })).send().await.refusal(), dropped());
    let merged = patch(&server, &path, "base_revision=3", &json!({ "name": "B" })).await;
    assert_eq!(merged.refusal(), (422, "unknown_base".into()));
    assert_eq!(server.tag(&path).await, tag, "nothing was changed");
    // By default with the last one before it that is kept.
    let diff = server.get(&format!("{path}/diff")).await.json();
    assert_eq!(
        (&diff["from"], &diff["to"], &diff["changed"]),
        (&json!(1), &json!(4), &json!(["name"]))
    );
    let merged = patch(&server, &path, "base_revision=1", &json!({ "nickname": "n" })).await;
    assert_eq!((merged.status.as_u16(), merged.revision()), (200, 5));
}

#[tokio::test]
async fn a_replacement_and_an_item_of_a_batch_are_squashed_too() {
    let server = Server::start();
    let path = squashed(&server).await;
    let tag = server.tag(&path).await;
    let put = server.send("PUT", &format!("{path}?squash=900")).header("if-match", &tag);
    let put = put.header("x-persona-author", "Ada").json(&json!({ "name": "P" })).send().await;
    assert_eq!((put.status.as_u16(), put.revision()), (200, 5));
    let id = path.rsplit('/').next().expect("an id");
    let item = json!({ "op": "patch", "id": id, "patch": { "name": "Q" }, "squash": 900 });
    for atomic in ["true", "false"] {
        let batch = server.send("POST", &format!("/api/v1/personas/batch?atomic={atomic}"));
        let mut item = item.clone();
        item["patch"]["name"] = atomic.into();
        let batch = batch.header("x-persona-author", "Ada").json(&json!({ "items": [item] }));
        assert!(batch.send().await.status.is_success());
    }
    let page = server.get(&format!("{path}/revisions")).await.json();
    let kept: Vec<&Value> =
        page["items"].as_array().expect("a list").iter().map(|entry| &entry["revision"]).collect();
    assert_eq!(kept, [&json!(7), &json!(1)]);
}

#[tokio::test]
async fn a_window_that_is_none_is_refused_and_changes_nothing() {
    let server = Server::start();
    let path = squashed(&server).await;
    let tag = server.tag(&path).await;
    for wrong in ["0", "86401", "-1", "1.5", "yes", ""] {
        let refused =
            patch(&server, &path, &format!("squash={wrong}"), &json!({ "name": "X" })).await;
        assert_eq!(refused.refusal(), (400, "bad_parameter".into()), "{wrong}");
    }
    let id = path.rsplit('/').next().expect("an id");
    for (op, wrong) in [("patch", json!(0)), ("patch", json!("900")), ("delete", json!(900))] {
        let item = json!({ "op": op, "id": id, "patch": { "name": "X" }, "if_match": tag, "squash": wrong });
        let batch = server.send("POST", "/api/v1/personas/batch").json(&json!({ "items": [item] }));
        let answer = batch.send().await.json();
        assert_eq!(answer["items"][0]["status"], 422, "{op} {wrong}: {answer}");
    }
    assert_eq!(server.tag(&path).await, tag);
}

#[tokio::test]
async fn a_repeated_request_is_not_applied_again_when_its_revision_was_dropped() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada" })).await;
    let save = |key: &'static str, name: &'static str| {
        let request = server.send("PATCH", &format!("{path}?squash=900"));
        let request = request.header("x-persona-author", "Ada").header("idempotency-key", key);
        request.json(&json!({ "name": name }))
    };
    assert_eq!(save("a", "A").send().await.status, 200);
    assert_eq!(save("b", "B").send().await.status, 200);
    assert_eq!(save("a", "A").send().await.refusal(), dropped());
    assert_eq!(server.get(&path).await.json()["name"], "B");
}

/// An autosave without an author, under a key.
async fn nameless(server: &Server, path: &str, key: &str, query: &str) -> Reply {
    let request = server.send("PATCH", &format!("{path}?squash=900{query}"));
    request.header("idempotency-key", key).json(&json!({ "name": key })).send().await
}

async fn kept(server: &Server, path: &str) -> Vec<u64> {
    let page = server.get(&format!("{path}/revisions")).await.json();
    let entries = page["items"].as_array().expect("a list").iter();
    entries.map(|entry| entry["revision"].as_u64().expect("a number")).collect()
}

#[tokio::test]
async fn autosaves_without_an_author_are_squashed_where_each_names_the_key_before() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada" })).await;
    for (key, query) in [("a", ""), ("b", "&squash_key=a"), ("\"c+d\"", "&squash_key=x")] {
        let saved = nameless(&server, &path, key, query).await;
        assert_eq!(saved.status, 200, "{key}");
    }
    assert_eq!(kept(&server, &path).await, [4, 3, 1], "the last one named another key");
    // A key in quotes is the same key.
    let tag = server.tag(&path).await;
    let put = server.send("PUT", &format!("{path}?squash=900&squash_key=c%2Bd"));
    let put = put.header("if-match", &tag).header("idempotency-key", "e");
    assert_eq!(put.json(&json!({ "name": "E" })).send().await.status, 200);
    assert_eq!(kept(&server, &path).await, [5, 3, 1]);
    // In a batch each item without a key has that of the request with its place.
    let id = path.rsplit('/').next().expect("an id");
    let item = |name: &str, key: &str| {
        let changes = json!({ "name": name });
        json!({ "op": "patch", "id": id, "patch": changes, "squash": 900, "squash_key": key })
    };
    let items = [item("F", "e"), item("G", "f")];
    let batch = server.send("POST", "/api/v1/personas/batch").header("idempotency-key", "f");
    let answer = batch.json(&json!({ "items": items })).send().await.json();
    assert_eq!(answer["items"][1]["revision"], 7, "{answer}");
    let atomic = server.send("POST", "/api/v1/personas/batch?atomic=true");
    let answer = atomic.json(&json!({ "items": [item("H", "f:1")] })).send().await.json();
    assert_eq!(answer["items"][0]["revision"], 8, "{answer}");
    assert_eq!(kept(&server, &path).await, [8, 3, 1]);
}

#[tokio::test]
async fn a_key_without_a_window_or_that_is_none_is_refused_and_changes_nothing() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada" })).await;
    let tag = server.tag(&path).await;
    let long = format!("squash=900&squash_key={}", "x".repeat(256));
    for (query, code) in [
        ("squash_key=a", "not_here"),
        ("squash_key=", "not_here"),
        ("squash=900&squash_key=", "bad_value"),
        ("squash=900&squash_key=a%20b", "bad_value"),
        ("squash=900&squash_key=%C3%A4", "bad_value"),
        ("squash=900&squash_key=a&squash_key=b", "repeated"),
        (&long, "bad_value"),
    ] {
        for method in ["PATCH", "PUT"] {
            let request = server.send(method, &format!("{path}?{query}")).header("if-match", &tag);
            let refused = request.json(&json!({ "name": "X" })).send().await;
            let body = refused.json();
            assert_eq!(refused.refusal(), (400, "bad_parameter".into()), "{query}: {body}");
            let error = &body["errors"][0];
            assert_eq!((&error["parameter"], &error["code"]), (&json!("squash_key"), &json!(code)));
        }
    }
    let id = path.rsplit('/').next().expect("an id");
    for (op, squash, key, code) in [
        ("patch", json!(null), json!("a"), "not_here"),
        ("put", json!(null), json!("a"), "not_here"),
        ("patch", json!(900), json!(""), "bad_value"),
        ("put", json!(900), json!("a b"), "bad_value"),
        ("patch", json!(900), json!(7), "wrong_type"),
        ("delete", json!(null), json!("a"), "not_here"),
    ] {
        let mut item = json!({ "op": op, "id": id, "if_match": tag, "squash_key": key });
        match op {
            "patch" => item["patch"] = json!({ "name": "X" }),
            "put" => item["document"] = json!({ "name": "X" }),
            _ => {}
        }
        if !squash.is_null() {
            item["squash"] = squash;
        }
        let batch = server.send("POST", "/api/v1/personas/batch").json(&json!({ "items": [item] }));
        let answer = batch.send().await.json();
        let error = &answer["items"][0]["problem"]["errors"][0];
        let told = (&error["pointer"], &error["code"]);
        assert_eq!(told, (&json!("/items/0/squash_key"), &json!(code)), "{op} {answer}");
    }
    assert_eq!(server.tag(&path).await, tag);
}
