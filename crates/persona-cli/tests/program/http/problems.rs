//! `GET /api/v1/problems`.

use serde_json::Value;

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
