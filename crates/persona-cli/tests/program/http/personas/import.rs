//! `PUT /api/v1/personas/{id}/revisions/{revision}`.

use serde_json::{Value, json};

use crate::common::Server as Program;
use crate::common::tokens::{bearer, create};
use crate::http::server::{ABSENT, Server};

/// A revision of Ada, made long ago.
fn past(day: u8, nickname: &str) -> Value {
    json!({ "created_at": "2020-01-01T00:00:00Z", "updated_at": format!("2020-01-0{day}T00:00:00Z"), "created_by": "Eve", "name": "Ada",
        "nickname": nickname })
}

#[tokio::test]
async fn revisions_are_kept_as_they_were_one_after_the_other() {
    let server = Server::start();
    let put = |revision: &str, body: Value| {
        server.send("PUT", &format!("{ABSENT}/revisions/{revision}")).json(&body).send()
    };
    let first = put("1", past(1, "A")).await;
    assert_eq!((first.status.as_u16(), first.header("location")), (201, Some(ABSENT)));
    assert_eq!(first.json()["created_at"], "2020-01-01T00:00:00.000000Z");
    assert_eq!(put("1", past(1, "A")).await.status, 200, "a repetition changes nothing");
    let second = put("2", past(2, "B")).await;
    assert_eq!((second.status.as_u16(), second.revision()), (201, 2));
    assert_eq!(server.get(ABSENT).await.body, second.body);
    assert_eq!(server.get(&format!("{ABSENT}?revision=1")).await.body, first.body);
    for (revision, body, refusal) in [
        ("1", past(1, "A"), (412, "stale")),
        ("4", past(4, "D"), (412, "stale")),
        ("3", past(2, "C"), (422, "invalid")),
        ("3", json!({ "name": "Ada" }), (422, "invalid")),
        ("0", past(3, "C"), (404, "no_such_revision")),
        ("two", past(3, "C"), (404, "no_such_revision")),
        ("+1", past(1, "A"), (404, "no_such_revision")),
        ("9223372036854775808", past(3, "C"), (404, "no_such_revision")),
        ("18446744073709551616", past(3, "C"), (404, "no_such_revision")),
        ("9223372036854775807", past(3, "C"), (412, "stale")),
    ] {
        let (status, code) = put(revision, body).await.refusal();
        assert_eq!((status, code.as_str()), refusal, "{revision}");
    }
    assert_eq!(put("%32", past(2, "B")).await.status, 200, "needless percent-encoding");
    let unknown = put("18446744073709551616", past(3, "C")).await;
    assert_eq!(
        unknown.problem()["hint"],
        "a revision is a whole number from 1 to 9223372036854775807"
    );
    assert_eq!(server.get(ABSENT).await.body, second.body);
}

#[tokio::test]
async fn a_note_of_the_request_is_kept_where_the_revision_has_none() {
    let server = Server::start();
    let put = async |revision: u8, body: Value| {
        let path = format!("{ABSENT}/revisions/{revision}?note=why");
        let kept = server.send("PUT", &path).json(&body).send().await;
        assert_eq!(kept.status, 201, "{}", kept.json());
    };
    put(1, past(1, "A")).await;
    let mut second = past(2, "B");
    second["history"] = json!({ "note": "then" });
    put(2, second).await;
    let revisions = server.get(&format!("{ABSENT}/revisions")).await.json()["items"].clone();
    assert_eq!((&revisions[0]["note"], &revisions[1]["note"]), (&json!("then"), &json!("why")));
}

#[tokio::test]
async fn no_other_request_sets_what_the_store_manages() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let before = server.get(&path).await.json();
    let replaced = server
        .send("PUT", &path)
        .header("if-match", server.tag(&path).await)
        .json(&past(1, "A"))
        .send()
        .await;
    assert_eq!(
        (&replaced.json()["created_at"], &replaced.json()["created_by"]),
        (&before["created_at"], &Value::Null)
    );
    for (method, target) in [("POST", "/api/v1/personas"), ("PATCH", path.as_str())] {
        let refused = server.send(method, target).json(&past(1, "A")).send().await.refusal();
        assert_eq!(refused.0, 422, "{method}");
    }
}

#[test]
fn a_token_keeps_other_authors_of_the_past_only_where_it_may_act_as_them() {
    let server = Program::with_workers(1).start();
    let token = |name: &str, flags: &[&str]| {
        let name = format!("--name={name}");
        bearer(&create(&server, &[&["--scope=admin", &name], flags].concat()))
    };
    let (plain, acting) = (token("ci", &[]), token("import", &["--act-as"]));
    let put = |token: &str, number: u8, authors: [Option<&str>; 2]| {
        let path = format!("/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-{number:012}/revisions/1");
        let [created_by, updated_by] = authors;
        let time = "2020-01-01T00:00:00Z";
        let body = json!({ "name": "Ada", "created_at": time, "updated_at": time,
            "created_by": created_by, "updated_by": updated_by });
        let headers = [("authorization", token)];
        let reply = server.connect().request("PUT", &path, &headers, body.to_string().as_bytes());
        let reply = reply.expect("an answer");
        (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = (403, "author_refused".to_owned());
    let (own, eve) = (Some("ci"), Some("Eve"));
    for authors in [[eve, eve], [own, eve], [eve, own], [own, None], [None, None]] {
        assert_eq!(put(&plain, 1, authors), refused, "{authors:?}");
    }
    assert_eq!(put(&plain, 1, [own, own]).0, 201);
    for (number, authors) in (2..).zip([[eve, eve], [own, eve], [None, None]]) {
        assert_eq!(put(&acting, number, authors).0, 201, "{authors:?}");
    }
}
