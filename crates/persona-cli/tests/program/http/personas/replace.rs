//! `PUT /api/v1/personas/{id}`.

use serde_json::json;

use crate::http::server::{ABSENT, Server};

#[tokio::test]
async fn replace_needs_a_condition() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let reply = server.send("PUT", &path).json(&json!({ "name": "Eve" })).send().await;
    assert_eq!(reply.status, 428);
    assert_eq!(
        reply.problem(),
        json!({
            "code": "condition_required",
            "detail": "If-Match is missing, so a change of another client could be overwritten",
            "hint": "send If-Match with the ETag that a GET answered, or If-Match: * to mean whatever is there",
        })
    );
    assert_eq!(server.get(&path).await.json()["name"], "Ada");
}

#[tokio::test]
async fn replace_with_the_current_tag_makes_the_next_revision() {
    let server = Server::start();
    let path =
        server.persona_with(&json!({ "name": "Ada", "tags": ["old"], "scenario": "old" })).await;
    let reply = server
        .send("PUT", &path)
        .header("if-match", server.tag(&path).await)
        .json(&json!({ "name": "Ada", "tags": ["new"] }))
        .send()
        .await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (200, 2));
    let persona = reply.json();
    assert_eq!((&persona["tags"], &persona["scenario"]), (&json!(["new"]), &json!("")));
    assert_eq!(server.get(&path).await.body, reply.body);
}

#[tokio::test]
async fn replace_with_a_stale_revision_is_refused_with_412() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let first = server.tag(&path).await;
    let current = server.send("PATCH", &path).json(&json!({ "name": "Ada L." })).send().await;
    let weak = format!("W/{}", current.etag());
    let compressed = format!("{}-gzip\"", current.etag().trim_end_matches('"'));
    let other_content = "\"2-00000000\"";
    let foreign = [&weak, &compressed, "\"2\"", "\"02-00000000\"", "\"unknown\"", "W/\"1\", \"2\""];
    for stale in [&[&first, other_content][..], &foreign].concat() {
        let reply = server
            .send("PUT", &path)
            .header("if-match", stale)
            .json(&json!({ "name": "Eve" }))
            .send()
            .await;
        assert_eq!((reply.status.as_u16(), reply.revision()), (412, 2), "{stale}");
        let is_of_a_state = stale == first || stale == other_content;
        let (detail, hint) = if is_of_a_state {
            (
                "the current revision is 2",
                "read the persona again, not by a label, apply your change to what you get, and send its ETag",
            )
        } else {
            (
                "the current revision is 2, and nothing in If-Match is an ETag of this server",
                "send the ETag as this server sent it, such as \"7-9f3c21aa\": a proxy that compresses answers puts W/ before it, and a \
                 weak tag never matches (RFC 9110, section 13.1.1), or -gzip behind it; the revision alone, or the ETag of a label, names no content",
            )
        };
        let problem =
            json!({ "code": "stale", "detail": detail, "hint": hint, "current_revision": 2 });
        assert_eq!(reply.problem(), problem, "{stale}");
    }
    assert_eq!(server.get(&path).await.json()["name"], "Ada L.");
}

#[tokio::test]
async fn replace_that_changes_nothing_keeps_the_revision() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let reply = server
        .send("PUT", &path)
        .header("if-match", "*")
        .json(&json!({ "name": "Ada" }))
        .send()
        .await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (200, 1));
}

#[tokio::test]
async fn what_a_get_answered_can_be_edited_and_put_back() {
    let server = Server::start();
    let path = server
        .persona_with(&json!({ "name": "Ada", "tags": ["a"], "extensions": { "x": null } }))
        .await;
    let mut persona = server.get(&path).await.json();
    persona["name"] = json!("Ada Lovelace");
    let reply = server
        .send("PUT", &path)
        .header("if-match", server.tag(&path).await)
        .json(&persona)
        .send()
        .await;
    assert_eq!(reply.status, 200);
    let answered = reply.json();
    assert_eq!(
        (&answered["name"], &answered["extensions"]),
        (&json!("Ada Lovelace"), &json!({ "x": null }))
    );
}

#[tokio::test]
async fn the_id_in_the_body_must_be_that_of_the_path() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let body = json!({ "name": "Ada", "id": ABSENT.rsplit('/').next(), "revision": "1" });
    let reply = server.send("PUT", &path).header("if-match", "*").json(&body).send().await;
    assert_eq!(reply.status, 422);
    let places: Vec<_> = reply.problem()["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(places, ["/id", "/revision"]);
}

#[tokio::test]
async fn a_star_in_if_none_match_creates_with_the_id_of_the_path() {
    let server = Server::start();
    let body = json!({ "name": "Ada" });
    let reply = server.send("PUT", ABSENT).header("if-none-match", "*").json(&body).send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.revision(), reply.header("location")),
        (201, 1, Some(ABSENT))
    );
    let again = server.send("PUT", ABSENT).header("if-none-match", "*").json(&body).send().await;
    assert_eq!((again.status.as_u16(), again.revision()), (412, 1));
    let id = ABSENT.rsplit('/').next().expect("an id");
    assert_eq!(
        again.problem(),
        json!({ "code": "already_exists", "detail": format!("{id} exists already"), "current_revision": 1 })
    );
}

#[tokio::test]
async fn unknown_wins_over_stale_and_deleted_over_both() {
    let server = Server::start();
    let put = |path: &str| {
        server
            .send("PUT", path)
            .header("if-match", "\"7-00000000\"")
            .json(&json!({ "name": "Eve" }))
            .send()
    };
    assert_eq!(put(ABSENT).await.refusal(), (404, "no_such_persona".into()));
    let path = server.persona("Ada").await;
    server.delete(&path).await;
    assert_eq!(put(&path).await.refusal(), (410, "deleted".into()));
}

#[tokio::test]
async fn a_condition_that_cannot_be_meant_is_refused() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    for (name, value) in
        [("if-match", "1"), ("if-match", ""), ("if-match", "\"1"), ("if-none-match", "\"1\"")]
    {
        let reply = server
            .send("PUT", &path)
            .header(name, value)
            .json(&json!({ "name": "Eve" }))
            .send()
            .await;
        assert_eq!(reply.refusal(), (400, "bad_header".into()), "{name}: {value}");
    }
    let both = server
        .send("PUT", &path)
        .header("if-match", "*")
        .header("if-none-match", "*")
        .json(&json!({ "name": "Eve" }))
        .send()
        .await;
    assert_eq!(both.problem()["detail"], "If-None-Match: cannot be sent together with If-Match");
}

#[tokio::test]
async fn a_part_of_a_persona_is_refused_instead_of_taken_for_the_whole() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    for (method, path) in [("PUT", path.as_str()), ("PATCH", &path), ("POST", "/api/v1/personas")] {
        let request = server
            .send(method, path)
            .header("if-none-match", "*")
            .header("content-range", "bytes 0-13/100");
        let refused = request.json(&json!({ "name": "Eve" })).send().await;
        assert_eq!(refused.refusal(), (400, "bad_header".into()), "{method}");
    }
    let request =
        server.send("PUT", &path).header("if-match", "*").header("content-range", "bytes 0-13/100");
    let refused = request.json(&json!({ "name": "Eve" })).send().await;
    assert_eq!(refused.json()["errors"][0]["header"], "Content-Range");
    assert_eq!(server.get(&path).await.revision(), 1);
}
