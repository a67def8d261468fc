//! `GET /api/v1/personas/{id}/revisions`, and the notes that it shows.

use serde_json::{Value, json};

use crate::http::server::{ABSENT, Server};

/// Number, author, note, base and deletion of each revision.
fn told(page: &Value) -> Vec<Value> {
    let items = page["items"].as_array().expect("a list");
    let short = |item: &Value| {
        json!([item["revision"], item["by"], item["note"], item["base"], item["deleted"]])
    };
    items.iter().map(short).collect()
}

#[tokio::test]
async fn revisions_are_listed_newest_first_with_what_their_authors_said() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let change = |target: String, value: &str| {
        server.send("PATCH", &target).json(&json!({ "nickname": value }))
    };
    let noted = change(path.clone(), "A")
        .header("x-persona-author", "Eve")
        .header("x-persona-note", "für alle")
        .send()
        .await;
    assert_eq!(noted.status, 200);
    let in_query = change(format!("{path}?base_revision=1&note=a+%26+b"), "A").send().await;
    assert_eq!(in_query.status, 200, "it changes nothing");
    let in_query = change(format!("{path}?base_revision=2&note=a+%26+b"), "B").send().await;
    assert_eq!(in_query.status, 200);
    server.delete(&path).await;
    let list = format!("{path}/revisions");
    let page = server.get(&list).await.json();
    let expected = [
        json!([4, null, null, null, true]),
        json!([3, null, "a & b", 2, false]),
        json!([2, "Eve", "für alle", null, false]),
        json!([1, null, null, null, false]),
    ];
    assert_eq!(told(&page), expected, "also of a deleted persona");
    assert_eq!(page["next_cursor"], Value::Null);
    assert_eq!(page["items"][1]["changed"], json!(["nickname"]));
    assert_eq!(page["items"][0]["changed"], json!([]));
    assert!(page["items"][1]["size"].as_u64() > Some(100) && page["items"][1]["at"].is_string());
    let first = server.get(&format!("{list}?limit=3")).await.json();
    assert_eq!(told(&first), expected[..3]);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let rest = server.get(&format!("{list}?limit=3&cursor={cursor}")).await.json();
    assert_eq!((told(&rest), &rest["next_cursor"]), (expected[3..].to_vec(), &Value::Null));
    let of_revision = server.get(&format!("{path}/revisions/2")).await.json();
    assert!(of_revision.get("note").is_none(), "a note is not a part of the persona");
}

#[tokio::test]
async fn what_cannot_be_listed_or_noted_is_refused_and_changes_nothing() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let list = format!("{path}/revisions");
    let absent = server.get(&format!("{ABSENT}/revisions")).await;
    assert_eq!(absent.refusal(), (404, "no_such_persona".into()));
    for query in ["cursor=x", "cursor=0", "cursor=-1", "limit=0", "limit=1001", "note=a"] {
        let refused = server.get(&format!("{list}?{query}")).await;
        assert_eq!(refused.refusal(), (400, "bad_parameter".into()), "{query}");
    }
    let long = "x".repeat(501);
    let change = |target: &str| server.send("PATCH", target).json(&json!({ "nickname": "A" }));
    for note in ["", " ", &long, "a\tb"] {
        let refused = change(&path).header("x-persona-note", note).send().await;
        assert_eq!(refused.refusal(), (400, "bad_header".into()), "{note:?}");
    }
    let twice = change(&format!("{path}?note=a")).header("x-persona-note", "a").send().await;
    assert_eq!(twice.refusal(), (400, "bad_parameter".into()));
    assert_eq!(server.get(&list).await.json()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn items_of_a_batch_have_notes_of_their_own_or_that_of_the_request() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let id = path.rsplit('/').next().expect("an id");
    let change = |value: &str, note: Value| {
        let mut item = json!({ "op": "patch", "id": id, "patch": { "nickname": value } });
        item["note"] = note;
        item
    };
    let mut without = change("C", Value::Null);
    without.as_object_mut().expect("an object").remove("note");
    let items = json!({ "items": [change("A", "own".into()), change("B", "".into()), without] });
    let reply = server
        .send("POST", "/api/v1/personas/batch")
        .header("x-persona-note", "of all")
        .json(&items)
        .send()
        .await;
    let told_of: Vec<Value> = reply.json()["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| item["status"].clone())
        .collect();
    assert_eq!(told_of, [200, 422, 200]);
    let page = server.get(&format!("{path}/revisions")).await.json();
    let notes: Vec<&Value> =
        page["items"].as_array().expect("a list").iter().map(|item| &item["note"]).collect();
    assert_eq!(notes, [&json!("of all"), &json!("own"), &Value::Null]);
}

#[tokio::test]
async fn a_key_belongs_to_a_request_with_its_note() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let change = |note: &'static str| {
        server
            .send("PATCH", &path)
            .header("idempotency-key", "k")
            .header("x-persona-note", note)
            .json(&json!({ "nickname": "A" }))
    };
    assert_eq!(change("a").send().await.status, 200);
    assert_eq!(change("a").send().await.header("idempotency-replayed"), Some("true"));
    assert_eq!(change("b").send().await.refusal(), (422, "idempotency_key_reused".into()));
}
