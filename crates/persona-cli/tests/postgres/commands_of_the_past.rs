//! The command line over PostgreSQL: histories, labels, the feed, old revisions and tokens.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::commands::folder;
use crate::common::runner::Folder;

const ID: &str = "0193b0c2-7f3e-7a10-8c1d-000000000001";

/// A database with these personas, each made of a name and more flags of `create`.
fn with_personas(personas: &[&[&str]]) -> Folder {
    let folder = folder();
    for flags in personas {
        done(&folder, &[&["create", "--name"], *flags].concat());
    }
    folder
}

#[track_caller]
fn done(folder: &Folder, command: &[&str]) {
    let ran = folder.run(command);
    assert_eq!(ran.code, 0, "{command:?}: {ran}");
}

/// What a command prints as JSON, line by line.
fn json_of(folder: &Folder, command: &[&str]) -> Vec<Value> {
    let lines = folder.results(&[command, &["--json"]].concat());
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_history_is_listed_compared_and_reverted() {
    let folder = with_personas(&[&["Ada", "--set=description=one", "--author=Eve"]]);
    done(&folder, &["update", "Ada", "--set=description=two", "--note=why not", "--author=Ann"]);
    let history = folder.results(&["history", "Ada"]);
    for word in ["Eve", "Ann", "why not", "description"] {
        assert!(history.contains(word), "{history}");
    }
    let entries = json_of(&folder, &["history", "Ada"]);
    let told: Vec<_> = entries.iter().map(|entry| (&entry["revision"], &entry["note"])).collect();
    assert_eq!(told, [(&json!(2), &json!("why not")), (&json!(1), &Value::Null)]);
    let diff = folder.run(&["diff", "Ada"]);
    let expected = "revision 1 -> revision 2\n\n/description\n";
    assert!(diff.code == 0 && diff.stdout.starts_with(expected), "{diff}");
    let reverted = folder.run(&["revert", "Ada", "1"]);
    assert!(reverted.code == 0 && reverted.stderr.contains("revision 3, with"), "{reverted}");
    let same = folder.run(&["diff", "Ada", "--from=1"]);
    assert!(same.code == 0 && same.stderr.contains("the same content"), "{same}");
    assert_eq!(folder.run(&["revert", "Ada", "9"]).code, 3);
}

#[test]
fn labels_are_set_promoted_shown_and_removed() {
    let folder = with_personas(&[&["Ada"], &["Bob"]]);
    done(&folder, &["update", "Ada", "--set=tags=a"]);
    done(&folder, &["label", "set", "staging", "Ada", "Bob", "--author=Eve"]);
    done(&folder, &["label", "set", "production", "Ada", "--revision=1"]);
    assert!(!folder.results(&["show", "Ada", "--label=production"]).contains("tags"));
    let promoted = folder.run(&["label", "set", "production", "Ada", "Bob", "--from=staging"]);
    assert!(promoted.code == 0 && promoted.stderr.contains("no longer to 1"), "{promoted}");
    assert!(folder.results(&["show", "Ada", "--label=production"]).contains("tags"));
    let moves = folder.results(&["label", "moves", "production", "Ada"]);
    assert_eq!(moves.lines().count(), 3, "{moves}");
    assert_ne!(folder.run(&["label", "set", "production", "Ada", "Bob", "--revision=2"]).code, 0);
    done(&folder, &["label", "delete", "staging", "Ada", "Bob"]);
    assert!(!folder.results(&["label", "list", "Bob"]).contains("staging"));
    assert_eq!(folder.run(&["label", "delete", "staging", "Ada"]).code, 3);
}

#[test]
fn changes_are_watched_from_the_beginning_and_as_they_come() {
    let folder = with_personas(&[&["Ada", "--set=owner=ada", "--author=bea"], &["Eve"]]);
    done(&folder, &["label", "set", "production", "Ada"]);
    let mut child =
        folder.command(&["watch", "--after=0", "--count=4"]).spawn().expect("the built program");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    let first = line();
    assert!(first.contains(" created ") && first.ends_with(" by bea"), "{first}");
    line();
    assert!(line().ends_with(" 1 production"));
    done(&folder, &["update", "Ada", "--set=owner=bea"]);
    assert!(line().contains(" updated "));
    assert!(child.wait().expect("a child").success());
    for (filter, expected) in [
        ("--label=production", &["labelled"] as &[&str]),
        ("--kind=updated", &["updated"]),
        ("--owner=ada", &["created", "updated"]),
    ] {
        let count = format!("--count={}", expected.len());
        let events = json_of(&folder, &["watch", "--after=0", filter, &count]);
        let kinds: Vec<_> = events.iter().map(|event| event["kind"].clone()).collect();
        assert_eq!(kinds, expected, "{filter}");
    }
}

/// A history of 2020 with ten revisions, a day each; the last is of today.
fn history() -> String {
    let line = |revision: u64| {
        let persona = json!({
            "id": ID, "revision": revision, "name": format!("Ada {revision}"),
            "created_at": "2020-01-01T12:00:00Z",
            "updated_at": format!("2020-01-{revision:02}T12:00:00Z"),
            "created_by": "ann", "updated_by": "ann", "deleted_at": null,
            "history": { "last": 10, "base": null },
        });
        format!("{persona}\n")
    };
    (1..=10).map(line).collect()
}

fn kept(folder: &Folder) -> Vec<u64> {
    let entries = json_of(folder, &["history", ID]);
    entries.iter().map(|entry| entry["revision"].as_u64().expect("a number")).collect()
}

#[test]
fn old_revisions_are_told_of_and_go() {
    let folder = folder().file("history.ndjson", history());
    done(&folder, &["import", "history.ndjson"]);
    done(&folder, &["label", "set", "live", ID, "--revision=4"]);
    let told = folder.run(&["prune", "--keep=30d", "--dry-run", "--json"]);
    let told: Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!((&told["revisions"], kept(&folder).len()), (&json!(6), 10), "{told}");
    let pruned = folder.run(&["prune", "--keep=30d", "--keep-newest=3"]);
    assert!(pruned.stdout.starts_with("5 old revisions are gone"), "{pruned}");
    // 4 is labelled, and 8 is among the newest three.
    assert_eq!(kept(&folder), [10, 9, 8, 4, 1]);
    let gone = folder.run(&["revert", ID, "3"]);
    assert!(gone.code != 0 && gone.stderr.contains("dropped"), "{gone}");
    let diff = folder.run(&["diff", ID, "--to=8"]);
    assert!(diff.code == 0 && diff.stdout.starts_with("revision 4 -> revision 8"), "{diff}");
}

#[test]
fn a_token_is_made_listed_rotated_revoked_and_deleted() {
    let folder = with_personas(&[&["Ada"]]);
    let token = |arguments: &[&str]| folder.run(&[&["token"], arguments].concat());
    let made = token(&["create", "--name", "ci", "--scope", "write", "--expires", "90d"]);
    assert!(made.code == 0 && made.stdout.starts_with("psk_"), "{made}");
    assert_eq!(token(&["create", "--name", "ci", "--scope", "read"]).code, 4);
    let listed = token(&["list"]);
    assert!(listed.stdout.contains("ci") && !listed.stdout.contains("psk_"), "{listed}");
    let rotated = token(&["rotate", "ci", "--keep", "0s"]);
    assert!(rotated.stdout.starts_with("psk_") && rotated.stdout != made.stdout, "{rotated}");
    assert_eq!(token(&["revoke", "ci"]).code, 0);
    assert!(token(&["list"]).stdout.contains("revoked"));
    assert_eq!((token(&["rotate", "ci"]).code, token(&["revoke", "unknown"]).code), (4, 3));
    assert_eq!(token(&["delete", "ci"]).code, 0);
    assert!(token(&["list"]).stdout.is_empty());
}

#[test]
fn a_purged_persona_is_gone_for_ever() {
    let folder = with_personas(&[&["Ada", "--set=handle=ada"], &["Bob"]]);
    let shown = &json_of(&folder, &["show", "ada"])[0]["id"];
    let id = shown.as_str().expect("an identity");
    done(&folder, &["delete", "ada", "--purge", "--yes"]);
    for gone in [&["show", id] as &[&str], &["history", id], &["undelete", id]] {
        let refused = folder.run(gone);
        assert!(refused.code == 3 && refused.stderr.contains("purged"), "{gone:?}: {refused}");
    }
    let exported = folder.results(&["export", "--history"]);
    assert!(exported.contains("Bob") && !exported.contains("Ada"), "{exported}");
}
