//! The headers that every answer has.

use serde_json::json;

use crate::http::server::{ABSENT, Server};

#[tokio::test]
async fn every_answer_carries_the_id_of_its_request() {
    let server = Server::start();
    for path in ["/", "/healthz", "/api/v1/personas", ABSENT, "/nowhere"] {
        let reply = server.get(path).await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        let id = reply.header("x-request-id").expect("an id").to_owned();
        assert_eq!(id.len(), 36, "{id}");
    }
    let reply = server.send("GET", ABSENT).header("x-request-id", "trace/7").send().await;
    assert_eq!(
        (reply.header("x-request-id"), &reply.json()["request_id"]),
        (Some("trace/7"), &json!("trace/7"))
    );
}

#[tokio::test]
async fn an_id_that_is_not_fit_for_a_log_is_replaced() {
    let server = Server::start();
    for bad in ["", "two words", &"x".repeat(129), "é"] {
        let reply = server.send("GET", "/healthz").header("x-request-id", bad).send().await;
        assert_eq!(reply.header("x-request-id").expect("an id").len(), 36, "{bad}");
    }
}

#[tokio::test]
async fn the_worker_and_its_timing_are_named_where_that_is_switched_on() {
    let server = Server::start();
    let reply = server.get("/healthz").await;
    let slot: u16 = reply.header("x-persona-worker").expect("a worker").parse().expect("a slot");
    assert!(slot >= 1);
    let timing = reply
        .header("server-timing")
        .expect("a timing")
        .strip_prefix("total;dur=")
        .expect("a duration")
        .to_owned();
    assert!(timing.parse::<f64>().is_ok_and(|millis| millis >= 0.0), "{timing}");
}
