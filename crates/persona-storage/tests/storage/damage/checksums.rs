//! A file that was made before texts had checksums.

use persona_storage::sqlite::initialise;

use super::content::{PERSONAS, content};
use crate::files::{self, Folder, check, maintenance, settings};

#[tokio::test]
async fn a_file_of_version_1_gets_its_checksums_and_says_what_it_said() {
    let (new, old) = (Folder::filled(PERSONAS).await, Folder::new());
    let expected = content(&new.database()).await.expect("sound");
    let connection = rusqlite::Connection::open(old.database()).expect("it opens");
    connection.pragma_update(None, "application_id", 0x5053_4e41).expect("a number");
    connection
        .execute_batch(include_str!("../../../migrations/sqlite/0001_personas.sql"))
        .expect("the schema of version 1");
    connection.execute("ATTACH ?1 AS new", [new.database().to_str()]).expect("attached");
    for (table, columns) in [
        (
            "personas",
            "row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at, created_by, updated_by, content_hash, head, document",
        ),
        ("persona_tags", "tag, persona"),
        ("changes", "sequence, persona, revision, kind, at"),
    ] {
        connection
            .execute(
                &format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}"),
                [],
            )
            .expect("copied");
    }
    let revisions = "
        INSERT INTO revisions (persona, revision, parent, base, at, author, note, changed, deleted, head, document)
        SELECT p.row_id, r.revision, r.parent, r.base, r.at, r.author, r.note, r.changed, r.deleted, r.head, r.document
        FROM new.changes AS c
        JOIN new.personas AS p ON p.id = c.persona
        JOIN new.revisions AS r ON r.sequence = c.sequence";
    connection.execute(revisions, []).expect("copied");
    connection.pragma_update(None, "user_version", 1).expect("a number");
    drop(connection);
    let before = check(&old.database()).expect("version 1 can be checked");
    assert!(before.is_sound() && before.schema_version == 1, "{before:?}");
    let backup = old.path("b.db");
    persona_storage::sqlite::back_up(&old.database(), &backup, false, &mut files::go_on)
        .expect("version 1 can be backed up");
    persona_storage::sqlite::restore(&backup, &old.path("restored.db"), false, &mut files::go_on)
        .expect("and restored");
    for path in [old.database(), old.path("restored.db")] {
        let report = initialise(&settings(&path)).expect("migrated");
        assert_eq!((report.migrated_from, report.schema_version), (Some(1), 15));
        assert_eq!(content(&path).await.expect("readable"), expected);
        assert!(check(&path).expect("readable").is_sound());
        drop(maintenance(&path));
    }
}
