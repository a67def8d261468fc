//! `persona prune`: old revisions go, and the rest is exported, imported and checked as before.

use serde_json::{Value, json};

use crate::common::runner::Folder;

const ID: &str = "0193b0c2-7f3e-7a10-8c1d-000000000001";

/// A history of 2020 with ten revisions, a day each; the last is of today.
fn history() -> String {
    let line = |revision: u64| {
        let mut persona = json!({
            "id": ID, "revision": revision, "name": format!("Ada {revision}"),
            "created_at": "2020-01-01T12:00:00Z", "updated_at": format!("2020-01-{revision:02}T12:00:00Z"),
            "created_by": "ann", "updated_by": "ann", "deleted_at": null,
            "history": { "last": 10, "base": null },
        });
        if revision == 10 {
            persona["history"]["labels"] =
                json!({ "live": { "revision": 4, "at": "2020-01-20T12:00:00Z", "by": null } });
        }
        format!("{persona}\n")
    };
    (1..=10).map(line).collect()
}

fn filled() -> Folder {
    let folder = Folder::with_personas(&[&["Bob"]]);
    std::fs::write(folder.path("history.ndjson"), history()).expect("written");
    let imported = folder.run(&["import", "history.ndjson"]);
    assert_eq!(imported.code, 0, "{imported}");
    folder
}

fn kept(folder: &Folder) -> Vec<u64> {
    let lines = folder.results(&["history", ID, "--json"]);
    let entries = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    entries.map(|entry| entry["revision"].as_u64().expect("a number")).collect()
}

#[test]
fn a_dry_run_tells_what_goes_and_it_goes_then() {
    let folder = filled();
    let all: Vec<u64> = (1..=10).rev().collect();
    let whole = folder.results(&["export", "--history"]);
    std::fs::write(folder.path("whole.ndjson"), whole).expect("written");
    let told = folder.run(&["prune", "--keep=30d", "--dry-run", "--json"]);
    assert_eq!((told.code, kept(&folder)), (0, all), "{told}");
    let told: Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!((&told["revisions"], &told["dry_run"]), (&json!(6), &json!(true)), "{told}");
    let done = folder.run(&["prune", "--keep=30d", "--keep-newest=3"]);
    assert_eq!(done.code, 0, "{done}");
    // 4 is labelled, and 8 is among the newest three.
    assert_eq!(kept(&folder), [10, 9, 8, 4, 1]);
    assert!(done.stdout.starts_with("5 old revisions are gone"), "{done}");
    let gone = folder.run(&["revert", ID, "3"]);
    assert!(gone.code != 0 && gone.stderr.contains("dropped"), "{gone}");
    let checked = folder.run(&["check"]);
    assert!(checked.code == 0 && checked.stdout.contains("5 of them dropped"), "{checked}");
    let exported = folder.results(&["export", "--history"]);
    let other = Folder::with_personas(&[&["Eve"]]);
    std::fs::write(other.path("history.ndjson"), &exported).expect("written");
    let imported = other.run(&["import", "history.ndjson"]);
    assert_eq!((imported.code, kept(&other)), (0, vec![10, 9, 8, 4, 1]), "{imported}");
    // An older export, with what went here, changes nothing.
    let again = folder.run(&["import", "whole.ndjson"]);
    assert_eq!((again.code, kept(&folder)), (0, vec![10, 9, 8, 4, 1]), "{again}");
}

#[test]
fn without_a_rule_and_without_a_database_nothing_is_done() {
    let folder = filled();
    let refused = folder.run(&["prune"]);
    assert!(refused.code == 2 && refused.stderr.contains("--keep"), "{refused}");
    for wrong in ["--keep=1d", "--keep=soon", "--keep-newest=-1"] {
        let refused = folder.run(&["prune", wrong]);
        assert_ne!(refused.code, 0, "{wrong}: {refused}");
        let (name, _) = wrong.split_once('=').expect("a flag");
        assert!(refused.stderr.contains(&format!("{name}:")), "{wrong}: {refused}");
        assert!(!refused.stderr.contains("history-keep"), "{wrong}: {refused}");
    }
    let missing = folder.run(&["prune", "--keep=30d", "--database=missing.db"]);
    assert_eq!(missing.code, 3, "{missing}");
    assert_eq!(kept(&folder).len(), 10);
}

#[test]
fn a_dry_run_migrates_nothing() {
    let folder = filled();
    let path = folder.path("persona.db");
    let file = rusqlite::Connection::open(&path).expect("it opens");
    // As the version before left it.
    let older = "ALTER TABLE personas DROP COLUMN autosaved_since;
                 DROP INDEX label_moves_by_revision;
                 PRAGMA user_version = 14";
    file.execute_batch(older).expect("SQL");
    let refused = folder.run(&["prune", "--keep=30d", "--dry-run"]);
    let version: u32 =
        file.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number");
    assert_eq!(version, 14, "{refused}");
    assert!(refused.code != 0 && refused.stderr.contains("persona serve"), "{refused}");
    drop(file);
    let done = folder.run(&["prune", "--keep=30d"]);
    assert!(done.code == 0 && done.stdout.starts_with("6 old revisions are gone"), "{done}");
}

/// The bytes of every file of the database.
fn bytes(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let content = std::fs::read(folder.path(&name)).expect("readable");
        (name, content)
    };
    let names = folder.files().into_iter().filter(|name| name.starts_with("persona.db"));
    // The index of the WAL is memory of the processes that have the file open.
    names.filter(|name| !name.ends_with("-shm")).map(read).collect()
}

#[test]
fn a_dry_run_leaves_every_byte_alone() {
    let folder = filled();
    let path = folder.path("persona.db");
    let dry = ["prune", "--keep=30d", "--dry-run"];
    let told = |folder: &Folder| {
        let before = bytes(folder);
        let told = folder.run(&dry);
        assert!(told.code == 0 && told.stdout.starts_with("6 old revisions would go"), "{told}");
        assert!(bytes(folder) == before, "{:?}", folder.files());
    };
    let at_rest = folder.files();
    told(&folder);
    assert_eq!(folder.files(), at_rest, "nothing is left beside a file at rest");
    // With a WAL that no process has copied yet, as a killed server leaves it, and beside another
    // process.
    let other = rusqlite::Connection::open(&path).expect("it opens");
    let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    other.set_db_config(keep, true).expect("a setting");
    other.pragma_update(None, "wal_autocheckpoint", 0).expect("a setting");
    other.execute("INSERT INTO meta (key, value) VALUES ('x', 'x')", []).expect("a change");
    told(&folder);
    drop(other);
    assert!(folder.files().contains(&"persona.db-wal".to_owned()), "{:?}", folder.files());
    told(&folder);
}
