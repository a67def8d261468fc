//! `GET /api/v1/counts`, and the filters of lists that it is for.

use serde_json::{Value, json};

use crate::http::server::Server;

/// A persona's handle, owner, tags and label.
type Marked<'a> = (&'a str, Option<&'a str>, &'a [&'a str], Option<&'a str>);

/// Personas with these handles, owners and tags; those with a label have it at their revision.
async fn filled(all: &[Marked<'_>]) -> Server {
    let server = Server::start();
    for (handle, owner, tags, label) in all {
        let document = json!({ "name": handle, "handle": handle, "owner": owner, "tags": tags });
        let path = server.persona_with(&document).await;
        if let Some(label) = label {
            let move_it = server.send("PUT", &format!("{path}/labels/{label}"));
            assert_eq!(move_it.json(&json!({ "revision": 1 })).send().await.status, 201);
        }
    }
    server
}

async fn some() -> Server {
    filled(&[
        ("support/tier-1", None, &["old"], Some("production")),
        ("support/tier-2/night", Some("team:7"), &["Old", "new"], Some("production")),
        ("sales/a", Some("team:7"), &["new"], None),
        ("plain", None, &[], Some("staging")),
    ])
    .await
}

async fn counts(server: &Server, query: &str) -> Vec<(String, u64)> {
    let reply = server.get(&format!("/api/v1/counts{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.json());
    counts_in(&reply.json())
}

fn counts_in(page: &Value) -> Vec<(String, u64)> {
    let items = page["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| {
            let name = item["name"].as_str().expect("a name").to_owned();
            (name, item["personas"].as_u64().expect("a number"))
        })
        .collect()
}

#[tokio::test]
async fn each_count_is_the_total_of_the_list_with_its_name() {
    let server = some().await;
    for (query, filter, expected) in [
        ("", "handle_prefix", &[("sales/", 1), ("support/", 2)][..]),
        ("?by=folder&handle_prefix=support%2F", "handle_prefix", &[("support/tier-2/", 1)]),
        ("?by=label", "label", &[("production", 2), ("staging", 1)]),
        ("?by=owner", "owner", &[("", 2), ("team:7", 2)]),
    ] {
        let found = counts(&server, query).await;
        let expected: Vec<_> =
            expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        assert_eq!(found, expected, "{query}");
        for (name, count) in found {
            let name = name.replace('/', "%2F").replace(':', "%3A");
            let list = format!("/api/v1/personas?{filter}={name}&count=exact&limit=1");
            assert_eq!(server.get(&list).await.json()["total"], count, "{list}");
        }
    }
}

#[tokio::test]
async fn counts_come_in_pages() {
    let server = some().await;
    for by in ["folder", "label", "owner"] {
        let all = counts(&server, &format!("?by={by}")).await;
        let mut found = Vec::new();
        let mut query = format!("?by={by}&limit=1");
        loop {
            let page = server.get(&format!("/api/v1/counts{query}")).await.json();
            found.extend(counts_in(&page));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            query = format!("?by={by}&limit=1&cursor={}", cursor.replace('/', "%2F"));
        }
        assert_eq!(found, all, "{by}");
    }
}

#[tokio::test]
async fn what_cannot_be_counted_is_refused() {
    let server = Server::start();
    for query in [
        "?by=tag",
        "?by=label&handle_prefix=a",
        "?handle_prefix=%2F",
        "?cursor=a",
        "?cursor=~%C3%BC",
        "?limit=0",
        "?q=a",
    ] {
        let refused = server.get(&format!("/api/v1/counts{query}")).await;
        assert_eq!(refused.refusal(), (400, "bad_parameter".into()), "{query}");
    }
    for query in ["label=latest", "label=7", "label=", "handle_prefix=%2F"] {
        let refused = server.get(&format!("/api/v1/personas?{query}")).await;
        assert_eq!(refused.refusal(), (400, "bad_parameter".into()), "{query}");
    }
    let many: Vec<String> = (0..17).map(|number| format!("without_tag={number}")).collect();
    let refused = server.get(&format!("/api/v1/personas?{}", many.join("&"))).await;
    assert_eq!(refused.refusal(), (400, "bad_parameter".into()));
}

#[tokio::test]
async fn lists_leave_tags_out_and_want_a_label() {
    let server = some().await;
    for (query, expected) in [
        ("without_tag=OLD", &["plain", "sales/a"][..]),
        ("without_tag=old&without_tag=new", &["plain"]),
        ("without_tag=old&tag=new", &["sales/a"]),
        ("label=production", &["support/tier-1", "support/tier-2/night"]),
        ("label=production&owner=team%3A7", &["support/tier-2/night"]),
        ("label=production&handle_prefix=sales%2F", &[]),
        ("label=unknown", &[]),
    ] {
        let page = server.get(&format!("/api/v1/personas?sort=name&{query}")).await.json();
        let items = page["items"].as_array().expect("a list");
        let names: Vec<&str> = items.iter().filter_map(|item| item["name"].as_str()).collect();
        assert_eq!(names, expected, "{query}");
    }
    let page = server.get("/api/v1/personas?sort=name&limit=1&without_tag=old").await.json();
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let other = format!("/api/v1/personas?sort=name&limit=1&without_tag=new&cursor={cursor}");
    assert_eq!(server.get(&other).await.refusal(), (400, "bad_parameter".into()));
}
