//! `GET /healthz`, `/readyz` and `/metrics`.

use serde_json::json;

use crate::http::server::Server;

#[tokio::test]
async fn a_running_server_is_alive_and_ready() {
    let server = Server::start();
    for (path, status) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let reply = server.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, Some("no-store")));
        assert_eq!(reply.json(), json!({ "status": status }));
    }
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let server = Server::start();
    let reply = server.get("/metrics").await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (200, Some("text/plain; version=0.0.4"))
    );
    let text = String::from_utf8(reply.body.to_vec()).expect("UTF-8");
    assert!(text.starts_with("# HELP persona_"), "{text}");
}
