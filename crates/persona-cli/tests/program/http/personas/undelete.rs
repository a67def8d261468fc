//! `POST /api/v1/personas/{id}/undelete`.

use serde_json::json;

use crate::http::server::{ABSENT, Server};

#[tokio::test]
async fn a_deleted_persona_comes_back_as_a_new_revision() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let living = server.tag(&path).await;
    server.delete(&path).await;
    let undelete = format!("{path}/undelete");
    let stale = server.send("POST", &undelete).header("if-match", living).send().await;
    assert_eq!((stale.refusal(), stale.revision()), ((412, "stale".into()), 2));
    let reply =
        server.send("POST", &undelete).header("if-match", server.tag(&path).await).send().await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (200, 3));
    let persona = reply.json();
    assert_eq!((&persona["name"], &persona["deleted_at"]), (&json!("Ada"), &json!(null)));
    assert_eq!(server.get(&path).await.body, reply.body);
}

#[tokio::test]
async fn undeleting_a_living_persona_changes_nothing() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let reply = server.send("POST", &format!("{path}/undelete")).send().await;
    assert_eq!((reply.status.as_u16(), reply.revision()), (200, 1));
}

#[tokio::test]
async fn undeleting_an_unknown_persona_is_not_found() {
    let server = Server::start();
    assert_eq!(
        server.send("POST", &format!("{ABSENT}/undelete")).send().await.refusal(),
        (404, "no_such_persona".into())
    );
}
