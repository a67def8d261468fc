//! `/api/v1/personas/{id}/labels` and what is below it, and `POST /api/v1/personas/release`.

use serde_json::{Value, json};

use crate::http::client::Reply;
use crate::http::server::{ABSENT, Server};

const RELEASE: &str = "/api/v1/personas/release";

/// The path of a persona with three revisions, called 1, 2 and 3.
pub(super) async fn three_revisions(server: &Server) -> String {
    let path = server.persona("1").await;
    for name in ["2", "3"] {
        let patched = server.send("PATCH", &path).json(&json!({ "name": name })).send().await;
        assert_eq!(patched.status, 200);
    }
    path
}

pub(super) async fn set(server: &Server, path: &str, label: &str, revision: u64) -> Reply {
    let target = format!("{path}/labels/{label}");
    server.send("PUT", &target).json(&json!({ "revision": revision })).send().await
}

/// Where the labels of a persona point.
pub(super) async fn points(server: &Server, path: &str) -> Value {
    let list = server.get(&format!("{path}/labels")).await.json();
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|item| json!([item["label"], item["revision"]])).collect()
}

#[tokio::test]
async fn a_label_is_set_moved_and_removed_and_each_move_is_kept() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    let tag = server.tag(&path).await;
    let target = format!("{path}/labels/production");
    let first = set(&server, &path, "production", 3).await;
    assert_eq!((first.status.as_u16(), first.header("location")), (201, Some(&*target)));
    let by = server.send("PUT", &target).header("x-persona-author", "Ann");
    let second = by.json(&json!({ "revision": 1 })).send().await;
    assert_eq!(second.status, 200);
    let body = second.json();
    assert_eq!(body["etag"], second.etag());
    assert_eq!(
        [&body["label"], &body["revision"], &body["version"], &body["by"]],
        [&json!("production"), &json!(1), &json!(2), &json!("Ann")]
    );
    let again = set(&server, &path, "production", 1).await;
    assert_eq!((again.status.as_u16(), again.etag()), (200, second.etag()));
    let read = server.get(&target).await;
    assert_eq!((read.etag(), &read.body), (second.etag(), &second.body));
    let known = server.send("GET", &target).header("if-none-match", read.etag()).send().await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    let list = server.get(&format!("{path}/labels")).await.json();
    assert_eq!(list, json!({ "items": [body], "latest": 3 }));
    assert_eq!(server.tag(&path).await, tag, "labels are no part of the persona");
    let removed = server.send("DELETE", &target).send().await;
    assert_eq!((removed.status.as_u16(), removed.body.len()), (204, 0));
    for gone in [server.get(&target).await, server.send("DELETE", &target).send().await] {
        assert_eq!(gone.refusal(), (404, "no_such_label".into()));
    }
    let third = server.send("PUT", &target).json(&json!({ "from": "latest" })).send().await;
    assert_eq!((third.status.as_u16(), &third.json()["version"]), (201, &json!(4)));
    let page = server.get(&format!("{target}/moves?limit=3")).await.json();
    let brief: Vec<_> = page["items"].as_array().expect("a list").iter().collect();
    let told = |place: usize| json!([brief[place]["version"], brief[place]["revision"]]);
    assert_eq!([told(0), told(1), told(2)], [json!([4, 3]), json!([3, null]), json!([2, 1])]);
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let rest = server.get(&format!("{target}/moves?cursor={cursor}")).await.json();
    assert_eq!((&rest["items"][0]["version"], &rest["next_cursor"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn a_move_is_made_on_its_condition_alone() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    let target = format!("{path}/labels/production");
    let put = |header: &'static str, value: String| {
        let request = server.send("PUT", &target).header(header, value);
        request.json(&json!({ "revision": 2 })).send()
    };
    let unset = put("if-match", "*".into()).await;
    assert_eq!(unset.refusal(), (412, "label_moved".into()));
    let first = put("if-none-match", "*".into()).await;
    assert_eq!(first.status, 201);
    let again = put("if-none-match", "*".into()).await;
    assert_eq!((again.refusal(), again.etag()), ((412, "label_moved".into()), first.etag()));
    let moved = set(&server, &path, "production", 3).await;
    let of_persona = server.tag(&path).await;
    for stale in [first.etag(), &of_persona, "\"l2-00000000\"", "W/\"l2-00000000\""] {
        let refused = put("if-match", stale.into()).await;
        assert_eq!(
            (refused.refusal(), refused.etag()),
            ((412, "label_moved".into()), moved.etag())
        );
        let refused = server.send("DELETE", &target).header("if-match", stale).send().await;
        assert_eq!(refused.refusal(), (412, "label_moved".into()));
    }
    assert_eq!(put("if-match", moved.etag().into()).await.status, 200);
    assert_eq!(points(&server, &path).await, json!([["production", 2]]));
    let write = server.send("PATCH", &path).header("if-match", moved.etag());
    let write = write.json(&json!({ "name": "4" })).send().await;
    assert_eq!(write.refusal(), (412, "stale".into()), "no tag of a label is one of a persona");
}

#[tokio::test]
async fn a_move_with_a_key_is_made_once_and_answered_again() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    let target = format!("{path}/labels/production");
    let id = path.rsplit('/').next().expect("an identity");
    let release = json!({ "moves": [{ "id": id, "label": "production", "revision": 2 }] });
    let requests = [
        ("PUT", &*target, Some(json!({ "from": "latest" }))),
        ("POST", RELEASE, Some(release)),
        ("DELETE", &*target, None),
    ];
    for (number, (method, target, body)) in requests.iter().enumerate() {
        let send = || {
            let request = server.send(method, target).header("idempotency-key", number.to_string());
            match body {
                Some(body) => request.json(body).send(),
                None => request.send(),
            }
        };
        let first = send().await;
        assert!(first.status.is_success(), "{method}: {}", first.json());
        assert_eq!(first.header("idempotency-replayed"), None);
        let moved = set(&server, &path, "production", 1).await;
        let again = send().await;
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{method}");
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.header("etag"), first.header("etag"));
        let stands = server.get(&format!("{path}/labels/production")).await;
        assert_eq!(stands.etag(), moved.etag(), "a repetition moves nothing");
        let other = server.send("PUT", &format!("{path}/labels/staging"));
        let other = other.header("idempotency-key", number.to_string());
        let other = other.json(&json!({ "revision": 1 })).send().await;
        assert_eq!(other.refusal(), (422, "idempotency_key_reused".into()), "{method}");
    }
    assert_eq!(points(&server, &path).await, json!([["production", 1]]));
    let long = server.send("DELETE", &target).header("idempotency-key", "k".repeat(256));
    assert_eq!(long.send().await.refusal(), (400, "bad_header".into()));
}

#[tokio::test]
async fn the_label_of_the_server_is_read_like_any_other() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    let target = format!("{path}/labels/latest");
    let read = server.get(&target).await;
    let persona = server.get(&path).await.json();
    let expected = json!({
        "label": "latest", "revision": 3, "version": 3, "etag": read.etag(),
        "at": persona["updated_at"], "by": null,
    });
    assert_eq!((read.status.as_u16(), read.json()), (200, expected));
    let known = server.send("GET", &target).header("if-none-match", read.etag());
    assert_eq!(known.send().await.status, 304);
    let changed = server.send("PATCH", &path).header("x-persona-author", "Ann");
    assert_eq!(changed.json(&json!({ "name": "4" })).send().await.status, 200);
    let changed = server.send("GET", &target).header("if-none-match", read.etag()).send().await;
    assert_eq!((&changed.json()["revision"], &changed.json()["by"]), (&json!(4), &json!("Ann")));
    let expected = server.send("GET", &target).header("if-match", read.etag()).send().await;
    assert_eq!(expected.refusal(), (412, "label_moved".into()));
    // Its moves are the revisions.
    let moves = server.get(&format!("{target}/moves")).await;
    assert_eq!(moves.refusal(), (404, "no_such_label".into()));
    let deleted = server.send("DELETE", &path).header("if-match", "*").send().await;
    assert_eq!(deleted.status, 204);
    assert_eq!(server.get(&target).await.json()["revision"], 5);
    let absent = server.get(&format!("{ABSENT}/labels/latest")).await;
    assert_eq!(absent.refusal(), (404, "no_such_persona".into()));
}

#[tokio::test]
async fn what_cannot_be_a_label_or_a_revision_is_refused() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    let longest = "a".repeat(64);
    for word in
        ["latest", "7", "007", "18446744073709551616", "A", "-a", "a%20b", &format!("{longest}a")]
    {
        let refused = set(&server, &path, word, 1).await;
        assert_eq!(refused.refusal(), (422, "bad_label".into()), "{word}");
        let target = format!("{path}/labels/{word}");
        let removed = server.send("DELETE", &target).send().await;
        assert_eq!(removed.refusal(), (422, "bad_label".into()), "{word}");
        if word != "latest" {
            assert_eq!(
                server.get(&target).await.refusal(),
                (404, "no_such_label".into()),
                "{word}"
            );
        }
    }
    assert_eq!(set(&server, &path, &longest, 1).await.status, 201);
    let body =
        |body: Value| server.send("PUT", &format!("{path}/labels/production")).json(&body).send();
    for number in [4, 1 << 31, (1_u64 << 63) - 1] {
        let refused = body(json!({ "revision": number })).await;
        assert_eq!(refused.refusal(), (404, "no_such_revision".into()), "{number}");
        assert_eq!(refused.problem()["current_revision"], 3);
    }
    for wrong in [
        json!({ "revision": 0 }),
        json!({ "revision": 1_u64 << 63 }),
        json!({ "revision": u64::MAX }),
        json!({ "revision": -1 }),
        json!({ "revision": "1" }),
        json!({ "revision": 1, "from": "a" }),
        json!({ "revison": 1 }),
        json!({}),
        json!([]),
    ] {
        assert_eq!(body(wrong.clone()).await.refusal(), (422, "invalid".into()), "{wrong}");
    }
    let unset = body(json!({ "from": "staging" })).await;
    assert_eq!(unset.refusal(), (404, "no_such_label".into()));
    let absent = set(&server, ABSENT, "production", 1).await;
    assert_eq!(absent.refusal(), (404, "no_such_persona".into()));
    for read in ["/labels", "/labels/production", "/labels/production/moves", "?label=production"] {
        let absent = server.get(&format!("{ABSENT}{read}")).await;
        assert_eq!(absent.refusal(), (404, "no_such_persona".into()), "{read}");
    }
    for query in ["label=7", "label=A", "label=", "label=a&revision=1", "include=all"] {
        let refused = server.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.refusal(), (400, "bad_parameter".into()), "{query}");
    }
    for cursor in ["0", "x", "18446744073709551616"] {
        let refused = server.get(&format!("{path}/labels/{longest}/moves?cursor={cursor}")).await;
        assert_eq!(refused.refusal(), (400, "bad_parameter".into()), "{cursor}");
    }
}

#[tokio::test]
async fn a_persona_has_no_more_labels_than_may_be() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let id = path.rsplit('/').next().expect("an identity");
    let moves: Vec<Value> = (0..64)
        .map(|number| json!({ "id": id, "label": format!("l{number}"), "revision": 1 }))
        .collect();
    let released = server.send("POST", RELEASE).json(&json!({ "moves": moves })).send().await;
    assert_eq!(released.status, 200);
    let one_more = set(&server, &path, "further", 1).await;
    assert_eq!(one_more.refusal(), (409, "too_many_labels".into()));
}

#[tokio::test]
async fn a_note_on_a_move_is_refused_and_a_refused_release_names_label_and_persona() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    let id = path.rsplit('/').next().expect("an id");
    let release = json!({ "moves": [
        { "id": id, "label": "a", "revision": 1 },
        { "id": id, "label": "b", "from": "staging" },
    ] });
    let (one, all) = (format!("{path}/labels/a"), "/api/v1/personas/release".to_owned());
    for (method, target, body) in [("PUT", one, json!({ "revision": 1 })), ("POST", all, release)] {
        let send = async |query: &str, note: Option<&str>| {
            let sending = server.send(method, &format!("{target}{query}"));
            let sending = match note {
                Some(note) => sending.header("x-persona-note", note),
                None => sending,
            };
            sending.json(&body).send().await
        };
        assert_eq!(send("", Some("why")).await.refusal(), (400, "bad_header".into()));
        assert_eq!(send("?note=why", None).await.refusal(), (400, "bad_parameter".into()));
        if method == "POST" {
            let refused = send("", None).await;
            assert_eq!(refused.refusal(), (404, "no_such_label".into()));
            let detail = refused.json()["detail"].as_str().expect("a detail").to_owned();
            assert!(detail.starts_with(&format!("move 1, b of {id}: ")), "{detail}");
        }
    }
    assert_eq!(points(&server, &path).await, json!([]));
}

#[tokio::test]
async fn a_deleted_persona_keeps_its_labels_where_they_are() {
    let server = Server::start();
    let path = three_revisions(&server).await;
    set(&server, &path, "production", 2).await;
    server.delete(&path).await;
    let undelete = format!("{path}/undelete");
    for reply in [
        server.get(&format!("{path}?label=production")).await,
        server.get(&format!("{path}?include=labels")).await,
        set(&server, &path, "production", 1).await,
        server.send("DELETE", &format!("{path}/labels/production")).send().await,
    ] {
        assert_eq!(reply.refusal(), (410, "deleted".into()));
        assert_eq!(reply.problem()["undelete"], *undelete);
    }
    assert_eq!(points(&server, &path).await, json!([["production", 2]]));
    let read = server.get(&format!("{path}?include=labels&revision=1")).await.json();
    assert_eq!(read["labels"], json!({ "production": 2 }));
    assert_eq!(server.send("POST", &undelete).send().await.status, 200);
    let read = server.get(&format!("{path}?label=production")).await;
    assert_eq!((read.status.as_u16(), &read.json()["name"]), (200, &json!("2")));
}

#[tokio::test]
async fn a_release_moves_every_label_or_none_and_names_the_move_that_is_refused() {
    let server = Server::start();
    let (mut paths, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let path = three_revisions(&server).await;
        set(&server, &path, "staging", 3).await;
        set(&server, &path, "production", 1).await;
        ids.push(path.rsplit('/').next().expect("an identity").to_owned());
        paths.push(path);
    }
    let promote = |id: &str| json!({ "id": id, "label": "production", "from": "staging" });
    let release =
        |moves: Value| server.send("POST", RELEASE).json(&json!({ "moves": moves })).send();
    let mut stale = promote(&ids[1]);
    stale["if_match"] = json!("\"l9-00000000\"");
    let refused = release(json!([promote(&ids[0]), stale])).await;
    assert_eq!(refused.refusal(), (412, "label_moved".into()));
    assert_eq!(refused.problem()["item"], 1);
    let absent = promote(ABSENT.rsplit('/').next().expect("an identity"));
    let refused = release(json!([promote(&ids[0]), absent])).await;
    assert_eq!(
        (refused.refusal(), &refused.problem()["item"]),
        ((404, "no_such_persona".into()), &json!(1))
    );
    for (wrong, pointer) in [
        (json!([promote(&ids[0]), promote(&ids[0])]), "/moves/1/label"),
        (json!([{ "id": ids[0], "label": "latest", "revision": 1 }]), "/moves/0/label"),
        (json!([{ "id": ids[0], "label": "a" }]), "/moves/0"),
        (json!([]), "/moves"),
    ] {
        let refused = release(wrong).await;
        assert_eq!(refused.refusal(), (422, "invalid".into()));
        assert_eq!(refused.problem()["errors"][0]["pointer"], pointer);
    }
    for path in &paths {
        assert_eq!(points(&server, path).await, json!([["production", 1], ["staging", 3]]));
    }
    let last = json!({ "id": ids[1], "label": "staging", "remove": true });
    let made = release(json!([promote(&ids[0]), promote(&ids[1]), last])).await;
    assert_eq!(made.status, 200);
    let items = made.json()["items"].clone();
    assert_eq!(
        (&items[0]["before"], &items[0]["revision"], &items[0]["moved"]),
        (&json!(1), &json!(3), &json!(true))
    );
    assert_eq!(
        (&items[2]["before"], &items[2]["revision"], &items[2]["etag"]),
        (&json!(3), &Value::Null, &Value::Null)
    );
    assert_eq!(points(&server, &paths[0]).await, json!([["production", 3], ["staging", 3]]));
    assert_eq!(points(&server, &paths[1]).await, json!([["production", 3]]));
    let header = server
        .send("POST", RELEASE)
        .header("if-match", "*")
        .json(&json!({ "moves": [promote(&ids[0])] }));
    assert_eq!(header.send().await.refusal(), (400, "bad_header".into()));
}
