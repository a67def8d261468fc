//! What a check finds: every invariant is broken once, and a sound file is called sound.

use crate::files::{Folder, check, create, go_on, maintenance, open, patch};
use persona_model::{PersonaId, Revision};
use persona_storage::conformance::{id, label_move, soon};
use persona_storage::sqlite::{DatabaseError, back_up};
use persona_storage::{LabelMoves, LabelTarget, Store};
use serde_json::json;

const PERSONAS: u8 = 12;

#[tokio::test]
async fn a_sound_file_is_sound_dead_or_alive_and_as_a_backup_and_is_not_changed() {
    let folder = Folder::filled(PERSONAS).await;
    let before = std::fs::read(folder.database()).expect("readable");
    let report = check(&folder.database()).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(
        (report.personas, report.deleted, report.revisions, report.changes, report.schema_version),
        (10, 2, 32, 32, 15)
    );
    back_up(&folder.database(), &folder.path("backup.db"), false, &mut go_on).expect("a backup");
    assert_eq!(check(&folder.path("backup.db")).expect("it can be read"), report);
    assert_eq!(std::fs::read(folder.database()).expect("readable"), before);
    assert!(
        !folder.names().iter().any(|name| name.starts_with("backup.db-")),
        "{:?}",
        folder.names()
    );
}

#[tokio::test]
async fn a_file_at_rest_has_nothing_new_beside_it_and_a_file_in_use_keeps_what_it_has() {
    let folder = Folder::filled(PERSONAS).await;
    for suffix in ["-wal", "-shm"] {
        drop(std::fs::remove_file(folder.path(&format!("persona.db{suffix}"))));
    }
    let before = folder.names();
    assert!(check(&folder.database()).expect("it can be read").is_sound());
    assert_eq!(folder.names(), before, "after a check");
    back_up(&folder.database(), &folder.path("copy"), false, &mut go_on).expect("a backup");
    std::fs::remove_file(folder.path("copy")).expect("it is there");
    assert_eq!(folder.names(), before, "after a backup");
    // The change of another connection stays in the WAL.
    let path = folder.database();
    let writer = std::thread::spawn(move || {
        let store = open(&path);
        tokio::runtime::Runtime::new().expect("a runtime").block_on(create(&store, PERSONAS + 1));
        store
    });
    let store = writer.join().expect("no panic");
    let wal = |folder: &Folder| std::fs::read(folder.path("persona.db-wal")).expect("a WAL");
    let written = wal(&folder);
    drop(persona_storage::sqlite::check(&folder.database(), &mut go_on).expect("it can be read"));
    assert!(!written.is_empty() && wal(&folder) == written);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_written_to_meanwhile_is_sound_at_every_moment() {
    let folder = Folder::filled(PERSONAS).await;
    let path = folder.database();
    // The check asks for a write at each of its looks at the file, and waits until the write is
    // committed. The first look comes when the check has opened the file, because the check reads
    // the first page with plain file calls before that.
    let (ask, asked) = std::sync::mpsc::channel::<std::sync::mpsc::Sender<()>>();
    let checking = {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut looks = 0;
            let report = persona_storage::sqlite::check(&path, &mut |progress| {
                looks += 1;
                let (written, is_written) = std::sync::mpsc::channel();
                ask.send(written).expect("the writer lives");
                assert!(is_written.recv().is_err(), "dropped when the write is committed");
                go_on(progress)
            });
            (report.expect("it can be read"), looks)
        })
    };
    let mut written = asked.recv().expect("a first look");
    let (maintenance, store) = (maintenance(&path), open(&path));
    let mut number = PERSONAS;
    loop {
        number += 1;
        create(&store, number).await;
        patch(&store, 1, &json!({ "extensions": { "number": number } })).await;
        // Afterwards the parts of the index that the check has read no longer exist.
        let merged = rusqlite::Connection::open(&path)
            .expect("it opens")
            .execute("INSERT INTO persona_titles (persona_titles) VALUES ('optimize')", []);
        merged.expect("merged");
        drop(written);
        // The check is over when it asks for no more writes.
        written = match asked.recv() {
            Ok(next) => next,
            Err(_) => break,
        };
    }
    let (report, looks) = checking.join().expect("no panic");
    assert!(report.is_sound(), "{report:?}");
    assert!(looks > 5 && report.personas > u64::from(PERSONAS), "{looks} looks, {report:?}");
    store.close().await;
    drop(store);
    maintenance.close().expect("the disk syncs");
}

/// Replaces each `@` and number in `sql` with the row of that revision of persona 3.
fn with_rows_of_revisions(sql: &str) -> String {
    (1..=4).fold(sql.to_owned(), |sql, revision| {
        let row = format!(
            "(SELECT c.sequence FROM changes AS c JOIN personas AS p ON p.id = c.persona WHERE p.row_id = 3 AND c.revision = {revision})"
        );
        sql.replace(&format!("@{revision}"), &row)
    })
}

#[tokio::test]
async fn every_broken_invariant_is_found_and_the_persona_is_named() {
    let named = Some(id(3));
    let cases = [
        ("UPDATE personas SET document = replace(document, 'name 3', 'name 4') WHERE row_id = 3", "checksum", named),
        ("UPDATE personas SET head = replace(head, '\"revision\":4', '\"revision\":5') WHERE row_id = 3", "checksum", named),
        ("UPDATE personas SET checksum = checksum + 1 WHERE row_id = 3", "checksum", named),
        ("UPDATE personas SET content_hash = zeroblob(32) WHERE row_id = 3", "content hash", named),
        ("UPDATE personas SET updated_at = updated_at + 1 WHERE row_id = 3", "metadata of the answer", named),
        ("UPDATE personas SET name = 'other' WHERE row_id = 3", "column name", named),
        ("UPDATE personas SET kind = 'agent' WHERE row_id = 3", "column kind", named),
        ("UPDATE personas SET handle = NULL WHERE row_id = 3", "column handle", named),
        ("UPDATE personas SET is_active = 0 WHERE row_id = 3", "column is_active", named),
        ("UPDATE persona_tags SET tag = 'other' WHERE persona = 3 AND tag = 'all'", "tags", named),
        ("DELETE FROM persona_texts WHERE rowid = 3", "words that it is found by", named),
        (
            "INSERT INTO persona_titles (rowid, name, tags) VALUES (3, 'more', '')",
            "words that it is found by",
            named,
        ),
        ("INSERT INTO persona_texts (rowid, text) VALUES (99, 'more')", "belong to no persona", None),
        ("UPDATE revisions SET parent = 1 WHERE sequence = @3", "parent", named),
        ("UPDATE revisions SET document = replace(document, 'name 3', 'name 4') WHERE sequence = @2", "checksum", named),
        ("UPDATE revisions SET author = 'nobody' WHERE sequence = @2", "metadata differs", named),
        ("UPDATE revisions SET changed = '[\"name\"]' WHERE sequence = @2", "says it changed", named),
        ("DELETE FROM changes WHERE sequence = (SELECT max(sequence) FROM changes)", "feed", Some(id(12))),
        (
            "UPDATE changes SET kind = 'deleted' WHERE revision = 2 AND persona = (SELECT id FROM personas WHERE row_id = 3)",
            "cannot be",
            named,
        ),
        (
            "UPDATE changes SET at = (SELECT at FROM changes AS first WHERE first.persona = changes.persona AND first.revision = 1) - 1
             WHERE revision = 2 AND persona = (SELECT id FROM personas WHERE row_id = 3)",
            "not later",
            named,
        ),
        (
            "INSERT INTO changes (persona, revision, kind, at) VALUES (zeroblob(16), 1, 'created', 9000000000000000)",
            "not there",
            Some(id(0)),
        ),
        ("DELETE FROM personas WHERE row_id = 3", "refers to a row of personas that is not there", None),
        ("DROP INDEX personas_by_handle", "tables and indexes", None),
    ];
    assert_each_is_found(&cases).await;
}

#[tokio::test]
async fn every_broken_link_of_a_history_is_found_and_the_persona_is_named() {
    let named = Some(id(3));
    let cases = [
        ("DELETE FROM revisions WHERE sequence = @2", "is not the revision 2", named),
        ("DELETE FROM revisions WHERE sequence = @1", "is not the revision 1", named),
        ("DELETE FROM revisions WHERE sequence = @4", "is not the revision 4", named),
        ("UPDATE revisions SET sequence = 1000 WHERE sequence = @4", "has no line in the feed", None),
        // Two revisions of one persona swap their places, then a revision swaps with one of another
        // persona.
        (
            "UPDATE revisions SET sequence = -1 WHERE sequence = @2;
             UPDATE revisions SET sequence = @2 WHERE sequence = @3;
             UPDATE revisions SET sequence = @3 WHERE sequence = -1",
            "is not the revision 3",
            named,
        ),
        (
            "DELETE FROM revisions WHERE sequence = @1;
             UPDATE revisions SET sequence = @1
             WHERE sequence = (SELECT c.sequence FROM changes AS c JOIN personas AS p ON p.id = c.persona WHERE p.row_id = 4 AND c.revision = 1)",
            "checksum",
            named,
        ),
        (
            "UPDATE revisions SET earlier = (SELECT earlier FROM revisions WHERE sequence = @2) WHERE sequence = @3",
            "is not the revision 2",
            named,
        ),
        // Only the revision that skips revision 3 is wrong.
        (
            "UPDATE revisions SET earlier = CAST((SELECT earlier FROM revisions WHERE sequence = @2) || substr(earlier, 9) AS BLOB) WHERE sequence = @4",
            "does not lead to the revisions before it",
            named,
        ),
        ("UPDATE revisions SET revision = 2 WHERE sequence = @1", "is not the revision 1", named),
        (
            "UPDATE personas SET history = (SELECT history FROM personas WHERE row_id = 7) WHERE row_id = 3",
            "of the feed is not about it",
            named,
        ),
        ("UPDATE personas SET history = zeroblob(8) WHERE row_id = 3", "is not about them", named),
        (
            "UPDATE changes SET persona = (SELECT id FROM personas WHERE row_id = 4) WHERE sequence = @4",
            "of the feed is not about it",
            named,
        ),
    ];
    assert_each_is_found(&cases).await;
}

#[tokio::test]
async fn every_broken_label_is_found() {
    let folder = Folder::filled(PERSONAS).await;
    label(&folder).await;
    let report = check(&folder.database()).expect("it can be read");
    assert!(report.is_sound() && report.changes == 32 + 4, "{report:?}");
    let newest = "(SELECT max(sequence) FROM changes)";
    let cases = [
        ("UPDATE label_moves SET revision = 1 WHERE version = 2", "checksum"),
        ("UPDATE label_moves SET author = 'eve' WHERE version = 1", "checksum"),
        ("UPDATE labels SET version = 1 WHERE label = 'production'", "newest move left it"),
        ("UPDATE labels SET version = 3 WHERE label = 'production'", "newest move left it"),
        ("DELETE FROM labels WHERE label = 'production'", "its newest move set it"),
        ("INSERT INTO labels SELECT persona, 'staging', 2 FROM labels", "newest move left it"),
        ("DELETE FROM label_moves WHERE label = 'production' AND version = 1", "does not follow"),
        ("DELETE FROM label_moves WHERE sequence = @", "that is not there"),
        ("DELETE FROM changes WHERE sequence = @", "what its line in the feed says"),
        ("UPDATE changes SET label = 'other' WHERE sequence = @", "its line in the feed says"),
        ("UPDATE changes SET kind = 'label' WHERE sequence = @", "its line in the feed says"),
        ("UPDATE changes SET revision = 9 WHERE sequence = @", "which is not there"),
        ("DELETE FROM personas WHERE row_id = 3", "which its persona never had"),
    ];
    for (sql, found) in cases {
        let folder = Folder::filled(PERSONAS).await;
        label(&folder).await;
        folder.change(&sql.replace('@', newest));
        let report = check(&folder.database()).expect("it can be read");
        let is_found = report.problems.iter().any(|problem| problem.what.contains(found));
        assert!(is_found, "{sql}: {:#?}", report.problems);
    }
}

/// Moves two labels of persona 3, and removes one of them.
async fn label(folder: &Folder) {
    let store = open(&folder.database());
    let to = |number| LabelTarget::Revision(Revision::new(number).expect("not zero"));
    for (label, target) in [
        ("production", to(4)),
        ("staging", LabelTarget::Latest),
        ("production", to(2)),
        ("staging", LabelTarget::Nowhere),
    ] {
        let moves = LabelMoves::one(label_move(3, label, target), soon());
        store.move_labels(moves).await.expect("moved");
    }
    store.close().await;
}

/// Each statement is run on a file of its own; the problem has these words and this persona.
async fn assert_each_is_found(cases: &[(&str, &str, Option<PersonaId>)]) {
    for (sql, found, persona) in cases {
        let folder = Folder::filled(PERSONAS).await;
        folder.change(&with_rows_of_revisions(sql));
        let report = check(&folder.database()).expect("it can be read");
        let expected = report
            .problems
            .iter()
            .any(|problem| problem.persona == *persona && problem.what.contains(found));
        assert!(expected, "{sql}: {:#?}", report.problems);
    }
}

#[tokio::test]
async fn problems_are_counted_beyond_those_that_are_described() {
    let folder = Folder::filled(200).await;
    folder.change("UPDATE personas SET checksum = checksum + 1");
    let report = check(&folder.database()).expect("it can be read");
    assert_eq!((report.problems.len(), report.problems_total), (100, 200));
}

#[tokio::test]
async fn a_check_can_be_interrupted() {
    let folder = Folder::filled(PERSONAS).await;
    let ended = persona_storage::sqlite::check(&folder.database(), &mut |_| {
        std::ops::ControlFlow::Break(())
    });
    assert!(matches!(ended, Err(DatabaseError::Interrupted { .. })), "{ended:?}");
}
