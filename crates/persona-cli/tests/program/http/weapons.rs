//! Requests that cost a server far more than their client: each is refused at once, with a short
//! answer, and the worker lives.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::http::client::Reply;
use crate::http::server::Server;

/// Upper bound of a refusal in bytes: a hundred errors of some hundred bytes.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

async fn json_patch(server: &Server, path: &str, operations: &Value) -> Reply {
    server
        .send("PATCH", path)
        .body("application/json-patch+json", operations.to_string())
        .send()
        .await
}

/// The processes that answer, so that the end of one shows.
async fn workers(server: &Server) -> BTreeSet<String> {
    let mut pids = BTreeSet::new();
    let status = server.get("/api/v1/status").await.json();
    for worker in status["workers"].as_array().expect("a list") {
        pids.insert(worker["pid"].to_string());
    }
    assert!(!pids.is_empty(), "{status}");
    pids
}

#[tokio::test]
async fn copies_that_double_the_nesting_are_refused_and_no_worker_dies() {
    let server = Server::start();
    let before = workers(&server).await;
    let path = server.persona_with(&json!({ "name": "Ada", "extensions": {} })).await;
    let nested = (0..60).fold(json!(0), |inner, _| json!([inner]));
    let mut operations = vec![json!({ "op": "add", "path": "/extensions/a", "value": nested })];
    let mut place = "/extensions/a".to_owned();
    for step in 0..8 {
        place += &"/0".repeat(60 << step);
        operations.push(json!({ "op": "copy", "from": "/extensions/a", "path": place }));
    }
    let reply = json_patch(&server, &path, &Value::Array(operations)).await;
    assert_eq!(reply.refusal(), (422, "invalid".into()));
    assert_eq!(
        reply.problem()["errors"],
        json!([{
            "pointer": "/1",
            "code": "too_deep",
            "message": "operation 1 would nest the document 122 deep, at most 100 are possible"
        }])
    );
    assert_eq!((server.get(&path).await.revision(), workers(&server).await), (1, before));
}

#[tokio::test]
async fn a_thousand_copies_are_refused_with_the_limit() {
    let server = Server::start();
    let path =
        server.persona_with(&json!({ "name": "Ada", "scenario": "x".repeat(200_000) })).await;
    let copies = vec![json!({ "op": "copy", "from": "/scenario", "path": "/description" }); 1000];
    let reply = json_patch(&server, &path, &Value::Array(copies)).await;
    let message = "with operation 41 the patch would copy 8400084 bytes, at most 8388608 are possible; each counts at least 16384";
    assert_eq!(
        reply.problem()["errors"][0],
        json!({ "pointer": "/41", "code": "too_much", "message": message })
    );
    let small = vec![json!({ "op": "copy", "from": "/name", "path": "/nickname" }); 1000];
    assert_eq!(
        json_patch(&server, &path, &Value::Array(small)).await.refusal(),
        (422, "invalid".into())
    );
    let few = vec![json!({ "op": "copy", "from": "/name", "path": "/nickname" }); 3];
    assert_eq!(json_patch(&server, &path, &Value::Array(few)).await.status, 200);
}

#[tokio::test]
async fn a_test_compares_numbers_by_value() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada", "extensions": { "n": 1 } })).await;
    let test =
        |value: &str| format!("[{{\"op\":\"test\",\"path\":\"/extensions/n\",\"value\":{value}}}]");
    for (value, status) in [
        ("1", 200),
        ("1.0", 200),
        ("1e0", 200),
        ("10e-1", 200),
        ("1.5", 409),
        ("\"1\"", 409),
        ("true", 409),
    ] {
        let reply = server
            .send("PATCH", &path)
            .body("application/json-patch+json", test(value))
            .send()
            .await;
        assert_eq!(reply.status.as_u16(), status, "{value}");
    }
}

#[tokio::test]
async fn a_document_has_one_total_on_every_way_in() {
    let server = Server::start();
    let greetings = |count: usize| vec!["x".repeat(200_000); count];
    let fits = json!({ "name": "Ada", "alternate_greetings": greetings(20) });
    let larger = json!({ "name": "Ada", "alternate_greetings": greetings(22) });
    let reply = server.post(&larger).await;
    assert_eq!(reply.refusal(), (422, "invalid".into()));
    let detail = reply.problem()["detail"].as_str().expect("a text").to_owned();
    assert!(
        detail.starts_with("document: must have at most 4194304 bytes as JSON in all, has 440"),
        "{detail}"
    );
    let path = server.persona_with(&fits).await;
    let whole = server.get(&path).await;
    let put = server
        .send("PUT", &path)
        .header("if-match", whole.etag())
        .body("application/json", whole.body.clone())
        .send()
        .await;
    assert_eq!(
        (put.status.as_u16(), put.revision()),
        (200, 1),
        "what a GET answers can be put back"
    );
    let put = server.send("PUT", &path).header("if-match", "*").json(&larger).send().await;
    assert_eq!(put.refusal(), (422, "invalid".into()));
    let merged = server
        .send("PATCH", &path)
        .json(&json!({ "group_only_greetings": greetings(2) }))
        .send()
        .await;
    assert_eq!(merged.refusal(), (422, "invalid".into()));
    let copies =
        json!([{ "op": "copy", "from": "/alternate_greetings", "path": "/group_only_greetings" }]);
    let reply = json_patch(&server, &path, &copies).await;
    assert!(
        reply.problem()["detail"]
            .as_str()
            .expect("a text")
            .contains("must have at most 4194304 bytes"),
        "{reply:?}"
    );
    assert_eq!(server.get(&path).await.revision(), 1);
}

#[tokio::test]
async fn of_many_faults_a_hundred_are_told_and_the_others_counted() {
    let server = Server::start();
    let unknown: Map<String, Value> =
        (0..200_000).map(|number| (format!("nmae{number}"), json!(1))).collect();
    let reply = server.post(&Value::Object(unknown)).await;
    assert_eq!(reply.refusal(), (422, "invalid".into()));
    let problem = reply.problem();
    assert_eq!(
        (problem["errors"].as_array().map(Vec::len), &problem["more_errors"]),
        (Some(100), &json!(199_901))
    );
    assert_eq!(problem["detail"], "200001 rules are broken");
    assert!(reply.body.len() < REFUSAL_BYTES_MAX, "{}", reply.body.len());
}

#[tokio::test]
async fn of_many_conflicts_a_hundred_are_told_and_the_others_counted() {
    let server = Server::start();
    let members = |value: u8| {
        (0..1000).map(|number| (format!("k{number}"), json!(value))).collect::<Map<_, _>>()
    };
    let path = server.persona_with(&json!({ "name": "Ada", "extensions": members(1) })).await;
    assert_eq!(
        server.send("PATCH", &path).json(&json!({ "extensions": members(2) })).send().await.status,
        200
    );
    let reply = server
        .send("PATCH", &format!("{path}?base_revision=1"))
        .json(&json!({ "extensions": members(3) }))
        .send()
        .await;
    assert_eq!(reply.refusal(), (409, "conflict".into()));
    let problem = reply.problem();
    assert_eq!(
        (problem["conflicts"].as_array().map(Vec::len), &problem["more_conflicts"]),
        (Some(100), &json!(900))
    );
}

#[tokio::test]
async fn outside_text_is_repeated_in_part_only() {
    let server = Server::start();
    let (path, long) = (server.persona("Ada").await, "é".repeat(1_000_000));
    let bodies = [
        json!({ "name": "Ada", long.clone(): 1 }),
        json!({ "name": "Ada", "kind": long }),
        json!({ "name": "Ada", "content_rating": { "default": long, "allowed": [long], long.clone(): 1 } }),
        json!({ "name": "Ada", "creator_notes_multilingual": { long.clone(): 1 } }),
        json!({ "name": "Ada", "assets": [{ "type": 1, long.clone(): 1 }] }),
    ];
    for body in bodies {
        let reply = server.post(&body).await;
        assert_eq!(
            (reply.refusal(), reply.body.len() < REFUSAL_BYTES_MAX),
            ((422, "invalid".into()), true),
            "{}",
            reply.body.len()
        );
    }
    let twice = server
        .send("POST", "/api/v1/personas")
        .body("application/json", format!("{{\"{long}\":1,\"{long}\":2}}"))
        .send()
        .await;
    assert_eq!((twice.refusal(), twice.body.len() < 2048), ((400, "malformed_json".into()), true));
    let patches = [
        json!([{ "op": long, "path": "/name" }]),
        json!([{ "op": "remove", "path": format!("/{long}") }]),
        json!([{ "op": "test", "path": format!("/{long}"), "value": 1 }]),
        json!([{ "op": "copy", "from": format!("/{long}"), "path": "/name" }]),
        json!(long),
    ];
    for patch in patches {
        let reply = json_patch(&server, &path, &patch).await;
        assert!(
            reply.status.is_client_error() && reply.body.len() < 2048,
            "{}: {} bytes",
            reply.status,
            reply.body.len()
        );
    }
}

#[tokio::test]
async fn a_query_with_too_many_parameters_is_refused_in_few_words() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let many = vec!["a"; 8000].join("&");
    for target in [
        format!("/api/v1/personas?{many}"),
        format!("{path}?{many}"),
        format!("/api/v1/export?{many}"),
    ] {
        let reply = server.get(&target).await;
        assert_eq!(reply.refusal(), (400, "bad_parameter".into()));
        let message = "must have at most 64 parameters, has 8000";
        assert_eq!(
            reply.problem()["errors"],
            json!([{ "parameter": "", "code": "too_many", "message": message }]),
            "{target:.60}"
        );
    }
    let edge = vec!["a"; 64].join("&");
    assert_eq!(
        server.get(&format!("{path}?{edge}")).await.problem()["errors"].as_array().map(Vec::len),
        Some(64)
    );
    let long = server.get(&format!("{path}?{}=1", "x".repeat(30_000))).await;
    assert!(
        long.refusal() == (400, "bad_parameter".into()) && long.body.len() < 2048,
        "{}",
        long.body.len()
    );
    let value = server.get(&format!("/api/v1/personas?limit={}", "9".repeat(30_000))).await;
    assert!(
        value.refusal() == (400, "bad_parameter".into()) && value.body.len() < 2048,
        "{}",
        value.body.len()
    );
}

#[tokio::test]
async fn fields_are_a_set_of_at_most_64() {
    let server = Server::start();
    server.persona("Ada").await;
    let same = vec!["name"; 5000].join(",");
    let page = server.get(&format!("/api/v1/personas?fields={same}")).await;
    assert_eq!(page.json()["items"], json!([{ "name": "Ada" }]));
    let unknown =
        |count: usize| (0..count).map(|number| format!("f{number}")).collect::<Vec<_>>().join(",");
    let reply = server.get(&format!("/api/v1/personas?fields={}", unknown(65))).await;
    let message = "must have at most 64 names, has 65";
    assert_eq!(
        reply.problem()["errors"],
        json!([{ "parameter": "fields", "code": "too_many", "message": message }])
    );
    let reply = server.get(&format!("/api/v1/personas?fields={}", unknown(64))).await;
    assert_eq!(reply.problem()["errors"].as_array().map(Vec::len), Some(64));
}

#[tokio::test]
async fn numbers_at_the_edge_of_64_bits_are_refused_and_no_worker_dies() {
    let server = Server::start();
    let before = workers(&server).await;
    let path = server.persona("Ada").await;
    let edges = [
        ("0", (400, "bad_parameter"), (400, "bad_parameter")),
        ("2147483648", (422, "unknown_base"), (404, "no_such_revision")),
        ("9223372036854775807", (422, "unknown_base"), (404, "no_such_revision")),
        ("9223372036854775808", (400, "bad_parameter"), (400, "bad_parameter")),
        ("18446744073709551615", (400, "bad_parameter"), (400, "bad_parameter")),
        ("18446744073709551616", (400, "bad_parameter"), (400, "bad_parameter")),
        ("-1", (400, "bad_parameter"), (400, "bad_parameter")),
    ];
    for (number, patched, read) in edges {
        let merged = server
            .send("PATCH", &format!("{path}?base_revision={number}"))
            .json(&json!({ "name": "Eve" }))
            .send()
            .await;
        assert_eq!(merged.refusal(), (patched.0, patched.1.to_owned()), "base_revision={number}");
        let reply = server.get(&format!("{path}?revision={number}")).await;
        assert_eq!(reply.refusal(), (read.0, read.1.to_owned()), "revision={number}");
        assert_eq!(
            server.get(&format!("/api/v1/personas?limit={number}")).await.refusal(),
            (400, "bad_parameter".into()),
            "limit={number}"
        );
        let stale = server
            .send("PUT", &path)
            .header("if-match", format!("\"{number}-00000000\""))
            .json(&json!({ "name": "Eve" }))
            .send()
            .await;
        assert_eq!(stale.refusal(), (412, "stale".into()), "if-match {number}");
        let known = server
            .send("GET", &path)
            .header("if-none-match", format!("\"{number}-00000000\""))
            .send()
            .await;
        assert_eq!(known.status, 200, "if-none-match {number}");
        let digits: Vec<String> = number.bytes().map(|digit| format!("{digit:02x}")).collect();
        let cursor = "00".repeat(24) + &digits.concat();
        assert_eq!(
            server.get(&format!("/api/v1/personas?cursor={cursor}")).await.refusal(),
            (400, "bad_parameter".into())
        );
        let body = format!("{{\"name\":\"Ada\",\"extensions\":{{\"n\":{number}}}}}");
        let created =
            server.send("POST", "/api/v1/personas").body("application/json", body).send().await;
        assert_eq!(
            created.status.as_u16(),
            if number == "18446744073709551616" { 400 } else { 201 },
            "a member {number}"
        );
        let since = server.get(&format!("/api/v1/personas?updated_since={number}")).await;
        assert_eq!(since.refusal(), (400, "bad_parameter".into()), "updated_since={number}");
    }
    for time in ["0000-01-01T00:00:00Z", "9999-12-30T21:59:59Z"] {
        assert_eq!(
            server.get(&format!("/api/v1/personas?updated_since={time}")).await.status,
            200,
            "{time}"
        );
    }
    assert_eq!((server.get(&path).await.revision(), workers(&server).await), (1, before));
}

#[tokio::test]
async fn heavy_requests_keep_their_key_and_their_faults() {
    let server = Server::start();
    let heavy = json!({ "name": "Ada", "scenario": "x".repeat(200_000) });
    let send = |body: &Value| {
        server.send("POST", "/api/v1/personas").header("idempotency-key", "k-1").json(body).send()
    };
    let first = send(&heavy).await;
    let again = send(&heavy).await;
    assert_eq!(
        (first.status.as_u16(), again.status.as_u16(), again.header("idempotency-replayed")),
        (201, 201, Some("true"))
    );
    assert_eq!(first.body, again.body);
    let other = json!({ "name": "Eve", "scenario": "x".repeat(200_000) });
    assert_eq!(send(&other).await.refusal(), (422, "idempotency_key_reused".into()));
    let malformed = format!("{{\"name\":\"{}\",}}", "x".repeat(200_000));
    let reply =
        server.send("POST", "/api/v1/personas").body("application/json", malformed).send().await;
    assert_eq!(reply.refusal(), (400, "malformed_json".into()));
}
