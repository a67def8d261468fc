//! What a purge leaves of a persona in a file: a tombstone and the lines of the feed.

use std::fs;

use persona_model::{LabelName, Patch, Precondition};
use persona_storage::conformance::{document, id, label_move, soon, write};
use persona_storage::sqlite::SqliteStore;
use persona_storage::{Idempotency, LabelMoves, LabelTarget, Operation, Purge, Store};
use serde_json::json;

use crate::files::{Folder, check, open};

/// A word that is in no other place.
const SECRET: &str = "xyzzyplugh";
/// More revisions than one transaction removes.
const REVISIONS: u32 = 300;
/// The most copies of the word that a purge may leave.
const LEFT_MAX: usize = 12;

/// A persona with a long history in which each revision has the word, with a label and a handle
/// that it gave up, beside another persona.
async fn fill(store: &SqliteStore) {
    let members = json!({ "name": "Ada", "handle": SECRET, "extensions": { "said": SECRET } });
    for (number, members) in [(1, members), (2, json!({ "name": "Bea" }))] {
        let create = Operation::Create { id: id(number), document: document(members) };
        store.write(write(create)).await.expect("created");
    }
    for number in 2..=REVISIONS {
        let said = json!({ "said": format!("{SECRET} {number}") });
        let members = json!({ "handle": null, "extensions": said });
        let patch = Patch::merge(members).expect("a patch");
        let precondition = Precondition::Any;
        let operation = Operation::Patch { id: id(1), precondition, patch, base: None };
        store.write(write(operation)).await.expect("patched");
    }
    // The record of the moves names the other persona.
    let moves = [(2, "other"), (1, SECRET)];
    let moves = moves.map(|(number, name)| label_move(number, name, LabelTarget::Latest));
    let mut moves = LabelMoves::new(moves.to_vec(), soon()).expect("moves");
    moves.author = Some("Ann".into());
    moves.idempotency = Some(Idempotency { key: "k".into(), fingerprint: [1; 32] });
    store.move_labels(moves).await.expect("moved");
    assert!(LabelName::parse(SECRET).is_ok());
}

async fn purge(store: &SqliteStore) {
    let purge = Purge::new(id(1), Precondition::Any, soon());
    store.purge(purge).await.expect("purged");
}

/// How often the file has the word, with all that was committed in it.
fn occurrences(folder: &Folder) -> usize {
    let file = rusqlite::Connection::open(folder.database()).expect("it opens");
    let is_busy = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    assert_eq!(is_busy, Ok(false));
    drop(file);
    let bytes = fs::read(folder.database()).expect("a file");
    bytes
        .windows(SECRET.len())
        .filter(|window| window.eq_ignore_ascii_case(SECRET.as_bytes()))
        .count()
}

#[tokio::test]
async fn a_purged_persona_leaves_a_sound_file_and_its_history_is_overwritten() {
    let folder = Folder::filled(0).await;
    let store = open(&folder.database());
    fill(&store).await;
    store.close().await;
    drop(store);
    assert!(occurrences(&folder) > REVISIONS as usize, "each revision has it");
    let store = open(&folder.database());
    purge(&store).await;
    store.close().await;
    drop(store);
    let report = check(&folder.database()).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.personas, report.revisions), (1, 1));
    assert_eq!(report.changes, u64::from(REVISIONS) + 4);
    let file = rusqlite::Connection::open(folder.database()).expect("it opens");
    let kept: String =
        file.query_row("SELECT moves FROM idempotency", [], |row| row.get(0)).expect("a record");
    assert_eq!(kept, "[]", "of its label, its author and its revisions nothing");
    drop(file);
    // What is left: the label in its line of the feed, the handle in the full-text index, and
    // copies that earlier changes left in free parts of pages.
    assert!(occurrences(&folder) <= LEFT_MAX, "{}", occurrences(&folder));
}

#[tokio::test]
async fn every_broken_tombstone_is_found() {
    let cases = [
        ("DELETE FROM purged", "there is no tombstone"),
        ("UPDATE purged SET revision = 7", "what its line in the feed says"),
        ("UPDATE purged SET at = at + 1", "what its line in the feed says"),
        (
            "UPDATE changes SET kind = 'updated' WHERE kind = 'purged'",
            "what its line in the feed says",
        ),
        ("DELETE FROM changes WHERE kind = 'purged'", "what its line in the feed says"),
        (
            "UPDATE personas SET id = (SELECT persona FROM purged)",
            "something of its persona is there",
        ),
        (
            "INSERT INTO former_handles SELECT 'ada', '', persona FROM purged",
            "something of its persona is there",
        ),
        (
            "INSERT INTO labels SELECT persona, 'a', 1 FROM purged",
            "something of its persona is there",
        ),
        (
            "INSERT INTO revisions SELECT 1, revision, x'', parent, base, at, author, note, changed, deleted, checksum, head, document FROM revisions LIMIT 1",
            "is of a persona that was purged",
        ),
        (
            "INSERT INTO changes (persona, revision, kind, at) SELECT persona, revision + 1, 'updated', at + 9 FROM purged",
            "is about a persona that was purged before",
        ),
    ];
    for (sql, found) in cases {
        let folder = Folder::filled(0).await;
        let store = open(&folder.database());
        fill(&store).await;
        purge(&store).await;
        store.close().await;
        drop(store);
        folder.change(sql);
        let report = check(&folder.database()).expect("it can be read");
        let is_found = report.problems.iter().any(|problem| problem.what.contains(found));
        assert!(is_found, "{sql}: {:#?}", report.problems);
    }
}
