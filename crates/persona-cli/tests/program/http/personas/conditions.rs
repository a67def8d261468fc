//! Conditions of requests about personas, and which of them counts (RFC 9110, section 13).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use persona_model::Timestamp;
use serde_json::json;

use crate::http::client::Reply;
use crate::http::server::{ABSENT, Server};

const SECOND: Duration = Duration::from_secs(1);
const MERGE_PATCH: &str = "application/merge-patch+json";

fn date(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}

fn last_modified(reply: &Reply) -> SystemTime {
    httpdate::parse_http_date(reply.header("last-modified").expect("Last-Modified"))
        .expect("a date")
}

fn updated_at(reply: &Reply) -> SystemTime {
    let time =
        Timestamp::parse(reply.json()["updated_at"].as_str().expect("a text")).expect("a time");
    UNIX_EPOCH + Duration::from_micros(u64::try_from(time.as_micros()).expect("after 1970"))
}

/// Reads the persona when the second of its last change is over, so that its `Last-Modified` names
/// this state.
async fn settled(server: &Server, path: &str) -> Reply {
    loop {
        let reply = server.get(path).await;
        if last_modified(&reply) >= updated_at(&reply) {
            return reply;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_says_when_the_persona_changed_last_and_never_a_later_time_than_now() {
    let server = Server::start();
    let created = server.post(&json!({ "name": "Ada" })).await;
    let path = created.header("location").expect("a location").to_owned();
    let patched = server.send("PATCH", &path).body(MERGE_PATCH, r#"{"nickname":"A"}"#).send().await;
    let head = server.send("HEAD", &path).send().await;
    for reply in [&created, &patched, &head] {
        assert!(
            last_modified(reply)
                <= httpdate::parse_http_date(reply.header("date").expect("Date")).expect("a date")
                    + SECOND
        );
    }
    let settled = settled(&server, &path).await;
    assert!(last_modified(&settled) < updated_at(&settled) + SECOND, "the end of that very second");
    let past = server.get(&format!("{path}?revision=1")).await;
    assert!(
        last_modified(&past) >= updated_at(&created)
            && last_modified(&past) <= last_modified(&settled)
    );
}

#[tokio::test]
async fn a_read_honours_its_conditions_in_their_order() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let current = settled(&server, &path).await;
    let (tag, now) = (current.etag(), last_modified(&current));
    let (weak, other) = (format!("W/{tag}"), "\"1-00000000\"");
    let (told, before, after) =
        (date(now), date(now - SECOND), date(now + Duration::from_hours(24)));
    let [matches, none_match, unmodified, modified] =
        ["if-match", "if-none-match", "if-unmodified-since", "if-modified-since"];
    let cases: [(&[(&'static str, &str)], u16); 24] = [
        (&[(matches, tag)], 200),
        (&[(matches, "*")], 200),
        (&[(matches, "\"9-00000000\""), (matches, tag)], 200),
        (&[(matches, other)], 412),
        (&[(matches, &weak)], 412),
        (&[(unmodified, &told)], 200),
        (&[(unmodified, &after)], 200),
        (&[(unmodified, &before)], 412),
        (&[(unmodified, "yesterday")], 200),
        (&[(unmodified, &before), (unmodified, &before)], 200),
        (&[(modified, &told)], 304),
        (&[(modified, &after)], 304),
        (&[(modified, &before)], 200),
        (&[(modified, "yesterday")], 200),
        (&[(modified, &told), (modified, &told)], 200),
        // Tags outweigh dates, and a condition on the present state is checked before one on the
        // client's copy.
        (&[(matches, tag), (unmodified, &before)], 200),
        (&[(matches, other), (unmodified, &told)], 412),
        (&[(none_match, other), (modified, &told)], 200),
        (&[(none_match, tag), (modified, &before)], 304),
        (&[(matches, other), (none_match, tag)], 412),
        (&[(matches, tag), (none_match, tag)], 304),
        (&[(unmodified, &before), (none_match, tag)], 412),
        (&[(unmodified, &told), (modified, &told)], 304),
        (&[(matches, "7")], 400),
    ];
    for (headers, status) in cases {
        for method in ["GET", "HEAD"] {
            let request =
                headers.iter().fold(server.send(method, &path), |request, (name, value)| {
                    request.header(name, value)
                });
            let reply = request.send().await;
            assert_eq!(reply.status, status, "{method} {headers:?}");
            assert!(status == 400 || reply.etag() == tag, "{method} {headers:?}");
            assert_eq!(
                reply.body.is_empty(),
                method == "HEAD" || status == 304,
                "{method} {headers:?}"
            );
        }
    }
    let refused = server.send("GET", &path).header(matches, &weak).send().await;
    assert_eq!(refused.refusal(), (412, "stale".into()));
    assert!(
        refused.json()["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("a weak tag never matches")),
        "{}",
        refused.json()
    );
    assert_eq!(server.send("GET", ABSENT).header(matches, tag).send().await.status, 404);
}

#[tokio::test]
async fn a_change_within_the_second_of_another_one_does_not_pass_unseen() {
    let server = Server::start();
    // The date of each answer is tried after another change, which mostly comes within the same
    // second.
    for number in 0..20 {
        let created = server.post(&json!({ "name": "Ada" })).await;
        let (path, told) =
            (created.header("location").expect("a location"), date(last_modified(&created)));
        let other =
            server.send("PATCH", path).body(MERGE_PATCH, r#"{"nickname":"theirs"}"#).send().await;
        assert_eq!(other.status, 200);
        let read = server.send("GET", path).header("if-modified-since", &told).send().await;
        assert_eq!(
            (read.status.as_u16(), &read.json()["nickname"]),
            (200, &json!("theirs")),
            "{number}"
        );
        let own = server
            .send("PATCH", path)
            .header("if-unmodified-since", &told)
            .body(MERGE_PATCH, r#"{"nickname":"mine"}"#);
        assert_eq!(own.send().await.refusal(), (412, "stale".into()), "{number}");
    }
}

#[tokio::test]
async fn a_write_honours_a_date_where_it_needs_no_tag() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let current = settled(&server, &path).await;
    let (told, before) = (date(last_modified(&current)), date(last_modified(&current) - SECOND));
    let change = |name, value: &str| {
        server
            .send("PATCH", &path)
            .header(name, value)
            .body(MERGE_PATCH, r#"{"nickname":"A"}"#)
            .send()
    };
    let stale = change("if-unmodified-since", &before).await;
    assert_eq!((stale.refusal(), stale.etag()), ((412, "stale".into()), current.etag()));
    assert_eq!(
        change("if-unmodified-since", "yesterday").await.refusal(),
        (400, "bad_header".into())
    );
    assert_eq!(server.get(&path).await.revision(), 1);
    // A tag outweighs the date, and the other date has no meaning for a write.
    let tagged = server
        .send("PATCH", &path)
        .header("if-match", current.etag())
        .header("if-unmodified-since", &before);
    assert_eq!(tagged.body(MERGE_PATCH, r#"{"nickname":"B"}"#).send().await.revision(), 2);
    assert_eq!(change("if-modified-since", &told).await.revision(), 3);
    let current = settled(&server, &path).await;
    assert_eq!(change("if-unmodified-since", &date(last_modified(&current))).await.status, 200);
    // A request that replaces or deletes everything needs a tag.
    for method in ["PUT", "DELETE"] {
        let request = server
            .send(method, &path)
            .header("if-unmodified-since", &told)
            .json(&json!({ "name": "Eve" }));
        let refused = request.send().await;
        assert_eq!(refused.refusal(), (428, "condition_required".into()), "{method}");
        assert!(
            refused.json()["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains("a date does not say")),
            "{method}"
        );
    }
    server.delete(&path).await;
    let restore = |date: &str| {
        server.send("POST", &format!("{path}/undelete")).header("if-unmodified-since", date).send()
    };
    assert_eq!(restore(&before).await.refusal(), (412, "stale".into()));
    assert_eq!(
        restore(&date(last_modified(&current) + Duration::from_hours(24))).await.status,
        200
    );
}

#[tokio::test]
async fn a_condition_is_refused_where_it_would_be_ignored() {
    let server = Server::start();
    let path = format!("{}/revisions/1", server.persona("Ada").await);
    for (name, value) in [
        ("if-match", "*"),
        ("if-none-match", "*"),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ] {
        let refused = server
            .send("PUT", &path)
            .header(name, value)
            .json(&json!({ "name": "Eve" }))
            .send()
            .await;
        assert_eq!(refused.refusal(), (400, "bad_header".into()), "{name}");
    }
}

#[tokio::test]
async fn a_creation_meets_no_if_match_and_every_if_none_match() {
    let server = Server::start();
    let post = |name, value: &str, body| {
        server.send("POST", "/api/v1/personas").header(name, value).json(&body).send()
    };
    for value in ["*", "\"1-00000000\"", "W/\"1-00000000\""] {
        assert_eq!(
            post("if-match", value, json!({ "name": "Ada" })).await.refusal(),
            (412, "stale".into()),
            "{value}"
        );
    }
    // A condition counts only where the request would succeed without it (section 13.2.1).
    assert_eq!(
        post("if-match", "*", json!({ "nmae": "Ada" })).await.refusal(),
        (422, "invalid".into())
    );
    assert_eq!(server.get("/api/v1/personas").await.json()["items"], json!([]));
    assert_eq!(post("if-none-match", "*", json!({ "name": "Ada" })).await.status, 201);
    assert_eq!(
        post("if-none-match", "\"1-00000000\"", json!({ "name": "Ada" })).await.refusal(),
        (400, "bad_header".into())
    );
    let long_ago = date(UNIX_EPOCH + SECOND);
    assert_eq!(post("if-unmodified-since", &long_ago, json!({ "name": "Ada" })).await.status, 201);
}
