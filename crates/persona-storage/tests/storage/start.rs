//! How init treats new, old, foreign and broken files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{
    DatabaseError, InitReport, Maintenance, Settings, SqliteStore, initialise,
};
use persona_storage::{NoObserver, Operation, Store};
use rusqlite::Connection;
use serde_json::json;

const PERSONAS: u8 = 20;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("persona.db")
    }

    /// Every file of the folder with its bytes.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.0.path()).expect("readable");
        let mut files: Vec<_> = entries
            .map(|entry| {
                let path = entry.expect("readable").path();
                (
                    path.file_name().expect("a name").to_string_lossy().into_owned(),
                    fs::read(&path).expect("readable"),
                )
            })
            .collect();
        files.sort();
        files
    }
}

fn settings(path: &Path) -> Settings {
    let mut settings = Settings::new(path);
    settings.busy_timeout = std::time::Duration::from_millis(500);
    settings
}

/// A database file of this program with some personas in it, closed after a whole checkpoint.
async fn filled(path: &Path) {
    let clock = Arc::new(TestClock::default());
    initialise(&settings(path)).expect("a new file");
    let maintenance =
        Maintenance::open(&settings(path), clock.clone(), Arc::new(NoObserver)).expect("it opens");
    let store = SqliteStore::open(settings(path), clock, Arc::new(NoObserver)).expect("it opens");
    for number in 1..=PERSONAS {
        let document = document(
            json!({ "name": format!("name {number}"), "description": "d".repeat(10_000) }),
        );
        store.write(write(Operation::Create { id: id(number), document })).await.expect("created");
    }
    store.close().await;
    drop(store);
    maintenance.close().expect("the disk syncs");
}

/// Opens the file as a worker does and counts its personas.
async fn count(path: &Path) -> usize {
    let store =
        SqliteStore::open(settings(path), Arc::new(TestClock::default()), Arc::new(NoObserver))
            .expect("it opens");
    let mut found = 0;
    for number in 1..=PERSONAS {
        let answer = store.get(id(number)).await.expect("readable");
        found += usize::from(answer.is_some_and(|answer| answer.body.len() > 10_000));
    }
    found
}

fn mode(path: &Path) -> String {
    let connection = Connection::open(path).expect("it opens");
    connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).expect("a mode")
}

#[tokio::test]
async fn a_new_file_is_in_wal_mode_private_and_of_the_newest_schema() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let report = initialise(&settings(&folder.database())).expect("a new file");
    assert!(
        report.created
            && report.converted_from.is_none()
            && report.migrated_from.is_none()
            && report.backup.is_none(),
        "{report:?}"
    );
    assert_eq!(
        (report.journal_mode.as_str(), report.schema_version, report.personas),
        ("wal", 15, Some(0))
    );
    assert_eq!(mode(&folder.database()), "wal");
    assert_eq!(
        fs::metadata(folder.database()).expect("it exists").permissions().mode() & 0o777,
        0o600
    );
    let again = initialise(&settings(&folder.database())).expect("the same file");
    assert_eq!(again, InitReport { created: false, ..report });
}

#[tokio::test]
async fn a_file_in_any_rollback_mode_is_converted_after_a_backup() {
    for (old, found) in [
        ("DELETE", "delete"),
        ("TRUNCATE", "delete"),
        ("PERSIST", "delete"),
        ("MEMORY", "delete"),
        ("OFF", "delete"),
    ] {
        let folder = Folder::new();
        let path = folder.database();
        filled(&path).await;
        let connection = Connection::open(&path).expect("it opens");
        let mode_now: String = connection
            .pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))
            .expect("no other connection is open");
        assert_eq!(mode_now, "delete");
        connection.pragma_update(None, "journal_mode", old).expect("a mode");
        connection
            .execute("UPDATE personas SET updated_by = 'old program'", [])
            .expect("written in the old mode");
        drop(connection);

        let report = initialise(&settings(&path)).expect("converted");
        assert_eq!(
            (report.converted_from.as_deref(), report.journal_mode.as_str()),
            (Some(found), "wal"),
            "{old}"
        );
        assert_eq!(
            (mode(&path).as_str(), count(&path).await),
            ("wal", usize::from(PERSONAS)),
            "{old}"
        );
        let backup = report.backup.expect("a backup");
        let copy = Connection::open(&backup).expect("it opens");
        let kept: u8 = copy
            .query_row(
                "SELECT count(*) FROM personas WHERE updated_by = 'old program'",
                [],
                |row| row.get(0),
            )
            .expect("readable");
        assert_eq!(kept, PERSONAS, "{old}");
    }
}

#[tokio::test]
async fn a_hot_journal_is_rolled_back_and_the_file_converted() {
    let (folder, crashed) = (Folder::new(), Folder::new());
    filled(&folder.database()).await;
    let connection = Connection::open(folder.database()).expect("it opens");
    connection.pragma_update(None, "journal_mode", "DELETE").expect("no other connection is open");
    // With a cache of a few pages SQLite writes into the file before the commit. The copy is the
    // state after a crash.
    connection.pragma_update(None, "cache_size", 5).expect("a size");
    connection
        .execute_batch(
            "BEGIN; UPDATE personas SET document = 'lost'; UPDATE personas SET head = 'lost'",
        )
        .expect("written");
    let journal = |database: &Path| PathBuf::from(format!("{}-journal", database.display()));
    fs::copy(folder.database(), crashed.database()).expect("copied");
    fs::copy(journal(&folder.database()), journal(&crashed.database()))
        .expect("the journal is hot");
    connection.execute_batch("ROLLBACK").expect("rolled back");

    let report = initialise(&settings(&crashed.database())).expect("converted");
    assert_eq!(report.converted_from.as_deref(), Some("delete"));
    assert_eq!(count(&crashed.database()).await, usize::from(PERSONAS));
    assert!(!journal(&crashed.database()).exists());
}

#[tokio::test]
async fn a_file_in_wal_mode_without_any_checkpoint_loses_nothing() {
    let (folder, crashed) = (Folder::new(), Folder::new());
    initialise(&settings(&folder.database())).expect("a new file");
    let clock = Arc::new(TestClock::default());
    let store = SqliteStore::open(settings(&folder.database()), clock, Arc::new(NoObserver))
        .expect("it opens");
    for number in 1..=PERSONAS {
        let document = document(json!({ "name": "Ada", "description": "d".repeat(10_000) }));
        store.write(write(Operation::Create { id: id(number), document })).await.expect("created");
    }
    for name in ["persona.db", "persona.db-wal"] {
        fs::copy(folder.0.path().join(name), crashed.0.path().join(name)).expect("copied");
    }
    let report = initialise(&settings(&crashed.database())).expect("recovered");
    assert_eq!((report.converted_from, report.personas), (None, Some(u64::from(PERSONAS))));
    assert_eq!(count(&crashed.database()).await, usize::from(PERSONAS));
}

/// Checks that the start is refused with this error, and that every file stays as it was, byte for
/// byte.
fn assert_refused(folder: &Folder, wanted: impl Fn(&DatabaseError) -> bool) {
    let before = folder.files();
    let refused = initialise(&settings(&folder.database())).expect_err("refused");
    assert!(wanted(&refused), "{refused:?}");
    let after = folder.files();
    let kept: Vec<_> = after
        .into_iter()
        .filter(|(name, _)| before.iter().any(|(known, _)| known == name))
        .collect();
    assert!(kept == before, "{refused}: a file was changed");
}

#[test]
fn a_file_that_is_no_database_is_refused_untouched() {
    for bytes in [
        b"hello".to_vec(),
        vec![0; 5_000],
        b"SQLite format 3".to_vec(),
        [b"SQLite format 2\0".to_vec(), vec![0; 500]].concat(),
    ] {
        let folder = Folder::new();
        fs::write(folder.database(), bytes).expect("written");
        assert_refused(&folder, |error| matches!(error, DatabaseError::NotADatabase { .. }));
    }
    let folder = Folder::new();
    fs::create_dir(folder.database()).expect("a folder");
    let refused = initialise(&settings(&folder.database())).expect_err("refused");
    assert!(matches!(refused, DatabaseError::Folder { .. }), "{refused:?}");
}

#[test]
fn a_database_of_another_application_is_refused_untouched() {
    for (application_id, mode) in
        [(0, "DELETE"), (0, "WAL"), (0x4750_4b47, "DELETE"), (0x4750_4b47, "WAL")]
    {
        let folder = Folder::new();
        let connection = Connection::open(folder.database()).expect("it opens");
        connection.pragma_update(None, "journal_mode", mode).expect("a mode");
        connection.pragma_update(None, "application_id", application_id).expect("a number");
        connection
            .execute_batch("CREATE TABLE personas (id UUID PRIMARY KEY, name VARCHAR(100))")
            .expect("a table");
        drop(connection);
        assert_refused(&folder, |error| matches!(error, DatabaseError::ForeignApplication { .. }));
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_untouched_also_when_only_its_wal_says_so() {
    let folder = Folder::new();
    filled(&folder.database()).await;
    let connection = Connection::open(folder.database()).expect("it opens");
    connection.pragma_update(None, "user_version", 99).expect("a number");
    drop(connection);
    assert_refused(&folder, |error| {
        matches!(error, DatabaseError::NewerSchema { found: 99, known: 15, .. })
    });

    let (running, copied) = (Folder::new(), Folder::new());
    filled(&running.database()).await;
    let connection = Connection::open(running.database()).expect("it opens");
    connection.pragma_update(None, "user_version", 99).expect("a number");
    for name in ["persona.db", "persona.db-wal"] {
        fs::copy(running.0.path().join(name), copied.0.path().join(name)).expect("copied");
    }
    assert_refused(&copied, |error| {
        matches!(error, DatabaseError::NewerSchema { found: 99, known: 15, .. })
    });
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let folder = Folder::new();
    let path = folder.0.path().join("missing").join("persona.db");
    let refused = initialise(&settings(&path)).expect_err("refused");
    assert!(matches!(refused, DatabaseError::Unreadable { .. }), "{refused:?}");
    assert!(refused.hint().expect("a hint").contains("folder"), "{refused}");
    assert!(!folder.0.path().join("missing").exists());
}

#[tokio::test]
async fn a_reader_of_another_program_delays_the_conversion_and_is_then_named() {
    let folder = Folder::new();
    filled(&folder.database()).await;
    let reader = Connection::open(folder.database()).expect("it opens");
    reader.pragma_update(None, "journal_mode", "DELETE").expect("no other connection is open");
    reader.execute_batch("BEGIN; SELECT count(*) FROM personas").expect("a snapshot");
    let refused = initialise(&settings(&folder.database())).expect_err("refused");
    assert!(refused.is_temporary(), "{refused:?}");
    reader.execute_batch("COMMIT").expect("done");
    initialise(&settings(&folder.database())).expect("converted");
    assert_eq!(count(&folder.database()).await, usize::from(PERSONAS));
}

#[test]
fn a_store_refuses_a_file_that_was_not_made_ready() {
    let folder = Folder::new();
    let clock = Arc::new(TestClock::default());
    let open = || {
        SqliteStore::open(settings(&folder.database()), clock.clone(), Arc::new(NoObserver))
            .map(drop)
    };
    assert!(matches!(open(), Err(DatabaseError::Unreadable { .. })), "no file");
    assert!(folder.files().is_empty(), "opening creates nothing");
    fs::write(folder.database(), []).expect("written");
    assert!(matches!(open(), Err(DatabaseError::ForeignApplication { .. })), "an empty file");
    initialise(&settings(&folder.database())).expect("a new file");
    let connection = Connection::open(folder.database()).expect("it opens");
    connection.pragma_update(None, "user_version", 0).expect("a number");
    drop(connection);
    assert!(
        matches!(open(), Err(DatabaseError::OlderSchema { found: 0, known: 15, .. })),
        "an old file"
    );
}
