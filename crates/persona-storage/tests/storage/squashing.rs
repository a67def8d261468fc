//! Revisions that were dropped, in a file: known to the check, and carried by a backup.

use persona_model::{Patch, Precondition, Revision};
use persona_storage::conformance::{id, write};
use persona_storage::sqlite::{SqliteStore, back_up, initialise};
use persona_storage::{Error, Operation, Squash, Store};
use serde_json::json;

use crate::files::{Folder, check, go_on, open, settings};

const PERSONAS: u8 = 12;

/// An autosave of persona 3 by Ada.
async fn autosave(store: &SqliteStore, name: &str) {
    let patch = Patch::merge(json!({ "name": name })).expect("a merge patch");
    let (id, precondition) = (id(3), Precondition::Any);
    let mut write = write(Operation::Patch { id, precondition, patch, base: None });
    write.author = Some("Ada".into());
    write.squash = Squash::of_seconds(900);
    store.write(write).await.expect("saved");
}

/// A file in which revisions 5 and 6 of persona 3 were dropped: it is at 7.
async fn squashed() -> Folder {
    let folder = Folder::filled(PERSONAS).await;
    let store = open(&folder.database());
    for name in ["A", "B", "C"] {
        autosave(&store, name).await;
    }
    store.close().await;
    folder
}

#[tokio::test]
async fn a_revision_that_is_gone_is_told_from_one_that_was_dropped() {
    let folder = squashed().await;
    let report = check(&folder.database()).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.revisions, report.dropped_revisions), (32 + 3, 2));
    back_up(&folder.database(), &folder.path("backup.db"), false, &mut go_on).expect("a backup");
    assert_eq!(check(&folder.path("backup.db")).expect("it can be read"), report);
    initialise(&settings(&folder.path("backup.db"))).expect("a file of ours");
    let store = open(&folder.path("backup.db"));
    let found = store.revision(id(3), Revision::new(6).expect("not zero")).await;
    assert!(matches!(found, Err(Error::RevisionDropped { .. })), "{found:?}");
    store.close().await;
    let row = |number: u8| {
        format!(
            "(SELECT c.sequence FROM changes AS c JOIN personas AS p ON p.id = c.persona WHERE p.row_id = 3 AND c.revision = {number})"
        )
    };
    let cases = [
        ("DELETE FROM revisions WHERE sequence = @5", "is not the revision 5"),
        ("DELETE FROM revisions WHERE sequence = @6", "is not the revision 6"),
        // A kept one that lost its texts, and one that is said to have been dropped.
        ("UPDATE revisions SET head = '', document = '' WHERE sequence = @3", "checksum"),
        ("UPDATE revisions SET document = '' WHERE sequence = @3", "checksum"),
        ("UPDATE revisions SET document = '{}' WHERE sequence = @5", "its document is there"),
        (
            "UPDATE revisions SET parent = 6 WHERE sequence = @7",
            "last revision before it that is kept",
        ),
        (
            "UPDATE revisions SET parent = 3 WHERE sequence = @7",
            "last revision before it that is kept",
        ),
        (
            "UPDATE revisions SET parent = 3 WHERE sequence = @6",
            "last revision before it that is kept",
        ),
        ("UPDATE revisions SET base = 5 WHERE sequence = @6", "is not the revision 6"),
        ("UPDATE changes SET revision = 9 WHERE sequence = @5", "of the feed is not about it"),
        (
            "INSERT INTO label_moves SELECT 900, id, 'live', 1, 5, 1, NULL, 0 FROM personas WHERE row_id = 3",
            "a label points or pointed to it",
        ),
    ];
    for (sql, found) in cases {
        let folder = squashed().await;
        let sql = (1..=7)
            .fold(sql.to_owned(), |sql, number| sql.replace(&format!("@{number}"), &row(number)));
        folder.change(&sql);
        let report = check(&folder.database()).expect("it can be read");
        let is_found = report.problems.iter().any(|problem| problem.what.contains(found));
        assert!(is_found, "{sql}: {:#?}", report.problems);
    }
}
