//! `POST /api/v1/personas`.

use serde_json::json;

use crate::http::server::Server;

#[tokio::test]
async fn a_new_persona_is_answered_whole_with_its_location_and_tag() {
    let server = Server::start();
    let reply = server
        .send("POST", "/api/v1/personas")
        .header("x-persona-author", "Zoë")
        .json(&json!({ "name": "Ada" }))
        .send()
        .await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.revision(), 1);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let persona = reply.json();
    let location = format!("/api/v1/personas/{}", persona["id"].as_str().expect("an id"));
    assert_eq!(reply.header("location"), Some(location.as_str()));
    assert_eq!(server.get(&location).await.body, reply.body);
    assert_eq!(
        (&persona["revision"], &persona["name"], &persona["is_active"]),
        (&json!(1), &json!("Ada"), &json!(true))
    );
    assert_eq!(
        (&persona["created_by"], &persona["updated_by"], &persona["deleted_at"]),
        (&json!("Zoë"), &json!("Zoë"), &json!(null))
    );
}

#[tokio::test]
async fn every_broken_rule_is_named_at_once() {
    let server = Server::start();
    let body = json!({ "nmae": "Ada", "tags": ["ok", 7, ""], "is_active": "yes", "id": "x", "quite unlike any": 1 });
    let reply = server.post(&body).await;
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.problem(),
        json!({
            "code": "invalid",
            "detail": "7 rules are broken",
            "errors": [
                { "pointer": "/name", "code": "required", "message": "name is required" },
                { "pointer": "/tags/1", "code": "wrong_type", "message": "must be a string, not a number" },
                { "pointer": "/tags/2", "code": "too_short", "message": "must have at least 1 character, has 0" },
                { "pointer": "/is_active", "code": "wrong_type", "message": "must be true or false, not a string" },
                { "pointer": "/id", "code": "read_only", "message": "id is managed by the store and cannot be set" },
                { "pointer": "/nmae", "code": "unknown_member", "message": "unknown member; did you mean name?" },
                { "pointer": "/quite unlike any", "code": "unknown_member", "message": "unknown member; free-form data belongs in extensions" },
            ],
        })
    );
}

#[tokio::test]
async fn a_value_over_its_limit_is_refused_with_limit_and_size() {
    let server = Server::start();
    let reply = server
        .post(&json!({ "name": "n".repeat(257), "description": "d".repeat(256 * 1024 + 1) }))
        .await;
    assert_eq!(
        reply.problem()["errors"],
        json!([
            { "pointer": "/name", "code": "too_long", "message": "must have at most 256 characters, has 257" },
            { "pointer": "/description", "code": "too_long", "message": "must have at most 262144 bytes, has 262145" },
        ])
    );
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused() {
    let server = Server::start();
    let reply = server.post(&json!([1])).await;
    assert_eq!(reply.status, 422);
    assert_eq!(
        reply.problem()["errors"],
        json!([{ "pointer": "", "code": "not_an_object", "message": "must be a JSON object, not a list" }])
    );
}

#[tokio::test]
async fn a_taken_handle_is_refused_and_names_its_holder() {
    let server = Server::start();
    let holder = server.persona_with(&json!({ "name": "Ada", "handle": "ada" })).await;
    let id = holder.rsplit('/').next().expect("an id");
    let reply = server.post(&json!({ "name": "Other", "handle": "ada" })).await;
    assert_eq!(reply.status, 409);
    assert_eq!(
        reply.problem(),
        json!({ "code": "handle_taken", "detail": format!("the handle ada is taken by {id}"), "holder": id })
    );
}

#[tokio::test]
async fn a_parameter_or_a_condition_is_refused() {
    let server = Server::start();
    let reply = server
        .send("POST", "/api/v1/personas?dry_run=true")
        .json(&json!({ "name": "Ada" }))
        .send()
        .await;
    assert_eq!(
        reply.problem(),
        json!({
            "code": "bad_parameter",
            "detail": "dry_run: unknown parameter; known are note",
            "errors": [{ "parameter": "dry_run", "code": "unknown_parameter", "message": "unknown parameter; known are note" }],
        })
    );
}
