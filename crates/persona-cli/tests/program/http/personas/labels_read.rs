//! Reads of personas by a label, and with their labels.

use serde_json::json;

use super::labels::{set, three_revisions};
use crate::http::server::Server;

#[tokio::test]
async fn a_read_by_a_label_is_the_revision_that_it_points_to_with_a_tag_of_its_own() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    let by_label = format!("{path}?label=production");
    assert_eq!(server.get(&by_label).await.refusal(), (404, "no_such_label".into()));
    set(&server, &path, "production", 3).await;
    let newest = server.get(&by_label).await;
    set(&server, &path, "production", 1).await;
    let oldest = server.get(&by_label).await;
    assert_eq!([&newest.json()["name"], &oldest.json()["name"]], [&json!("3"), &json!("1")]);
    assert_eq!(oldest.body, server.get(&format!("{path}/revisions/1")).await.body);
    assert_eq!(oldest.header("content-location"), Some(&*format!("{path}/revisions/1")));
    assert_eq!(oldest.header("last-modified"), None, "it went back");
    let condition =
        |name: &'static str, tag: &str| server.send("GET", &by_label).header(name, tag).send();
    let known = condition("if-none-match", oldest.etag()).await;
    assert_eq!((known.status.as_u16(), known.etag()), (304, oldest.etag()));
    assert_eq!(condition("if-none-match", newest.etag()).await.status, 200);
    assert_eq!(condition("if-match", oldest.etag()).await.status, 200);
    let moved = condition("if-match", newest.etag()).await;
    assert_eq!((moved.refusal(), moved.etag()), ((412, "label_moved".into()), oldest.etag()));
    // The same revision again, and yet another state of the label.
    set(&server, &path, "production", 3).await;
    let back = server.get(&by_label).await;
    assert_eq!(back.body, newest.body);
    assert_ne!(back.etag(), newest.etag());
    let latest = server.get(&format!("{path}?label=latest")).await;
    let plain = server.get(&path).await;
    assert_eq!((latest.etag(), &latest.body), (plain.etag(), &plain.body));
    let head = server.send("HEAD", &by_label).send().await;
    assert_eq!((head.status.as_u16(), head.etag(), head.body.len()), (200, back.etag(), 0));
}

#[tokio::test]
async fn the_tag_of_a_read_by_a_label_is_a_condition_of_a_write_as_long_as_that_is_the_content() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    let tag_at = async |revision: u64| {
        set(&server, &path, "production", revision).await;
        server.get(&format!("{path}?label=production")).await.etag().to_owned()
    };
    let write = |method: &'static str, tag: String| {
        let document = json!({ "name": tag });
        server.send(method, &path).header("if-match", tag).json(&document).send()
    };
    let (older, newest) = (tag_at(2).await, tag_at(3).await);
    assert_eq!(write("PATCH", older.clone()).await.refusal(), (412, "stale".into()));
    assert_eq!(write("PATCH", newest.clone()).await.revision(), 4);
    assert_eq!(write("PUT", newest).await.refusal(), (412, "stale".into()));
    let newest = tag_at(4).await;
    assert_eq!(write("PUT", newest).await.revision(), 5);
    let read = server.send("GET", &path).header("if-match", older).send().await;
    assert_eq!(read.refusal(), (412, "stale".into()), "a read has its own tag");
}

#[tokio::test]
async fn labels_are_added_to_a_persona_that_is_read_with_them() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    let with = |query: &str| {
        let path = format!("{path}?include=labels{query}");
        let server = &server;
        async move { server.get(&path).await }
    };
    assert_eq!(with("").await.json()["labels"], json!({}));
    set(&server, &path, "production", 1).await;
    set(&server, &path, "staging", 2).await;
    let read = with("").await;
    assert_eq!((read.header("etag"), read.header("last-modified")), (None, None));
    let mut persona = server.get(&path).await.json();
    persona["labels"] = json!({ "production": 1, "staging": 2 });
    assert_eq!(read.json(), persona);
    for (query, name) in [("&label=production", "1"), ("&revision=2", "2"), ("&label=latest", "3")]
    {
        let read = with(query).await.json();
        assert_eq!((&read["name"], &read["labels"]), (&json!(name), &persona["labels"]));
    }
    assert_eq!(with("&revision=4").await.refusal(), (404, "no_such_revision".into()));
    // What was read can be sent back.
    let tag = server.tag(&path).await;
    let sent = server.send("PUT", &path).header("if-match", &tag).json(&persona).send().await;
    assert_eq!((sent.status.as_u16(), sent.etag()), (200, &*tag));
}

#[tokio::test]
async fn a_list_has_the_labels_of_each_persona_where_that_is_asked_for() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    server.persona("0").await;
    set(&server, &path, "production", 1).await;
    set(&server, &path, "staging", 3).await;
    let list = |query: &str| {
        let path = format!("/api/v1/personas?sort=name{query}");
        let server = &server;
        async move { server.get(&path).await }
    };
    let plain = list("").await.json();
    let mut expected = plain.clone();
    expected["items"][0]["labels"] = json!({});
    expected["items"][1]["labels"] = json!({ "production": 1, "staging": 3 });
    assert_eq!(plain["items"][0].get("labels"), None);
    assert_eq!(list("&include=labels").await.json(), expected);
    let sparse = list("&include=labels&fields=name&q=3").await.json();
    let labels = &expected["items"][1]["labels"];
    assert_eq!(sparse["items"], json!([{ "name": "3", "labels": labels }]));
    assert_eq!(list("&include=all").await.refusal(), (400, "bad_parameter".into()));
}
