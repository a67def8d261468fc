//! `POST /api/v1/personas/batch?atomic=true`.

use serde_json::{Value, json};

use crate::http::client::Reply;
use crate::http::server::{ABSENT, Server};

const ATOMIC: &str = "/api/v1/personas/batch?atomic=true";

async fn atomic(server: &Server, items: &[Value]) -> Reply {
    server.send("POST", ATOMIC).json(&json!({ "items": items })).send().await
}

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().expect("a path")
}

fn create(name: &str) -> Value {
    json!({ "op": "create", "document": { "name": name } })
}

async fn count(server: &Server) -> Value {
    server.get("/api/v1/personas?count=exact&limit=1").await.json()["total"].clone()
}

#[tokio::test]
async fn all_of_it_is_applied_in_order_and_answered_item_by_item() {
    let server = Server::start();
    let (one, two) = (server.persona("One").await, server.persona("Two").await);
    let tag = server.tag(&two).await;
    let reply = server
        .send("POST", ATOMIC)
        .header("x-persona-author", "Zoë")
        .json(&json!({ "items": [
            create("Ada"),
            { "op": "patch", "id": id_of(&one), "patch": { "handle": null, "nickname": "I" } },
            { "op": "delete", "id": id_of(&two), "if_match": tag },
        ] }))
        .send()
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let items = reply.json()["items"].as_array().expect("items").clone();
    let told: Vec<_> = items.iter().map(|item| (&item["status"], &item["revision"])).collect();
    let expected =
        [(201, 1), (200, 2), (204, 2)].map(|(status, number)| (json!(status), json!(number)));
    assert_eq!(told, expected.iter().map(|(status, number)| (status, number)).collect::<Vec<_>>());
    let ada =
        server.get(&format!("/api/v1/personas/{}", items[0]["id"].as_str().expect("an id"))).await;
    assert_eq!(Some(ada.etag()), items[0]["etag"].as_str());
    assert_eq!(ada.json()["created_by"], "Zoë");
    assert_eq!(server.get(&one).await.json()["nickname"], "I");
    assert_eq!(server.get(&two).await.status, 410);
}

#[tokio::test]
async fn one_refused_item_is_told_with_its_place_and_nothing_is_applied() {
    let server = Server::start();
    let ada = server.persona("Ada").await;
    let id = id_of(&ada);
    let patch = |patch: Value| json!({ "op": "patch", "id": id, "patch": patch });
    let cases = [
        (json!({ "op": "delete", "id": id, "if_match": "\"7-00000000\"" }), 412, "stale", None),
        (json!({ "op": "delete", "id": id }), 428, "condition_required", None),
        (json!({ "op": "patch", "id": id_of(ABSENT), "patch": {} }), 404, "no_such_persona", None),
        (patch(json!({ "name": null })), 422, "invalid", Some("/items/1/patch/name")),
        (
            patch(json!([{ "op": "test", "path": "/name", "value": "Eve" }])),
            409,
            "test_failed",
            None,
        ),
        (json!({ "op": "create", "document": {} }), 422, "invalid", Some("/items/1/document/name")),
        (json!({ "op": "create" }), 422, "invalid", Some("/items/1/document")),
    ];
    for (bad, status, code, pointer) in cases {
        let reply = atomic(&server, &[create("Bea"), bad.clone(), create("Cleo")]).await;
        let problem = reply.problem();
        assert_eq!((reply.status.as_u16(), &problem["code"]), (status, &json!(code)), "{bad}");
        assert_eq!(
            (&problem["item"], &problem["errors"][0]["pointer"]),
            (&json!(1), &json!(pointer))
        );
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(
            detail.starts_with("item 1: ")
                && detail.ends_with("; nothing of the batch was applied"),
            "{detail}"
        );
        assert_eq!((server.get(&ada).await.revision(), count(&server).await), (1, json!(1)));
    }
}

#[tokio::test]
async fn a_persona_or_a_key_comes_once_and_a_batch_is_bounded() {
    let server = Server::start();
    let ada = server.persona("Ada").await;
    let patch = |key: &str| json!({ "op": "patch", "id": id_of(&ada), "patch": {}, "idempotency_key": key });
    let keyed =
        |key: &str| json!({ "op": "create", "document": { "name": "B" }, "idempotency_key": key });
    let twice = atomic(&server, &[create("B"), patch("a"), patch("b")]).await;
    let same_key = atomic(&server, &[keyed("a"), keyed("a")]).await;
    let too_many = atomic(&server, &vec![create("B"); 257]).await;
    for (reply, pointer, code) in [
        (twice, "/items/2/id", "repeated"),
        (same_key, "/items/1/idempotency_key", "repeated"),
        (too_many, "/items", "too_many"),
    ] {
        assert_eq!(reply.status, 422, "{reply:?}");
        let error = reply.problem()["errors"][0].clone();
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)));
    }
    let large = |name: &str| {
        let extensions = json!({ "text": "x".repeat(600 * 1024) });
        json!({ "op": "create", "document": { "name": name, "extensions": extensions } })
    };
    let reply = atomic(&server, &[large("B"), large("C")]).await;
    assert_eq!((reply.status.as_u16(), &reply.problem()["code"]), (413, &json!("batch_too_large")));
    assert_eq!(reply.problem()["item"], 1);
    assert_eq!(
        server.send("POST", "/api/v1/personas/batch?atomic=7").json(&json!({})).send().await.status,
        400
    );
    assert_eq!(count(&server).await, 1);
    assert_eq!(atomic(&server, &vec![create("B"); 256]).await.status, 200);
}

#[tokio::test]
async fn a_key_for_the_whole_request_makes_a_repetition_harmless() {
    let server = Server::start();
    let send = async |items: Value| {
        let sending = server.send("POST", ATOMIC).header("idempotency-key", "all");
        sending.json(&json!({ "items": items })).send().await
    };
    let first = send(json!([create("Ada"), create("Bea")])).await.json()["items"].clone();
    let again = send(json!([create("Ada"), create("Bea")])).await.json()["items"].clone();
    for (again, first) in
        again.as_array().expect("items").iter().zip(first.as_array().expect("items"))
    {
        assert_eq!((&again["id"], &again["etag"]), (&first["id"], &first["etag"]));
        assert_eq!((&first["replayed"], &again["replayed"]), (&Value::Null, &json!(true)));
    }
    // This is another request, although its first item is the same.
    let other = send(json!([create("Ada"), create("Cleo")])).await;
    assert_eq!(
        (other.status.as_u16(), &other.problem()["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    assert_eq!(count(&server).await, 2);
}

#[tokio::test]
async fn a_key_of_another_kind_of_request_is_refused_in_both_directions() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let single = async |key: &'static str| {
        let members = json!({ "nickname": key });
        server.send("PATCH", &path).header("idempotency-key", key).json(&members).send().await
    };
    let atomic = async |key: &'static str, names: &[&str]| {
        let items: Vec<Value> = names.iter().map(|name| create(name)).collect();
        let sending = server.send("POST", ATOMIC).header("idempotency-key", key);
        sending.json(&json!({ "items": items })).send().await
    };
    let reused = (422, "idempotency_key_reused".to_owned());
    assert_eq!(single("one").await.status, 200);
    assert_eq!(atomic("one", &["Bea", "Cleo"]).await.refusal(), reused);
    assert_eq!(atomic("two", &["Bea", "Cleo"]).await.status, 200);
    assert_eq!(single("two").await.refusal(), reused);
    assert_eq!(server.get(&path).await.json()["nickname"], "one");
    assert_eq!(atomic("two", &["Bea", "Cleo"]).await.status, 200, "a repetition");
    assert_eq!(count(&server).await, 3);
}
