//! `GET /api/v1/problems`.

use serde_json::{Value, json};

use crate::http::server::Server;

#[tokio::test]
async fn every_problem_is_listed_with_its_status_and_remedy() {
    let server = Server::start();
    let page = server.get("/api/v1/problems").await.json();
    let line = |item: &Value| {
        format!("{} {}: {}; {}", item["status"], item["code"], item["title"], item["remedy"])
            .replace('"', "")
    };
    let list: Vec<String> = page["items"].as_array().expect("a list").iter().map(line).collect();
    insta::assert_snapshot!(list.join("\n"));
}

#[tokio::test]
async fn a_refused_body_has_a_title_that_fits_what_was_refused() {
    let server = Server::start();
    let persona = server.persona("Ada").await;
    for (method, path, body) in [
        ("POST", "/api/v1/personas", json!({ "name": 7 })),
        ("POST", "/api/v1/tokens", json!({ "name": "ci", "scope": "all" })),
        ("POST", "/api/v1/tokens/ci/rotate", json!({ "keep_seconds": -1 })),
        ("PUT", &format!("{persona}/labels/live"), json!({ "revision": "one" })),
        ("POST", "/api/v1/personas/release", json!({ "moves": 7 })),
    ] {
        let refused = server.send(method, path).json(&body).send().await.json();
        assert_eq!(refused["code"], "invalid", "{method} {path}: {refused}");
        assert_eq!(refused["title"], "The request breaks rules", "{method} {path}: {refused}");
    }
}
