//! Paths and methods without an operation.

use std::collections::BTreeSet;

use persona_http::contract::OPERATIONS;
use serde_json::json;

use crate::http::server::Server;

#[tokio::test]
async fn an_unknown_path_is_a_problem_that_names_the_nearest_route() {
    let server = Server::start();
    let reply = server.get("/api/v1/persona").await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.problem(),
        json!({ "code": "no_such_route", "detail": "there is nothing at /api/v1/persona", "hint": "did you mean /api/v1/personas?" })
    );
    let reply = server.get("/favicon.ico").await;
    assert_eq!(reply.problem()["hint"], "every route is listed at /api/v1/openapi.json");
}

#[tokio::test]
async fn a_method_that_a_route_does_not_know_is_refused_with_allow() {
    let server = Server::start();
    let reply = server.send("DELETE", "/api/v1/personas").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("GET,HEAD,POST")));
    assert_eq!(
        reply.problem(),
        json!({
            "code": "method_not_allowed",
            "detail": "DELETE is not possible at /api/v1/personas",
            "hint": "it answers to GET, POST",
        })
    );
}

#[tokio::test]
async fn a_refusal_repeats_a_part_of_a_long_method_or_path_only() {
    let server = Server::start();
    for (method, path) in [
        ("A".repeat(60_000), "/api/v1/personas".to_owned()),
        ("GET".into(), format!("/{}", "x".repeat(60_000))),
    ] {
        let reply = server.send(&method, &path).send().await;
        assert!(matches!(reply.status.as_u16(), 404 | 405), "{}", reply.status);
        assert!(reply.problem().to_string().len() < 2_000, "{}", reply.problem());
    }
}

#[tokio::test]
async fn every_route_answers_to_the_methods_of_its_row_and_to_no_other() {
    let server = Server::start();
    let paths: BTreeSet<&str> = OPERATIONS.iter().map(|row| row.path).collect();
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let request = server.send(method, &path.replace(['{', '}'], ""));
            // A stream of events has no end, so this request asks for a page of events.
            let reply = request.header("accept", "application/json").send().await;
            let has_row =
                OPERATIONS.iter().any(|row| row.path == path && row.method.as_str() == method);
            assert_eq!(reply.status != 405, has_row, "{method} {path}");
        }
    }
}
