//! Damage that reads, writes and the maintenance process meet: an error for the damaged persona,
//! reported once, and never a wrong answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, id, idempotent, write};
use persona_storage::sqlite::{Maintenance, SqliteStore};
use persona_storage::{Error, Exported, Observer, Operation, Store, Write};
use persona_test_support::wait_for;
use serde_json::json;

use super::content::newest_first;
use crate::files::{Folder, open, settings};

/// Longest wait for something that happens by itself.
const LONG: Duration = Duration::from_mins(1);

/// A change of one text of a persona.
fn change_of(number: u8) -> Write {
    let patch = Patch::merge(json!({ "description": "new" })).expect("a patch");
    write(Operation::Patch { id: id(number), precondition: Precondition::Any, patch, base: None })
}

/// Counts what the maintenance process reports.
#[derive(Default)]
struct Found(AtomicU64);

impl Observer for Found {
    fn damage_found(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_damaged_persona_is_an_error_for_readers_and_writers_and_the_others_are_served() {
    let folder = Folder::filled(4).await;
    folder.change(
        "UPDATE personas SET document = replace(document, 'name 3', 'name 8') WHERE row_id = 3",
    );
    let store = open(&folder.database());
    assert!(matches!(store.get(id(3)).await, Err(Error::Damaged(_))));
    assert!(matches!(store.list(newest_first()).await, Err(Error::Damaged(_))));
    let changed = store.write(change_of(3)).await;
    assert!(
        matches!(changed, Err(Error::Damaged(_))),
        "a change would make the damage look right: {changed:?}"
    );
    assert!(store.get(id(2)).await.expect("readable").is_some());
}

#[tokio::test]
async fn damage_that_reads_and_writes_meet_is_told_once() {
    let folder = Folder::filled(4).await;
    folder.change(
        "UPDATE personas SET document = replace(document, 'name 3', 'name 8') WHERE row_id = 3",
    );
    let found = Arc::new(Found::default());
    let told = || found.0.load(Ordering::SeqCst);
    let store = SqliteStore::open(
        settings(&folder.database()),
        Arc::new(TestClock::default()),
        found.clone(),
    )
    .expect("it opens");
    store.get(id(2)).await.expect("readable");
    assert_eq!(told(), 0);
    store.list(newest_first()).await.expect_err("damaged");
    assert_eq!(told(), 1, "a list");
    store.get(id(3)).await.expect_err("damaged");
    assert_eq!(told(), 1, "the same persona again");
    drop(store);
    let store = SqliteStore::open(
        settings(&folder.database()),
        Arc::new(TestClock::default()),
        found.clone(),
    )
    .expect("it opens");
    let mut export = store.export(Exported::Living).await.expect("it begins");
    while let Some(Ok(_)) = export.recv().await {}
    assert_eq!(told(), 2, "an export of another process");
    drop(store);
    let store = SqliteStore::open(
        settings(&folder.database()),
        Arc::new(TestClock::default()),
        found.clone(),
    )
    .expect("it opens");
    store.write(change_of(3)).await.expect_err("damaged");
    store.write(change_of(3)).await.expect_err("damaged");
    assert_eq!(told(), 3, "writes of another process");
}

#[tokio::test]
async fn a_repeated_request_is_not_answered_with_a_damaged_text() {
    let folder = Folder::filled(1).await;
    let store = open(&folder.database());
    let create = || {
        let document = persona_storage::conformance::document(json!({ "name": "Eve" }));
        store.write(idempotent(write(Operation::Create { id: id(9), document }), "key", 1))
    };
    let first = create().await.expect("created");
    let again = create().await.expect("replayed");
    assert_eq!((again.representation, again.replayed), (first.representation, true));
    folder.change("UPDATE revisions SET document = replace(document, 'Eve', 'Eva') WHERE document LIKE '%Eve%'");
    assert!(matches!(create().await, Err(Error::Damaged(_))));
}

#[tokio::test]
async fn the_maintenance_process_comes_across_unread_damage_and_reports_it_once() {
    let folder = Folder::filled(8).await;
    folder.change("UPDATE personas SET name = 'what it is not' WHERE row_id IN (3, 6)");
    let found = Arc::new(Found::default());
    let mut maintenance = Maintenance::open(
        &settings(&folder.database()),
        Arc::new(TestClock::default()),
        found.clone(),
    )
    .expect("it opens");
    let mut come_by = |wanted: u64| {
        wait_for("damage to be found", LONG, || {
            maintenance.tick().expect("maintenance");
            (found.0.load(Ordering::SeqCst) >= wanted).then_some(())
        });
    };
    come_by(2);
    // A look reads all of these personas, so the look that finds the third damage reads the first
    // two again.
    folder.change("UPDATE personas SET name = 'what it is not' WHERE row_id = 4");
    come_by(3);
    assert_eq!(found.0.load(Ordering::SeqCst), 3, "once for each, however often it comes by");
}
