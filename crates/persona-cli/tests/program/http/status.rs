//! `GET /api/v1/status`.

use serde_json::json;

use crate::common::events::EventStream;
use crate::common::{DEADLINE, Server as Running, wait_for};
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
    let bytes = ["personas_bytes", "history_bytes"].map(|name| status[name].as_u64());
    assert!(bytes[1] > bytes[0] && bytes[0] > Some(100), "{bytes:?}");
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
            "event_streams",
            "file_system",
            "history_bytes",
            "journal_mode",
            "maintenance",
            "personas",
            "personas_bytes",
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

#[test]
fn open_streams_of_events_are_counted_over_all_workers_until_they_end() {
    let server = Running::with_workers(2).start();
    let open = |wanted: u64| {
        wait_for("the number of streams", DEADLINE, || {
            let status = server.connect().get("/api/v1/status").expect("a status").json();
            (status["event_streams"] == wanted).then_some(())
        });
        assert_eq!(server.metric("persona_event_streams_open"), wanted);
    };
    open(0);
    let streams = [0, 1, 2].map(|_| EventStream::open(&server, "", &[]));
    open(3);
    // A page that is waited for is no stream.
    let page = ("accept", "application/json");
    server.connect().request("GET", "/api/v1/events?after=0", &[page], b"").expect("a page");
    let [_kept, ended @ ..] = streams;
    drop(ended);
    open(1);
}
