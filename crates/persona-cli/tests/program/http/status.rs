//! `GET /api/v1/status`.

use serde_json::json;

use crate::http::server::Server;

#[tokio::test]
async fn the_status_tells_of_database_and_processes() {
    let server = Server::start();
    server.persona("Ada").await;
    let path = server.persona("Eve").await;
    server.delete(&path).await;
    let reply = server.get("/api/v1/status").await;
    assert_eq!(reply.status, 200);
    let status = reply.json();
    assert_eq!(
        (&status["personas"], &status["version"]),
        (&json!(1), &json!(env!("CARGO_PKG_VERSION")))
    );
    let members: Vec<&String> = status.as_object().expect("an object").keys().collect();
    assert_eq!(
        members,
        [
            "backend",
            "backups",
            "checkpoints",
            "contention",
            "damage_found",
            "database_bytes",
            "disk",
            "durability",
            "durability_meaning",
            "engine_version",
            "file_system",
            "journal_mode",
            "maintenance",
            "personas",
            "read_cache",
            "requests_in_flight",
            "schema_version",
            "server",
            "started_at",
            "uptime_ms",
            "version",
            "wal_autocheckpoint",
            "wal_bytes",
            "wal_bytes_max",
            "workers",
            "write_lock"
        ]
    );
}
