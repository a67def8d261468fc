//! `POST /api/v1/personas/batch`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::{Value, json};

use crate::http::client::Reply;
use crate::http::server::{ABSENT, Server};

const BATCH: &str = "/api/v1/personas/batch";
const NEW: &str = "0193b0c2-7f3e-7a10-8c1d-000000000007";

async fn batch(server: &Server, items: &[Value]) -> Reply {
    server.send("POST", BATCH).json(&json!({ "items": items })).send().await
}

fn items_of(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 207, "{reply:?}");
    let Value::Array(items) = reply.json()["items"].take() else { panic!("{reply:?}") };
    items
}

fn statuses(items: &[Value]) -> Vec<u64> {
    items.iter().map(|item| item["status"].as_u64().expect("a status")).collect()
}

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().expect("a path")
}

async fn count(server: &Server) -> Value {
    server.get("/api/v1/personas?count=exact&limit=1").await.json()["total"].clone()
}

#[tokio::test]
async fn each_item_is_done_as_the_request_alone_would_be() {
    let server = Server::start();
    let (one, two) = (server.persona("One").await, server.persona("Two").await);
    let tag = server.tag(&two).await;
    let reply = server
        .send("POST", BATCH)
        .header("x-persona-author", "Zoë")
        .json(&json!({ "items": [
            { "op": "create", "document": { "name": "Ada" } },
            { "op": "put", "id": NEW, "if_none_match": "*", "document": { "name": "Bea" } },
            { "op": "patch", "id": id_of(&one), "patch": { "nickname": "I" } },
            {
                "op": "patch",
                "id": id_of(&one),
                "base_revision": 1,
                "patch": [{ "op": "add", "path": "/tags/-", "value": "x" }],
            },
            { "op": "put", "id": id_of(&two), "if_match": tag, "document": { "name": "Deux" } },
            { "op": "delete", "id": id_of(&two), "if_match": "*" },
        ] }))
        .send()
        .await;
    let items = items_of(&reply);
    assert_eq!(statuses(&items), [201, 201, 200, 200, 200, 204]);
    let revisions: Vec<_> = items.iter().map(|item| item["revision"].clone()).collect();
    assert_eq!(revisions, [1, 1, 2, 3, 2, 3].map(|number| json!(number)));
    for (item, name) in [(&items[0], "Ada"), (&items[1], "Bea"), (&items[3], "One")] {
        let path = format!("/api/v1/personas/{}", item["id"].as_str().expect("an id"));
        let persona = server.get(&path).await;
        assert_eq!(Some(persona.etag()), item["etag"].as_str());
        assert_eq!(persona.json()["name"], name);
        assert_eq!(persona.json()["updated_by"], "Zoë");
    }
    let merged = server.get(&one).await.json();
    assert_eq!((&merged["nickname"], &merged["tags"]), (&json!("I"), &json!(["x"])));
    assert_eq!(server.get(&two).await.status, 410);
}

/// Items that break a rule, each with the place of the error in the item.
fn invalid_items(id: &str) -> Vec<(Value, &'static str)> {
    let delete = |more: Value| {
        let mut item = json!({ "op": "delete", "id": id, "if_match": "*" });
        let members = item.as_object_mut().expect("an object");
        members.extend(more.as_object().cloned().expect("an object"));
        item
    };
    let patch = |patch: Value| json!({ "op": "patch", "id": id, "patch": patch });
    let test = json!({ "op": "test", "path": "/name", "value": "Ada" });
    let replace = json!({ "op": "replace", "path": "/name", "value": "" });
    vec![
        (json!({ "op": "create", "document": {} }), "/document/name"),
        (patch(json!({ "name": null })), "/patch/name"),
        (patch(json!([test, replace])), "/patch/1"),
        (patch(json!([{ "op": "remove", "path": "/nothing" }])), "/patch/0"),
        (patch(json!(7)), "/patch"),
        (json!({ "op": "patch", "id": id, "patch": {}, "base_revision": 0 }), "/base_revision"),
        (json!({ "op": "erase", "id": id }), "/op"),
        (json!({ "op": "delete", "if_match": "*" }), "/id"),
        (delete(json!({ "documnet": {} })), "/documnet"),
        (delete(json!({ "patch": {} })), "/patch"),
        (delete(json!({ "if_match": "no tag" })), "/if_match"),
        (delete(json!({ "if_none_match": "*" })), "/if_none_match"),
        (delete(json!({ "idempotency_key": "" })), "/idempotency_key"),
        (json!("delete"), ""),
    ]
}

/// Items that conflict with what is stored, each with the status and the code of its refusal.
fn refused_items(id: &str) -> [(Value, u16, &'static str); 5] {
    let create = json!({ "op": "create", "if_match": "*", "document": { "name": "Ada" } });
    let stale = json!({ "op": "delete", "id": id, "if_match": "\"7-00000000\"" });
    let unknown = |id: &str| json!({ "op": "patch", "id": id, "patch": {} });
    [
        (stale, 412, "stale"),
        (create, 412, "stale"),
        (json!({ "op": "put", "id": id, "document": {} }), 428, "condition_required"),
        (unknown(id_of(ABSENT)), 404, "no_such_persona"),
        (unknown("ada"), 404, "no_such_persona"),
    ]
}

#[tokio::test]
async fn a_bad_item_is_told_as_the_request_alone_would_be_and_stops_no_other() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let (refused, invalid) = (refused_items(id_of(&path)), invalid_items(id_of(&path)));
    let sent = refused.iter().map(|(item, ..)| item).chain(invalid.iter().map(|(item, _)| item));
    let mut sent: Vec<Value> = sent.cloned().collect();
    sent.push(json!({ "op": "create", "document": { "name": "Bea" } }));
    let items = items_of(&batch(&server, &sent).await);
    let (of_refused, of_invalid) = items.split_at(refused.len());
    for ((item, status, code), told) in refused.iter().zip(of_refused) {
        assert_eq!(
            (&told["status"], &told["problem"]["code"]),
            (&json!(status), &json!(code)),
            "{item}"
        );
    }
    let mut place = refused.len();
    for ((item, inside), told) in invalid.iter().zip(of_invalid) {
        let error = &told["problem"]["errors"][0];
        let pointer = format!("/items/{place}{inside}");
        assert_eq!(
            (&told["status"], &error["pointer"]),
            (&json!(422), &json!(pointer)),
            "{item}: {told}"
        );
        place += 1;
    }
    for told in &items[..place] {
        assert_eq!(told["problem"]["status"], told["status"]);
        // A value that a single request has in a header is a member of the item here.
        let text = told.to_string();
        assert!(!text.contains("If-") && !text.contains("Idempotency-Key"), "{text}");
    }
    assert_eq!(items[place]["status"], 201);
    assert_eq!(items[0]["problem"]["current_revision"], 1);
    assert_eq!(items[0]["etag"], server.tag(&path).await);
    assert!(items[2].to_string().contains("if_match is missing"), "{}", items[2]);
    assert!(items.iter().any(|item| item.to_string().contains("did you mean document?")));
    assert_eq!((server.get(&path).await.revision(), count(&server).await), (1, json!(2)));
}

#[tokio::test]
async fn what_is_no_batch_changes_nothing() {
    let server = Server::start();
    let create = json!({ "op": "create", "document": { "name": "Ada" } });
    let cases = [
        (json!([create]), "", "not_an_object"),
        (json!({}), "/items", "required"),
        (json!({ "items": create }), "/items", "required"),
        (json!({ "items": [] }), "/items", "too_short"),
        (json!({ "items": vec![create.clone(); 1_001] }), "/items", "too_many"),
        (json!({ "items": [create], "atomic": true }), "/atomic", "unknown_member"),
    ];
    for (body, pointer, code) in cases {
        let reply = server.send("POST", BATCH).json(&body).send().await;
        assert_eq!(reply.status, 422);
        let error = &reply.problem()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)));
    }
    let body = json!({ "items": [create] });
    let long = "k".repeat(252);
    for (header, value) in
        [("if-match", "*"), ("if-none-match", "*"), ("idempotency-key", long.as_str())]
    {
        let reply = server.send("POST", BATCH).header(header, value).json(&body).send().await;
        assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (400, &json!("bad_header")));
    }
    assert_eq!(count(&server).await, 0);
}

#[tokio::test]
async fn a_batch_that_is_cut_off_changes_nothing() {
    let server = Server::start();
    let item = json!({ "op": "create", "document": { "name": "Ada" } });
    let body = json!({ "items": [item] }).to_string();
    let head = format!(
        "POST {BATCH} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        server.address(),
        body.len() + 1
    );
    let mut stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(body.as_bytes()).expect("sent");
    stream.shutdown(Shutdown::Write).expect("closed");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server ends the connection");
    assert!(answer.is_empty() || answer.contains("body_cut_off"), "{answer}");
    assert_eq!(count(&server).await, 0);
}

#[tokio::test]
async fn items_of_one_persona_are_done_in_their_order() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let change_of = |number: u64| {
        let nickname = json!({ "nickname": number.to_string() });
        json!({ "op": "patch", "id": id_of(&path), "base_revision": number, "patch": nickname })
    };
    let items = items_of(&batch(&server, &(1..=50).map(change_of).collect::<Vec<_>>()).await);
    let revisions: Vec<_> = items.iter().map(|item| item["revision"].as_u64()).collect();
    assert_eq!(revisions, (2..=51).map(Some).collect::<Vec<_>>());
    assert_eq!(server.get(&path).await.json()["nickname"], "50");
}

#[tokio::test]
async fn a_repetition_is_recognised_item_by_item() {
    let server = Server::start();
    let create = |name: &str| json!({ "op": "create", "document": { "name": name } });
    let keyed = |name: &str| json!({ "op": "create", "document": { "name": name }, "idempotency_key": "b" });
    let send = async |items: Value| {
        let body = json!({ "items": items });
        let sending = server.send("POST", BATCH).header("idempotency-key", "all").json(&body);
        items_of(&sending.send().await)
    };
    let first = send(json!([create("Ada"), keyed("Bea"), create("Cleo")])).await;
    assert_eq!(statuses(&first), [201, 201, 201]);
    assert!(first.iter().all(|item| item["replayed"].is_null()), "{first:?}");
    let again = send(json!([create("Ada"), keyed("Bea"), create("Cleo"), create("Dora")])).await;
    assert_eq!(statuses(&again), [201, 201, 201, 201]);
    for (again, first) in again.iter().zip(&first) {
        assert_eq!((&again["id"], &again["replayed"]), (&first["id"], &json!(true)));
    }
    let other = send(json!([create("Eve"), keyed("Eve")])).await;
    assert_eq!(statuses(&other), [422, 422]);
    assert_eq!(other[0]["problem"]["code"], "idempotency_key_reused");
    assert_eq!(count(&server).await, 4);
}

#[tokio::test]
async fn an_item_keeps_its_key_where_an_earlier_one_finds_its_persona_only_later() {
    let server = Server::start();
    let send = async |note: &str| {
        let nickname = json!({ "op": "patch", "id": "@h1", "patch": { "nickname": "x" } });
        let create = json!({ "op": "create", "document": { "name": "once" } });
        let sending = server.send("POST", &format!("{BATCH}{note}"));
        let sending = sending.header("idempotency-key", "all");
        items_of(&sending.json(&json!({ "items": [nickname, create] })).send().await)
    };
    let first = send("").await;
    assert_eq!(statuses(&first), [404, 201]);
    let holder = json!({ "name": "holder", "handle": "h1" });
    assert_eq!(server.send("POST", "/api/v1/personas").json(&holder).send().await.status, 201);
    let again = send("").await;
    assert_eq!(statuses(&again), [200, 201]);
    assert_eq!((&again[1]["id"], &again[1]["replayed"]), (&first[1]["id"], &json!(true)));
    assert_eq!(count(&server).await, 2);
    // With another note it is another request.
    let noted = send("?note=why").await;
    assert_eq!(noted[1]["problem"]["code"], "idempotency_key_reused", "{noted:?}");
    assert_eq!(count(&server).await, 2);
}

#[tokio::test]
async fn a_thousand_items_of_several_clients_at_once_are_all_done() {
    let server = Server::start();
    let create = |number| json!({ "op": "create", "document": { "name": format!("P{number}") } });
    let items: Vec<Value> = (0..1_000).map(create).collect();
    let send = || batch(&server, &items);
    let all = tokio::join!(send(), send(), send(), send());
    for reply in [all.0, all.1, all.2, all.3] {
        let statuses = statuses(&items_of(&reply));
        assert_eq!(statuses, vec![201; 1_000]);
    }
    assert_eq!(count(&server).await, 4_000);
}
