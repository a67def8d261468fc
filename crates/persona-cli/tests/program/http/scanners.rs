//! What scanners found (`docs/reports/2026-11-30-scanners.md`): requests that match the OpenAPI
//! document and were refused for their form.

use serde_json::{Value, json};

use crate::common::Server;
use crate::common::personas::create;
use crate::common::tokens::{bearer, run};

/// The parameter of an operation in the OpenAPI document.
fn parameter(document: &Value, (path, method): (&str, &str), name: &str) -> Value {
    let parameters = document["paths"][path][method]["parameters"].as_array().expect("a list");
    let found = parameters.iter().find(|parameter| parameter["name"] == name);
    found.expect("the parameter")["schema"].clone()
}

#[test]
fn a_whole_number_counts_however_json_writes_it() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    let json = ("content-type", "application/json");
    let label = format!("{path}/labels/production");
    let mut put = |body: &str| client.request("PUT", &label, &[json], body.as_bytes());
    assert_eq!(put(r#"{"revision":1.0}"#).expect("an answer").status, 201);
    assert_eq!(put(r#"{"revision":1.5}"#).expect("an answer").status, 422);
    let batch = json!({ "items": [{
        "op": "patch", "id": path.rsplit('/').next(), "patch": { "nickname": "x" },
    }] });
    let text = batch.to_string().replace("\"op\"", "\"base_revision\":1e0,\"op\"");
    let reply = client.request("POST", "/api/v1/personas/batch", &[json], text.as_bytes());
    let reply = reply.expect("an answer").json();
    assert_eq!(reply["items"][0]["status"], 200, "{reply}");
    let made = run(&server, &["create", "--name=ci", "--scope=admin"]);
    let secret = bearer(made["token"].as_str().expect("a secret"));
    let headers = [json, ("authorization", secret.as_str())];
    let rotated =
        client.request("POST", "/api/v1/tokens/ci/rotate", &headers, br#"{"keep_seconds":3600.0}"#);
    assert_eq!(rotated.expect("an answer").status, 200);
}

#[test]
fn the_document_says_how_long_a_key_for_many_changes_may_be_and_where_a_page_can_start() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let document = client.get("/api/v1/openapi.json").expect("an answer").json();
    let operations = [
        ("/api/v1/personas/batch", "post"),
        ("/api/v1/import", "post"),
        ("/api/v1/personas", "post"),
    ];
    let longest = operations
        .map(|operation| parameter(&document, operation, "Idempotency-Key")["maxLength"].clone());
    assert_eq!(longest, [251, 251, 255]);
    let body = br#"{"items":[{"op":"create","document":{"name":"Ada"}}]}"#;
    for (length, status) in [(251, 207), (252, 400)] {
        let key = "k".repeat(length);
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let reply = client.request("POST", "/api/v1/personas/batch", &headers, body);
        assert_eq!(reply.expect("an answer").status, status, "{length}");
    }
    let revisions = ("/api/v1/personas/{id}/revisions", "get");
    assert_eq!(parameter(&document, revisions, "cursor")["pattern"], "^[1-9][0-9]{0,17}$");
    let path = create(&mut client, "Ada");
    for (cursor, status) in [("0", 400), ("1", 200), ("999999999999999999", 200)] {
        let reply = client.get(&format!("{path}/revisions?cursor={cursor}")).expect("an answer");
        assert_eq!(reply.status, status, "{cursor}");
    }
}
