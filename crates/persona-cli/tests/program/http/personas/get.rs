//! `GET` and `HEAD /api/v1/personas/{id}`.

use persona_storage::GLANCE_BYTES_MAX;
use serde_json::json;

use crate::http::server::{ABSENT, Server};

#[tokio::test]
async fn a_read_carries_tag_and_caching_rules() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let reply = server.get(&path).await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (200, 1));
    assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let get = server.get(&path).await;
    let head = server.send("HEAD", &path).send().await;
    assert_eq!((head.status.as_u16(), head.revision(), head.body.len()), (200, 1, 0));
    assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
    let missing = server.send("HEAD", ABSENT).send().await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
}

/// A large persona is read in another way than a small one.
#[tokio::test]
async fn a_large_persona_is_answered_like_a_small_one() {
    let server = Server::start();
    let path = server
        .persona_with(&json!({ "name": "Ada", "description": "x".repeat(GLANCE_BYTES_MAX) }))
        .await;
    let tag = server.tag(&path).await;
    let (get, head) = (server.get(&path).await, server.send("HEAD", &path).send().await);
    assert_eq!((get.status.as_u16(), get.revision(), get.etag()), (200, 1, &*tag));
    assert_eq!((head.status.as_u16(), head.etag(), head.body.len()), (200, &*tag, 0));
    assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
    assert_eq!(server.send("GET", &path).header("if-none-match", &tag).send().await.status, 304);
    server.send("PATCH", &path).json(&json!({ "nickname": "A" })).send().await;
    assert_eq!(server.get(&format!("{path}?revision=1")).await.body, get.body);
    let unknown = server.get(&format!("{path}?revision=3")).await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.problem()["current_revision"].as_u64()),
        (404, Some(2))
    );
    server.delete(&path).await;
    assert_eq!(server.get(&path).await.status, 410);
    assert_eq!(server.get(&format!("{path}?revision=1")).await.body, get.body);
}

#[tokio::test]
async fn a_known_revision_is_answered_with_304_and_no_body() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let tag = server.tag(&path).await;
    for known in [&tag, &format!("W/{tag}"), &format!("\"9-00000000\", {tag}"), "*"] {
        let reply = server.send("GET", &path).header("if-none-match", known).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.revision(), reply.body.len()),
            (304, 1, 0),
            "{known}"
        );
        assert_eq!(reply.header("content-type"), None);
    }
    let reply = server.send("GET", &path).header("if-none-match", "\"2-00000000\"").send().await;
    assert_eq!(reply.status, 200);
    let reply = server.send("GET", &path).header("if-none-match", "1").send().await;
    assert_eq!(
        reply.problem(),
        json!({
            "code": "bad_header",
            "detail": "If-None-Match: must be * or entity tags in double quotes, is 1",
            "hint": "write the tag as the ETag header has it, with its quotes: If-None-Match: \"7-9f3c21aa\"",
            "errors": [{ "header": "If-None-Match", "code": "bad_etag", "message": "must be * or entity tags in double quotes, is 1" }],
        })
    );
}

#[tokio::test]
async fn an_unknown_or_malformed_id_is_not_found() {
    let server = Server::start();
    let reply = server.get(ABSENT).await;
    assert_eq!(reply.status, 404);
    let id = ABSENT.rsplit('/').next().expect("an id");
    assert_eq!(
        reply.problem(),
        json!({ "code": "no_such_persona", "detail": format!("there is no persona {id}") })
    );
    for malformed in ["1", "ada", "0193b0c27f3e7a108c1d000000000001", "%00", "%ff"] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let reply = server
                .send(method, &format!("/api/v1/personas/{malformed}"))
                .json(&json!({}))
                .send()
                .await;
            assert_eq!(reply.refusal(), (404, "no_such_persona".into()), "{method} {malformed}");
        }
    }
}

#[tokio::test]
async fn the_id_may_be_written_in_upper_case() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let (prefix, id) = path.rsplit_once('/').expect("an id");
    assert_eq!(server.get(&format!("{prefix}/{}", id.to_uppercase())).await.status, 200);
}

#[tokio::test]
async fn a_deleted_persona_is_gone_and_says_how_to_restore_it() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    server.delete(&path).await;
    let reply = server.get(&path).await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (410, 2));
    let id = path.rsplit('/').next().expect("an id");
    assert_eq!(
        reply.problem(),
        json!({
            "code": "deleted",
            "detail": format!("{id} is deleted"),
            "hint": format!("POST {path}/undelete brings it back"),
            "undelete": format!("{path}/undelete"),
            "current_revision": 2,
        })
    );
}

#[tokio::test]
async fn an_older_revision_is_answered_as_it_was_and_asked_for_again_before_each_use() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let first = server.get(&path).await;
    server.send("PATCH", &path).json(&json!({ "name": "Ada Lovelace" })).send().await;
    let reply = server.get(&format!("{path}?revision=1")).await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (200, 1));
    assert_eq!(reply.body, first.body);
    assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
    let known = server
        .send("GET", &format!("{path}?revision=1"))
        .header("if-none-match", first.etag())
        .send()
        .await;
    assert_eq!(known.status, 304);
    let head = server.send("HEAD", &path).header("if-none-match", "*").send().await;
    let length = server.get(&path).await.body.len().to_string();
    assert_eq!(
        (head.status.as_u16(), head.header("content-length")),
        (304, Some(length.as_str())),
        "never another length than GET's"
    );
    server.delete(&path).await;
    assert_eq!(server.get(&format!("{path}?revision=2")).await.json()["name"], "Ada Lovelace");
}

#[tokio::test]
async fn a_revision_that_never_was_is_not_found() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let id = path.rsplit('/').next().expect("an id");
    let reply = server.get(&format!("{path}?revision=9")).await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.problem(),
        json!({ "code": "no_such_revision", "detail": format!("{id} has no revision 9, the current one is 1"), "current_revision": 1 })
    );
    assert_eq!(
        server.get(&format!("{ABSENT}?revision=1")).await.refusal(),
        (404, "no_such_persona".into())
    );
}

#[tokio::test]
async fn a_bad_query_is_refused() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    for bad in [
        "revision=0",
        "revision=+1",
        "revision=-1",
        "revision=x",
        "revision=",
        "revision=99999999999999999999",
        "revision=1&revision=1",
    ] {
        assert_eq!(
            server.get(&format!("{path}?{bad}")).await.refusal(),
            (400, "bad_parameter".into()),
            "{bad}"
        );
    }
    let reply = server.get(&format!("{path}?revison=1")).await;
    assert_eq!(reply.problem()["detail"], "revison: unknown parameter; did you mean revision?");
}

#[tokio::test]
async fn an_id_is_the_same_with_and_without_needless_percent_encoding() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let (folder, id) = path.rsplit_once('/').expect("a path");
    let encoded = |id: &str| {
        id.bytes()
            .flat_map(|byte| format!("%{byte:02X}").into_bytes())
            .map(char::from)
            .collect::<String>()
    };
    for spelling in
        [encoded(id), encoded(id).to_lowercase(), id.replace('-', "%2D"), id.replace('-', "%2d")]
    {
        let path = format!("{folder}/{spelling}");
        assert_eq!(server.get(&path).await.revision(), 1, "{path}");
        assert_eq!(
            server.send("POST", &format!("{path}/undelete")).send().await.status,
            200,
            "{path}"
        );
    }
    // The same request in another spelling is a repetition.
    let change = |path: String| {
        server
            .send("PATCH", &path)
            .header("idempotency-key", "k")
            .json(&json!({ "nickname": "A" }))
            .send()
    };
    assert_eq!(change(path.clone()).await.header("idempotency-replayed"), None);
    assert_eq!(
        change(format!("{folder}/{}", encoded(id))).await.header("idempotency-replayed"),
        Some("true")
    );
    for other in [
        id.replace('-', "%252D"),
        id.replace('-', "%2"),
        id.replace('-', "%2G"),
        id.replace('-', "%\u{e9}"),
        format!("{id}%2F"),
    ] {
        let path = format!("{folder}/{}", other.replace('\u{e9}', "%C3%A9"));
        assert_eq!(server.get(&path).await.refusal(), (404, "no_such_persona".into()), "{path}");
    }
}
