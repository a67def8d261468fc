//! `GET` and `HEAD /api/v1/personas/{id}/revisions/{revision}`.

use serde_json::json;

use crate::http::server::{ABSENT, Server};

#[tokio::test]
async fn a_revision_is_answered_as_it_was_also_when_the_persona_is_deleted() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let first = server.get(&path).await;
    server.send("PATCH", &path).json(&json!({ "nickname": "A" })).send().await;
    let second = server.get(&path).await;
    server.delete(&path).await;
    for (number, wanted) in [("1", &first), ("2", &second), ("%32", &second)] {
        let target = format!("{path}/revisions/{number}");
        let reply = server.get(&target).await;
        assert_eq!((reply.status.as_u16(), reply.etag()), (200, wanted.etag()), "{number}");
        assert_eq!(reply.body, wanted.body, "{number}");
        // After a restore the number of the revision can belong to other content.
        assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
        let head = server.send("HEAD", &target).send().await;
        let length = wanted.body.len().to_string();
        assert_eq!(
            (head.status.as_u16(), head.etag(), head.header("content-length"), head.body.len()),
            (200, wanted.etag(), Some(length.as_str()), 0)
        );
        let known = server.send("GET", &target).header("if-none-match", wanted.etag()).send().await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        let other = server.send("GET", &target).header("if-match", "\"9-00000000\"").send().await;
        assert_eq!(other.refusal(), (412, "stale".into()));
    }
    let third = server.get(&format!("{path}/revisions/3")).await.json();
    assert!(third["deleted_at"].is_string(), "{third}");
}

#[tokio::test]
async fn what_is_no_revision_is_not_found_and_the_current_one_is_told() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let unknown = server.get(&format!("{path}/revisions/2")).await;
    assert_eq!(unknown.refusal(), (404, "no_such_revision".into()));
    assert_eq!(unknown.problem()["current_revision"], 1);
    for number in ["0", "x", "+1", "1.0", "9223372036854775808", "18446744073709551616"] {
        let reply = server.get(&format!("{path}/revisions/{number}")).await;
        assert_eq!(reply.refusal(), (404, "no_such_revision".into()), "{number}");
    }
    let of_absent = server.get(&format!("{ABSENT}/revisions/1")).await;
    assert_eq!(of_absent.refusal(), (404, "no_such_persona".into()));
    let parameter = server.get(&format!("{path}/revisions/1?revision=1")).await;
    assert_eq!(parameter.refusal(), (400, "bad_parameter".into()));
}
