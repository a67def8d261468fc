//! `POST /api/v1/personas/{id}/revisions/{revision}/revert`.

use serde_json::json;

use crate::http::server::{ABSENT, Server};

#[tokio::test]
async fn a_persona_gets_the_content_of_an_earlier_revision_on_its_condition() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada", "tags": ["a"] })).await;
    let change = json!({ "name": "Eve", "tags": [] });
    server.send("PATCH", &path).json(&change).send().await;
    let target = format!("{path}/revisions/1/revert");
    let without = server.send("POST", &target).send().await;
    assert_eq!(without.refusal(), (428, "condition_required".into()));
    let stale = server.send("POST", &target).header("if-match", "\"1-00000000\"").send().await;
    assert_eq!(
        (stale.refusal(), stale.problem()["current_revision"].clone()),
        ((412, "stale".into()), json!(2))
    );
    let tag = server.tag(&path).await;
    let send = || {
        let request = server.send("POST", &target).header("if-match", &tag);
        request.header("idempotency-key", "k").header("x-persona-author", "Ann")
    };
    let reverted = send().send().await;
    assert_eq!((reverted.status.as_u16(), reverted.revision()), (200, 3));
    let persona = reverted.json();
    assert_eq!(
        (&persona["name"], &persona["tags"], &persona["updated_by"]),
        (&json!("Ada"), &json!(["a"]), &json!("Ann"))
    );
    let replayed = send().send().await;
    assert_eq!(
        (replayed.header("idempotency-replayed"), &replayed.body),
        (Some("true"), &reverted.body)
    );
    let entry = server.get(&format!("{path}/revisions?limit=1")).await.json()["items"][0].clone();
    assert_eq!((&entry["note"], &entry["base"]), (&json!("revert to 1"), &json!(1)));
    let noted = server
        .send("POST", &format!("{path}/revisions/2/revert?note=why"))
        .header("if-match", "*")
        .send()
        .await;
    assert_eq!(noted.revision(), 4);
    let entry = server.get(&format!("{path}/revisions?limit=1")).await.json()["items"][0].clone();
    assert_eq!(entry["note"], "why");
}

#[tokio::test]
async fn what_cannot_be_reverted_is_refused() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let revert = |target: String| server.send("POST", &target).header("if-match", "*").send();
    let unknown = revert(format!("{path}/revisions/2/revert")).await;
    assert_eq!(unknown.refusal(), (404, "no_such_revision".into()));
    assert_eq!(unknown.problem()["current_revision"], 1);
    for number in ["0", "x"] {
        let refused = revert(format!("{path}/revisions/{number}/revert")).await;
        assert_eq!(refused.refusal(), (404, "no_such_revision".into()), "{number}");
    }
    let absent = revert(format!("{ABSENT}/revisions/1/revert")).await;
    assert_eq!(absent.refusal(), (404, "no_such_persona".into()));
    server.delete(&path).await;
    let deleted = revert(format!("{path}/revisions/1/revert")).await;
    assert_eq!(deleted.refusal(), (410, "deleted".into()));
}
