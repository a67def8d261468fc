//! `PATCH /api/v1/personas/{id}`.

use serde_json::{Value, json};

use crate::http::client::Reply;
use crate::http::server::{ABSENT, Server};

const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

async fn json_patch(server: &Server, path: &str, operations: &Value) -> Reply {
    server.send("PATCH", path).body(JSON_PATCH, operations.to_string()).send().await
}

#[tokio::test]
async fn two_clients_that_patch_different_fields_both_win() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    for (media_type, body) in [
        (MERGE_PATCH, json!({ "nickname": "A" })),
        ("application/json; charset=UTF-8", json!({ "creator": "me" })),
    ] {
        let reply = server.send("PATCH", &path).body(media_type, body.to_string()).send().await;
        assert_eq!(reply.status, 200, "{media_type}");
    }
    let reply = server.get(&path).await;
    let persona = reply.json();
    assert_eq!(
        (reply.revision(), &persona["nickname"], &persona["creator"]),
        (3, &json!("A"), &json!("me"))
    );
}

#[tokio::test]
async fn with_if_match_a_patch_is_strict() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let reply = server
        .send("PATCH", &path)
        .header("if-match", "\"9-00000000\"")
        .json(&json!({ "name": "Eve" }))
        .send()
        .await;
    assert_eq!((reply.refusal(), reply.revision()), ((412, "stale".into()), 1));
    let reply = server
        .send("PATCH", &path)
        .header("if-match", format!("\"9-00000000\", {}", reply.etag()))
        .json(&json!({ "name": "Eve" }))
        .send()
        .await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (200, 2));
}

#[tokio::test]
async fn null_clears_and_keys_of_objects_are_merged() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada", "handle": "ada", "tags": ["a"], "extensions": { "x": 1, "y": 2 } })).await;
    let changes = json!({ "handle": null, "tags": null, "extensions": { "x": null, "z": 3 } });
    let persona = server.send("PATCH", &path).json(&changes).send().await.json();
    assert_eq!(
        (&persona["handle"], &persona["tags"], &persona["extensions"]),
        (&json!(null), &json!([]), &json!({ "y": 2, "z": 3 }))
    );
    let reply = server.send("PATCH", &path).json(&json!({ "name": null })).send().await;
    assert_eq!(
        reply.problem()["errors"],
        json!([{ "pointer": "/name", "code": "required", "message": "name is required" }])
    );
}

#[tokio::test]
async fn a_patch_that_breaks_rules_names_all_of_them() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let reply = server
        .send("PATCH", &path)
        .json(&json!({ "revision": 7, "discription": "x", "kind": "robot" }))
        .send()
        .await;
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.problem()["errors"],
        json!([
            { "pointer": "/kind", "code": "not_allowed", "message": "must be one of character, user, agent, prompt, is \"robot\"" },
            { "pointer": "/discription", "code": "unknown_member", "message": "unknown member; did you mean description?" },
            { "pointer": "/revision", "code": "read_only", "message": "revision is managed by the store and cannot be set" },
        ])
    );
    let reply = server.send("PATCH", &path).json(&json!(7)).send().await;
    assert_eq!(reply.problem()["detail"], "document: a merge patch must be a JSON object");
}

#[tokio::test]
async fn the_operations_of_a_json_patch_are_all_applied_or_none() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada", "tags": ["a", "b"] })).await;
    let operations = json!([
        { "op": "test", "path": "/name", "value": "Ada" },
        { "op": "add", "path": "/tags/-", "value": "c" },
        { "op": "remove", "path": "/tags/0" },
        { "op": "replace", "path": "/name", "value": "Ada L." },
    ]);
    let persona = json_patch(&server, &path, &operations).await.json();
    assert_eq!((&persona["name"], &persona["tags"]), (&json!("Ada L."), &json!(["b", "c"])));
    let operations = json!([{ "op": "replace", "path": "/name", "value": "Eve" }, { "op": "remove", "path": "/tags/9" }]);
    let reply = json_patch(&server, &path, &operations).await;
    assert_eq!(reply.refusal(), (422, "invalid".into()));
    assert_eq!(reply.problem()["errors"][0]["pointer"], "/1");
    assert_eq!(server.get(&path).await.json()["name"], "Ada L.");
}

#[tokio::test]
async fn a_failed_test_is_a_conflict() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let reply =
        json_patch(&server, &path, &json!([{ "op": "test", "path": "/name", "value": "Eve" }]))
            .await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (409, 1));
    assert_eq!(
        reply.problem(),
        json!({ "code": "test_failed", "detail": "the test at /name failed", "pointer": "/name", "current_revision": 1 })
    );
}

#[tokio::test]
async fn what_is_no_json_patch_is_refused() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    for bad in [
        json!({ "name": "Eve" }),
        json!([{ "op": "rename" }]),
        json!([{ "op": "replace", "path": "/name" }]),
        json!(["x"]),
    ] {
        assert_eq!(
            json_patch(&server, &path, &bad).await.refusal(),
            (422, "invalid".into()),
            "{bad}"
        );
    }
    let many = Value::from(vec![json!({ "op": "test", "path": "/name", "value": "Ada" }); 1001]);
    let reply = json_patch(&server, &path, &many).await;
    assert_eq!(
        reply.problem()["errors"][0]["message"],
        "must have at most 1000 operations, has 1001"
    );
}

#[tokio::test]
async fn with_a_base_revision_the_changes_of_both_sides_are_merged() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada", "scenario": "s" })).await;
    server
        .send("PATCH", &path)
        .json(&json!({ "name": "Theirs", "extensions": { "t": 1 } }))
        .send()
        .await;
    let yours = json!({ "scenario": "yours", "extensions": { "y": 1 } });
    let reply = server.send("PATCH", &format!("{path}?base_revision=1")).json(&yours).send().await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (200, 3));
    let persona = reply.json();
    assert_eq!(
        (&persona["name"], &persona["scenario"], &persona["extensions"]),
        (&json!("Theirs"), &json!("yours"), &json!({ "t": 1, "y": 1 }))
    );
}

#[tokio::test]
async fn a_field_that_both_sides_changed_is_a_conflict_with_all_three_texts() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Base", "scenario": "s" })).await;
    server
        .send("PATCH", &path)
        .json(&json!({ "name": "Theirs", "extensions": { "k": 1 } }))
        .send()
        .await;
    let yours = json!({ "name": "Yours", "scenario": "yours", "extensions": { "k": 2 } });
    let reply = server.send("PATCH", &format!("{path}?base_revision=1")).json(&yours).send().await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (409, 2));
    assert_eq!(
        reply.problem(),
        json!({
            "code": "conflict",
            "detail": "2 places were changed on both sides since the base revision",
            "conflicts": [
                { "pointer": "/name", "base": "Base", "theirs": "Theirs", "yours": "Yours" },
                { "pointer": "/extensions/k", "base": null, "theirs": 1, "yours": 2 },
            ],
            "current_revision": 2,
        })
    );
    assert_eq!(server.get(&path).await.json()["scenario"], "s");
}

#[tokio::test]
async fn a_conflict_of_texts_has_both_in_one_with_markers() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada", "scenario": "1\n2\n3\n4" })).await;
    server.send("PATCH", &path).json(&json!({ "scenario": "1\nt\n3\nT" })).send().await;
    let yours = json!({ "scenario": "0\n1\ny\n3\n4" });
    let reply = server.send("PATCH", &format!("{path}?base_revision=1")).json(&yours).send().await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (409, 2));
    assert_eq!(
        reply.problem()["conflicts"],
        json!([{
            "pointer": "/scenario",
            "base": "1\n2\n3\n4",
            "theirs": "1\nt\n3\nT",
            "yours": "0\n1\ny\n3\n4",
            "merged": "0\n1\n<<<<<<< theirs\nt\n||||||| base\n2\n=======\ny\n>>>>>>> yours\n3\nT",
        }])
    );
}

#[tokio::test]
async fn texts_with_markers_do_not_make_a_large_answer_much_larger() {
    let server = Server::start();
    let texts = |word: &str| -> Value {
        let line = format!("{word}\n");
        let text = || line.repeat(40_000 / line.len());
        (0..64).map(|place| format!("{place}\n{}", text())).collect()
    };
    let greetings = |word: &str| json!({ "alternate_greetings": texts(word) });
    let mut persona = greetings("base");
    persona["name"] = json!("Ada");
    let path = server.persona_with(&persona).await;
    server.send("PATCH", &path).json(&greetings("theirs")).send().await;
    let yours = greetings("yours");
    let reply = server.send("PATCH", &format!("{path}?base_revision=1")).json(&yours).send().await;
    assert_eq!(reply.status, 409);
    let conflicts = reply.problem()["conflicts"].as_array().expect("a list").clone();
    let merged: usize =
        conflicts.iter().filter_map(|conflict| conflict["merged"].as_str()).map(str::len).sum();
    assert_eq!(conflicts.len(), 64);
    assert!((512 * 1024..=1024 * 1024).contains(&merged), "{merged}");
}

#[tokio::test]
async fn a_base_that_never_was_is_refused() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let reply = server
        .send("PATCH", &format!("{path}?base_revision=9"))
        .json(&json!({ "name": "Eve" }))
        .send()
        .await;
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.problem(),
        json!({ "code": "unknown_base", "detail": "revision 9 does not exist, or was dropped from the history" })
    );
    let reply = server
        .send("PATCH", &format!("{path}?base_revision=x"))
        .json(&json!({ "name": "Eve" }))
        .send()
        .await;
    assert_eq!(
        reply.problem()["detail"],
        "base_revision: must be a revision: a whole number from 1 to 9223372036854775807, is \"x\""
    );
}

#[tokio::test]
async fn what_never_was_and_what_is_deleted_cannot_be_patched() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    server.delete(&path).await;
    for (path, refusal) in
        [(ABSENT, (404, "no_such_persona".to_owned())), (&path, (410, "deleted".to_owned()))]
    {
        assert_eq!(
            server.send("PATCH", path).json(&json!({ "name": "Eve" })).send().await.refusal(),
            refusal
        );
    }
}
