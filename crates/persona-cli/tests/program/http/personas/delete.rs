//! `DELETE /api/v1/personas/{id}`.

use serde_json::json;

use crate::http::server::{ABSENT, Server};

#[tokio::test]
async fn delete_needs_the_current_tag() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    assert_eq!(
        server.send("DELETE", &path).send().await.refusal(),
        (428, "condition_required".into())
    );
    let stale = server.send("DELETE", &path).header("if-match", "\"9-00000000\"").send().await;
    assert_eq!((stale.refusal(), stale.revision()), ((412, "stale".into()), 1));
    let reply =
        server.send("DELETE", &path).header("if-match", server.tag(&path).await).send().await;
    assert_eq!((reply.status.as_u16(), reply.revision(), reply.body.len()), (204, 2, 0));
    assert_eq!(server.get(&path).await.status, 410);
}

#[tokio::test]
async fn a_repeated_delete_is_done_already_whatever_is_expected() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    server.delete(&path).await;
    let again = server.send("DELETE", &path).header("if-match", "\"1\"").send().await;
    assert_eq!((again.status.as_u16(), again.revision()), (204, 2));
    assert_eq!(
        server.send("DELETE", &path).send().await.refusal(),
        (428, "condition_required".into())
    );
}

#[tokio::test]
async fn deleting_what_never_was_is_not_found() {
    let server = Server::start();
    assert_eq!(
        server.send("DELETE", ABSENT).header("if-match", "\"1\"").send().await.refusal(),
        (404, "no_such_persona".into())
    );
}

#[tokio::test]
async fn a_handle_is_free_again_after_its_holder_is_deleted() {
    let server = Server::start();
    let path = server.persona_with(&json!({ "name": "Ada", "handle": "ada" })).await;
    server.delete(&path).await;
    server.persona_with(&json!({ "name": "Eve", "handle": "ada" })).await;
    let reply = server.send("POST", &format!("{path}/undelete")).send().await;
    assert_eq!(reply.refusal(), (409, "handle_taken".into()));
}
