//! `GET /api/v1/export`.

use serde_json::{Value, json};

use crate::http::client::raw;
use crate::http::server::Server;

async fn exported(server: &Server, query: &str) -> Vec<Value> {
    let reply = server.get(&format!("/api/v1/export{query}")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (200, Some("application/x-ndjson"))
    );
    let text = String::from_utf8(reply.body.to_vec()).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).expect("one JSON text a line")).collect()
}

#[tokio::test]
async fn an_export_holds_every_persona_in_order_of_creation() {
    let server = Server::start();
    assert_eq!(exported(&server, "").await, [Value::Null; 0]);
    let mut expected = Vec::new();
    for name in ["b", "a", "c"] {
        let path = server.persona_with(&json!({ "name": name, "description": "two\nlines" })).await;
        expected.push(server.get(&path).await.json());
    }
    assert_eq!(exported(&server, "").await, expected);
    let path = format!("/api/v1/personas/{}", expected[0]["id"].as_str().expect("an id"));
    server.delete(&path).await;
    assert_eq!(exported(&server, "?include_deleted=false").await, expected[1..]);
    assert_eq!(exported(&server, "?include_deleted=true").await.len(), 3);
}

#[tokio::test]
async fn an_export_of_many_parts_is_whole() {
    let server = Server::start();
    for index in 0..20 {
        server
            .persona_with(&json!({ "name": format!("{index}"), "description": "d".repeat(20_000) }))
            .await;
    }
    let names: Vec<String> = exported(&server, "")
        .await
        .iter()
        .map(|persona| persona["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(names, (0..20).map(|index| index.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_that_cannot_tell_half_from_whole_is_refused() {
    let server = Server::start();
    let answer = raw(server.address(), b"GET /api/v1/export HTTP/1.0\r\n\r\n").await;
    assert!(answer.contains(" 505 ") && answer.contains("\"code\":\"old_protocol\""), "{answer}");
}

#[tokio::test]
async fn a_bad_query_is_refused() {
    let server = Server::start();
    assert_eq!(
        server.get("/api/v1/export?include_deleted=maybe").await.refusal(),
        (400, "bad_parameter".into())
    );
    assert_eq!(
        server.get("/api/v1/export?format=csv").await.refusal(),
        (400, "bad_parameter".into())
    );
}
