//! Database files to be checked, copied and damaged, and the ways to look at them.

#![allow(dead_code, reason = "every test program uses another part")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{
    CheckReport, DatabaseError, Maintenance, Progress, Settings, SqliteStore, initialise,
};
use persona_storage::{NoObserver, Operation, Store};
use serde_json::{Value, json};

/// SQL that makes a file look as version 4 of the schema left it.
pub const TO_VERSION_4: &str = concat!(
    "PRAGMA foreign_keys = OFF;",
    include_str!("to_version_8.sql"),
    "DROP TABLE meta; DROP TABLE text_parts; DROP TABLE persona_texts; DROP TABLE persona_titles;",
    include_str!("../../migrations/sqlite/0002_search.sql"),
    include_str!("../../migrations/sqlite/0004_titles.sql"),
    "PRAGMA user_version = 4;"
);

/// A folder with a database in it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// With a database of this many personas, closed and complete.
    pub async fn filled(personas: u8) -> Self {
        let folder = Self::new();
        fill(&folder.database(), personas).await;
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("persona.db")
    }

    /// The names of all files, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("readable");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Changes the database with SQL, past the program and its write lock.
    pub fn change(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.database()).expect("it opens");
        connection.pragma_update(None, "foreign_keys", false).expect("a switch");
        let before = connection.total_changes();
        connection.execute_batch(sql).expect("SQL");
        let changed = connection.total_changes() - before;
        assert!(changed > 0 || sql.starts_with("DROP"), "{sql} changed nothing");
    }
}

pub fn settings(path: &Path) -> Settings {
    let mut settings = Settings::new(path);
    settings.busy_timeout = std::time::Duration::from_millis(500);
    settings
}

pub fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(settings(path), Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens")
}

pub fn maintenance(path: &Path) -> Maintenance {
    Maintenance::open(&settings(path), Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens")
}

/// Makes a database, or adds to one: personas of various sizes with some history, every fifth
/// deleted.
pub async fn fill(path: &Path, personas: u8) {
    initialise(&settings(path)).expect("a file of ours");
    let (maintenance, store) = (maintenance(path), open(path));
    for number in 1..=personas {
        create(&store, number).await;
        for round in 0..number % 4 {
            patch(&store, number, &json!({ "extensions": { "round": round } })).await;
        }
        if number % 5 == 0 {
            store
                .write(write(Operation::Delete { id: id(number), precondition: Precondition::Any }))
                .await
                .expect("deleted");
        }
    }
    store.close().await;
    drop(store);
    maintenance.close().expect("the disk syncs");
}

pub async fn create(store: &SqliteStore, number: u8) {
    let description = format!("{number} ").repeat(usize::from(number) * 60);
    let members = json!({
        "name": format!("name {number}"), "handle": format!("handle-{number}"), "description": description, "tags": ["all", format!("t{number}")],
    });
    store
        .write(write(Operation::Create { id: id(number), document: document(members) }))
        .await
        .expect("created");
}

pub async fn patch(store: &SqliteStore, number: u8, members: &Value) {
    let patch = Patch::merge(members.clone()).expect("a merge patch");
    store
        .write(write(Operation::Patch {
            id: id(number),
            precondition: Precondition::Any,
            patch,
            base: None,
        }))
        .await
        .expect("patched");
}

/// An observer of progress that never stops the work.
pub fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub fn check(path: &Path) -> Result<CheckReport, DatabaseError> {
    persona_storage::sqlite::check(path, &mut go_on)
}

/// The bodies of the first `personas` personas; `None` for those that do not exist.
pub async fn bodies(path: &Path, personas: u8) -> Vec<Option<Vec<u8>>> {
    let store = open(path);
    let mut bodies = Vec::new();
    for number in 1..=personas {
        bodies.push(
            store.get(id(number)).await.expect("readable").map(|answer| answer.body.to_vec()),
        );
    }
    bodies
}
