//! What an admin has the maintenance process do over the API, and what the server finds of itself.

use std::collections::BTreeMap;
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::tokens::{bearer, create};
use crate::common::{DEADLINE, Reply, Server, signal, wait_for};

const SERVER: &str = "/api/v1/server";

fn ask(server: &Server, method: &str, path: &str, header: &str) -> Reply {
    let mut headers = Vec::new();
    headers.extend((!header.is_empty()).then_some(("authorization", header)));
    let path = format!("{SERVER}/{path}");
    server.connect().request(method, &path, &headers, b"").expect("an answer")
}

/// What became of the last task of a kind.
fn task(server: &Server, kind: &str) -> Value {
    let page: Value = ask(server, "GET", "tasks", "").json();
    let all = page["items"].as_array().expect("tasks").clone();
    all.into_iter().find(|task| task["kind"] == kind).expect("each kind is there")
}

/// Waits until a task has ended.
fn ended(server: &Server, kind: &str) -> Value {
    wait_for("the end of the task", DEADLINE, || {
        let task = task(server, kind);
        matches!(task["state"].as_str(), Some("done" | "failed")).then_some(task)
    })
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn persona(server: &Server) {
    let made = server.connect().request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#);
    assert_eq!(made.expect("an answer").status, 201);
}

#[test]
fn a_backup_that_is_asked_for_is_made_into_the_folder_of_the_settings() {
    let server = Server::with_workers(2).flag("--backup-every=1h").start();
    wait_for("the first backup of the schedule", DEADLINE, || {
        (server.metric("persona_backups_total") >= 1).then_some(())
    });
    persona(&server);
    let begun = ask(&server, "POST", "backup", "");
    assert_eq!((begun.status, begun.header("location")), (202, Some("/api/v1/server/tasks")));
    assert_eq!(
        (&begun.json()["kind"], &begun.json()["state"]),
        (&json!("backup"), &json!("waiting"))
    );
    let made = ended(&server, "backup");
    assert_eq!((&made["state"], &made["personas"]), (&json!("done"), &json!(1)), "{made}");
    assert!(made["bytes"].as_u64().is_some_and(|bytes| bytes > 4_096), "{made}");
    assert!(made["asked_at"].as_str() <= made["began_at"].as_str(), "{made}");
    assert!(made["began_at"].as_str() <= made["ended_at"].as_str(), "{made}");
    let again = ask(&server, "POST", "backup", "");
    assert_eq!(refused(&again), (409, "task_busy".into()), "the oldest backups stay");
    let rest: u64 = again.header("retry-after").and_then(|text| text.parse().ok()).expect("a time");
    assert!((500..=600).contains(&rest), "{rest}");
    let folder = server.stop_and_keep_the_folder();
    let backups = std::fs::read_dir(folder.path().join("persona.db-backups")).expect("a folder");
    assert_eq!(backups.count(), 2, "the one of the schedule, and the one that was asked for");
}

#[test]
fn a_checkpoint_that_is_asked_for_empties_the_wal() {
    let server = Server::with_workers(2).start();
    persona(&server);
    assert_eq!(ask(&server, "POST", "checkpoint", "").status, 202);
    let made = ended(&server, "checkpoint");
    assert_eq!(made["state"], "done", "{made}");
    let wal = server.folder().join("persona.db-wal");
    assert_eq!(std::fs::metadata(wal).map(|wal| wal.len()).unwrap_or_default(), 0);
    assert_eq!(task(&server, "check")["state"], "never", "nothing else was done");
}

#[test]
fn a_check_that_is_asked_for_finds_what_is_damaged() {
    let server = Server::with_workers(2).start();
    persona(&server);
    assert_eq!(ask(&server, "POST", "check", "").status, 202);
    let sound = ended(&server, "check");
    assert_eq!(
        (&sound["state"], &sound["personas"], &sound["problems"]),
        (&json!("done"), &json!(1), &json!(0)),
        "{sound}"
    );
    let folder = server.stop_and_keep_the_folder();
    let connection = rusqlite::Connection::open(folder.path().join("persona.db"));
    connection
        .expect("it opens")
        .execute("UPDATE personas SET document = replace(document, 'Ada', 'Eva')", [])
        .expect("SQL");
    let server = Server::with_workers(1).in_folder(folder).start();
    assert_eq!(ask(&server, "POST", "check", "").status, 202);
    let damaged = ended(&server, "check");
    assert!(damaged["problems"].as_u64().is_some_and(|problems| problems > 0), "{damaged}");
    server.wait_for_log("the database was checked and is damaged");
}

#[test]
fn of_many_requests_at_once_one_task_is_begun() {
    let server = Server::with_workers(2).flag("--backup-every=1h").start();
    wait_for("the first backup of the schedule", DEADLINE, || {
        (server.metric("persona_backups_total") >= 1).then_some(())
    });
    let replies: Vec<(u16, String)> = thread::scope(|scope| {
        let kinds = ["backup", "checkpoint", "check"];
        let asking: Vec<_> = (0..12)
            .map(|number| {
                let server = &server;
                scope.spawn(move || {
                    let reply = ask(server, "POST", kinds[number % 3], "");
                    (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
                })
            })
            .collect();
        asking.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    // A short task can have ended before the next request; but none of a kind comes twice.
    let begun = replies.iter().filter(|(status, _)| *status == 202).count();
    assert!((1..=3).contains(&begun), "{replies:?}");
    let refused = replies.iter().filter(|(_, code)| code == "task_busy").count();
    assert_eq!(begun + refused, 12, "{replies:?}");
    assert_eq!(server.connect().get("/readyz").expect("an answer").status, 200);
}

#[test]
fn a_maintenance_process_that_was_killed_leaves_nothing_that_blocks() {
    let server = Server::with_workers(1).start();
    let before = server.grown_up("maintenance");
    assert!(signal(before.pid, Signal::KILL), "it is there");
    let begun = wait_for("a task for the next process", DEADLINE, || {
        let reply = ask(&server, "POST", "check", "");
        (reply.status == 202).then_some(reply)
    });
    assert_eq!(begun.json()["kind"], "check");
    assert_eq!(ended(&server, "check")["state"], "done");
}

#[test]
fn what_the_settings_do_not_name_is_not_offered_and_others_are_refused() {
    let server = Server::with_workers(1).start();
    let reply = ask(&server, "POST", "backup", "");
    assert_eq!(refused(&reply), (409, "task_not_offered".into()));
    assert!(reply.json()["detail"].as_str().is_some_and(|why| why.contains("backup_every")));
    assert!(task(&server, "backup")["not_offered"].as_str().is_some());
    assert_eq!(task(&server, "check")["not_offered"], Value::Null);
    let writes = bearer(&create(&server, &["--name=w", "--scope=write"]));
    let bound = bearer(&create(&server, &["--name=o", "--scope=admin", "--owner=ada"]));
    for (method, path) in [
        ("POST", "backup"),
        ("POST", "checkpoint"),
        ("POST", "check"),
        ("GET", "tasks"),
        ("GET", "findings"),
    ] {
        // What a server finds is judged from its status, which every token of the whole server
        // reads.
        let of_writer = ask(&server, method, path, &writes);
        if path == "findings" {
            assert_eq!(of_writer.status, 200);
        } else {
            assert_eq!(refused(&of_writer), (403, "scope_too_small".into()));
        }
        assert_eq!(refused(&ask(&server, method, path, &bound)), (403, "owner_refused".into()));
        assert_eq!(ask(&server, method, path, "").status, 401);
    }
}

#[test]
fn a_server_finds_of_itself_what_the_doctor_finds_of_it() {
    let server = Server::with_workers(2).start();
    let page: Value = ask(&server, "GET", "findings", "").json();
    let items = page["items"].as_array().expect("findings");
    let text = |one: &Value, member: &str| one[member].as_str().unwrap_or_default().to_owned();
    let found: BTreeMap<String, String> =
        items.iter().map(|one| (text(one, "check"), text(one, "level"))).collect();
    for check in ["engine", "workers", "damage", "backups", "WAL", "checkpoints", "lock"] {
        assert_eq!(found.get(check).map(String::as_str), Some("ok"), "{check}: {page}");
    }
    assert!(items.iter().all(|one| (one["level"] == "ok") == one["cure"].is_null()), "{page}");
    let doctor = std::process::Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(["doctor", "--json", "--server", &format!("http://{}", server.address())])
        .env_clear()
        .output()
        .expect("the built program");
    let report: Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
    let report = report.to_string();
    assert!(found.keys().all(|check| report.contains(&format!("\"{check}\""))), "{report}");
}
