//! Bodies, media types and the headers that every write can have.

use serde_json::{Value, json};

use crate::http::client::{Reply, raw};
use crate::http::server::Server;

const PERSONAS: &str = "/api/v1/personas";
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

async fn post_text(server: &Server, body: impl Into<bytes::Bytes>) -> Reply {
    server.send("POST", PERSONAS).body("application/json", body).send().await
}

#[tokio::test]
async fn malformed_json_is_refused_with_line_column_and_pointer() {
    let server = Server::start();
    let reply = post_text(&server, "{\n  \"extensions\": {\"a\": [1, nope]}\n}").await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.problem(),
        json!({
            "code": "malformed_json",
            "detail": "line 2, column 28 (at /extensions/a/1): expected ident",
            "errors": [{ "pointer": "/extensions/a/1", "code": "malformed_json", "message": "expected ident" }],
            "line": 2,
            "column": 28,
        })
    );
}

#[tokio::test]
async fn what_readers_of_json_disagree_about_is_refused() {
    let server = Server::start();
    let deep = format!(
        "{{\"name\":\"Ada\",\"extensions\":{}{}}}",
        "{\"a\":".repeat(120),
        "1".to_owned() + &"}".repeat(120)
    );
    let bodies: [&[u8]; 8] = [
        b"",
        b"{\"name\": \"Ada\", \"name\": \"Eve\"}",
        b"{\"name\": \"Ada\", \"extensions\": {\"x\": {\"a\": 1, \"a\": 2}}}",
        b"{\"name\": \"\xff\"}",
        b"\xef\xbb\xbf{\"name\": \"Ada\"}",
        b"{\"name\": \"\\ud800\"}",
        b"{\"name\": \"Ada\"} {}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let reply = post_text(&server, body.to_vec()).await;
        assert_eq!(
            reply.refusal(),
            (400, "malformed_json".into()),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

#[tokio::test]
async fn nesting_between_the_two_limits_breaks_a_rule_of_the_field() {
    let server = Server::start();
    let extensions: Value = (0..70).fold(json!({}), |inner, _| json!({ "a": inner }));
    let reply = server.post(&json!({ "name": "Ada", "extensions": extensions })).await;
    assert_eq!(reply.problem()["errors"][0]["message"], "must be nested at most 64 deep, is 71");
}

#[tokio::test]
async fn every_text_that_json_can_hold_comes_back() {
    let server = Server::start();
    let text = "nul \0, tab \t, quotes \" \\, emoji 👩‍🚀, right-to-left שלום, combining e\u{301}, line \u{2028}, last \u{10ffff}";
    let reply = server.post(&json!({ "name": "Ada", "description": text, "extensions": { text: text, "big": u64::MAX } })).await;
    assert_eq!(reply.status, 201);
    let persona = server.get(reply.header("location").expect("a location")).await.json();
    assert_eq!(
        (&persona["description"], &persona["extensions"]),
        (&json!(text), &json!({ text: text, "big": u64::MAX }))
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_limit_and_size() {
    let server = Server::start();
    let reply = post_text(&server, vec![b' '; BODY_BYTES_MAX + 1]).await;
    assert_eq!(reply.status, 413);
    assert_eq!(
        reply.problem(),
        json!({
            "code": "body_too_large",
            "detail": "a body may have 8388608 bytes, this one has 8388609",
            "body_bytes": BODY_BYTES_MAX + 1,
            "body_bytes_max": BODY_BYTES_MAX,
        })
    );
    let mut largest = vec![b' '; BODY_BYTES_MAX - 14];
    largest.extend_from_slice(b"{\"name\":\"Ada\"}");
    assert_eq!(post_text(&server, largest).await.status, 201);
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_refused_before_it_sends_too_much() {
    let server = Server::start();
    let head = "POST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
                content-length: 9000000\r\nexpect: 100-continue\r\n\r\n";
    let answer = raw(server.address(), head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn the_wrong_media_type_is_refused_and_the_right_one_is_named() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let wrong = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/merge-patch+json",
        "application/json; charset=latin1",
        "",
    ];
    for media_type in wrong {
        let reply =
            server.send("POST", PERSONAS).body(media_type, "{\"name\":\"Ada\"}").send().await;
        assert_eq!(
            (reply.refusal(), reply.header("accept")),
            ((415, "unsupported_media_type".into()), Some("application/json")),
            "{media_type}"
        );
    }
    let reply = server.send("PATCH", &path).body("text/plain", "{}").send().await;
    let patches = "application/merge-patch+json, application/json-patch+json, application/json";
    assert_eq!(reply.header("accept-patch"), Some(patches));
    assert_eq!(
        reply.problem(),
        json!({
            "code": "unsupported_media_type",
            "detail": format!("text/plain is not accepted here; accepted: {patches}"),
            "hint": "send Content-Type: application/merge-patch+json",
        })
    );
}

#[tokio::test]
async fn a_body_without_media_type_or_with_an_encoding_is_refused() {
    let server = Server::start();
    let head = "POST /api/v1/personas HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 14\r\n\r\n{\"name\":\"Ada\"}";
    let answer = raw(server.address(), head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    assert!(answer.contains("Content-Type is missing; accepted: application/json"), "{answer}");
    let reply = server
        .send("POST", PERSONAS)
        .header("content-encoding", "gzip")
        .json(&json!({ "name": "Ada" }))
        .send()
        .await;
    assert_eq!(
        (reply.refusal(), reply.header("accept-encoding")),
        ((415, "unsupported_media_type".into()), Some("identity"))
    );
}

#[tokio::test]
async fn every_spelling_of_json_is_accepted() {
    let server = Server::start();
    for media_type in [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=\"UTF-8\"",
    ] {
        let reply =
            server.send("POST", PERSONAS).body(media_type, "{\"name\":\"Ada\"}").send().await;
        assert_eq!(reply.status, 201, "{media_type}");
    }
}

#[tokio::test]
async fn a_repetition_with_the_same_key_gets_the_first_answer() {
    let server = Server::start();
    let body = json!({ "name": "Ada" });
    let create =
        |key: &str| server.send("POST", PERSONAS).header("idempotency-key", key).json(&body).send();
    let first = create("k-1").await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (201, None));
    for spelling in ["k-1", "\"k-1\"", "\"k\\-1\""] {
        let again = create(spelling).await;
        assert_eq!(
            (again.status.as_u16(), again.header("idempotency-replayed")),
            (201, Some("true")),
            "{spelling}"
        );
        assert_eq!(
            (&again.body, again.header("location"), again.etag()),
            (&first.body, first.header("location"), first.etag())
        );
    }
    assert_eq!(server.get("/api/v1/personas?count=exact").await.json()["total"], 1);
    assert_ne!(create("k-2").await.body, first.body);
}

#[tokio::test]
async fn every_kind_of_write_is_replayed_with_its_own_status() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let undelete = format!("{path}/undelete");
    let writes = [
        ("PUT", &path, 200),
        ("PATCH", &path, 200),
        ("DELETE", &path, 204),
        ("POST", &undelete, 200),
    ];
    for (method, path, status) in writes {
        for replayed in [None, Some("true")] {
            let request =
                server.send(method, path).header("idempotency-key", method).header("if-match", "*");
            let reply = request.json(&json!({ "name": method })).send().await;
            assert_eq!(
                (reply.status.as_u16(), reply.header("idempotency-replayed")),
                (status, replayed),
                "{method}"
            );
        }
    }
    assert_eq!(server.get(&path).await.revision(), 5);
}

#[tokio::test]
async fn a_key_that_was_used_for_another_request_is_refused() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let first = server
        .send("PATCH", &path)
        .header("idempotency-key", "k")
        .json(&json!({ "name": "Eve" }))
        .send()
        .await;
    assert_eq!(first.status, 200);
    let others = [
        server.send("PATCH", &path).json(&json!({ "name": "Bob" })),
        server.send("PATCH", &format!("{path}?base_revision=1")).json(&json!({ "name": "Eve" })),
        server.send("PATCH", &path).header("if-match", "\"2\"").json(&json!({ "name": "Eve" })),
        server.send("PATCH", &path).body("application/merge-patch+json", "{\"name\":\"Eve\"}"),
        server.send("POST", PERSONAS).json(&json!({ "name": "Eve" })),
    ];
    for other in others {
        let reply = other.header("idempotency-key", "k").send().await;
        assert_eq!(reply.status, 422);
        assert_eq!(
            reply.problem(),
            json!({ "code": "idempotency_key_reused", "detail": "this key was used for another request, whose answer is still kept" })
        );
    }
}

#[tokio::test]
async fn a_key_or_an_author_that_cannot_be_kept_is_refused() {
    let server = Server::start();
    let long_key = "k".repeat(256);
    let long_author = "a".repeat(129);
    let cases: [(&'static str, &[u8]); 9] = [
        ("idempotency-key", b""),
        ("idempotency-key", b"\"\""),
        ("idempotency-key", b"a b"),
        ("idempotency-key", b"k\xc3\xa9"),
        ("idempotency-key", long_key.as_bytes()),
        ("x-persona-author", b" "),
        ("x-persona-author", b"\xff"),
        ("x-persona-author", b"a\tb"),
        ("x-persona-author", long_author.as_bytes()),
    ];
    for (name, value) in cases {
        let reply = server
            .send("POST", PERSONAS)
            .header(name, value)
            .json(&json!({ "name": "Ada" }))
            .send()
            .await;
        assert_eq!(
            reply.refusal(),
            (400, "bad_header".into()),
            "{name}: {}",
            String::from_utf8_lossy(value)
        );
    }
    let twice = server
        .send("POST", PERSONAS)
        .header("idempotency-key", "a")
        .header("idempotency-key", "b")
        .json(&json!({ "name": "Ada" }));
    assert_eq!(twice.send().await.problem()["detail"], "Idempotency-Key: is there more than once");
    let longest = server
        .send("POST", PERSONAS)
        .header("idempotency-key", "k".repeat(255))
        .json(&json!({ "name": "Ada" }));
    assert_eq!(longest.send().await.status, 201);
}
