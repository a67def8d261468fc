//! The status and metrics of a server over PostgreSQL: without the figures of a file, and with
//! those of the database's connections.

use serde_json::Value;

use crate::common::Server;
use crate::common::runner::Folder;
use crate::common::tokens::{bearer, create};

#[test]
fn nothing_is_shown_of_what_only_a_file_has() {
    let server = Server::with_workers(2).start();
    for _ in 0..10 {
        server
            .connect()
            .request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#)
            .expect("an answer");
    }
    let status = server.connect().get("/api/v1/status").expect("a status").json();
    for place in [
        "/write_lock",
        "/checkpoints",
        "/backups",
        "/damage_found",
        "/read_cache",
        "/wal_bytes",
        "/journal_mode",
        "/contention/write_lock_wait_micros",
    ] {
        assert!(status.pointer(place).is_some_and(serde_json::Value::is_null), "{place}: {status}");
    }
    assert!(
        status["server"]["connections"].as_u64() > Some(0)
            && status["contention"]["transaction_micros"]["count"] == 10,
        "{status}"
    );
    let metrics =
        String::from_utf8(server.connect().get("/metrics").expect("metrics").body).expect("text");
    for none in [
        "persona_write_lock",
        "persona_wal",
        "checkpoint",
        "persona_backup",
        "persona_lock_retries",
        "persona_damage",
    ] {
        assert!(!metrics.contains(none), "{none}: {metrics}");
    }
    for pool in ["in_use", "idle", "max", "waiting", "abandoned"] {
        for slot in [1, 2] {
            assert!(
                metrics
                    .contains(&format!("persona_database_connections_{pool}{{slot=\"{slot}\"}}")),
                "{pool}: {metrics}"
            );
        }
    }
    assert!(
        metrics.contains("persona_transaction_seconds_count 10")
            && metrics.contains("persona_writes_total 10"),
        "{metrics}"
    );
    let url = format!("http://{}", server.address());
    let seen = Folder::new().results(&["top", "--once", "--server", &url]);
    assert!(
        seen.contains("connections") && !seen.contains("write_lock") && !seen.contains("log"),
        "{seen}"
    );
    let doctor = Folder::new().run(&["doctor", "--server", &url]);
    assert!(
        doctor.stdout.contains("PostgreSQL 1") && !doctor.stdout.contains("write_lock"),
        "{doctor}"
    );
}

/// The place of the database in the status as a client with these headers is told it, and the whole
/// text of its status, findings and metrics.
fn told(server: &Server, headers: &[(&str, &str)]) -> (Value, String) {
    let ask = |path: &str| {
        let reply = server.connect().request("GET", path, headers, b"").expect("an answer");
        String::from_utf8(reply.body).expect("text")
    };
    let status = ask("/api/v1/status");
    let place = serde_json::from_str::<Value>(&status).expect("JSON")["server"]["place"].clone();
    (place, [status, ask("/api/v1/server/findings"), ask("/metrics")].concat())
}

#[test]
fn only_a_client_with_the_scope_admin_is_told_where_the_database_is() {
    let server = Server::with_workers(1).start();
    // Without any token every client may do everything.
    let (place, text) = told(&server, &[]);
    let place = place.as_str().expect("a place").to_owned();
    assert_eq!(text.matches(&place).count(), 2, "in the status and in a finding: {text}");
    for (scope, sees_it) in [("read", false), ("write", false), ("admin", true)] {
        let secret = create(&server, &["--name", scope, "--scope", scope]);
        let (seen, text) = told(&server, &[("authorization", &bearer(&secret))]);
        assert!(
            text.contains("\"check\":\"engine\"") && text.contains("persona_build_info"),
            "{text}"
        );
        assert_eq!((seen.is_string(), text.contains(&place)), (sees_it, sees_it), "{scope}");
    }
    let folder = server.stop_and_keep_the_folder();
    let server = Server::with_workers(1).in_folder(folder).flag("--open-monitoring").start();
    let (seen, text) = told(&server, &[]);
    assert!(seen.is_null() && !text.contains(&place), "{seen}");
    assert!(text.contains("\"connections_max\""), "the control: the status is open: {text}");
}
