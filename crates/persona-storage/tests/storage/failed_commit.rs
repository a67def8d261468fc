//! A transaction that cannot be committed: no client is told of a state that existed only inside
//! it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Patch, Precondition};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{Settings, SqliteStore, WriteLock, initialise};
use persona_storage::{Error, NoObserver, Operation, Store, Write};
use serde_json::json;

fn rename(precondition: Precondition, name: &str) -> Write {
    let patch = Patch::merge(json!({ "name": name })).expect("a merge patch");
    let mut write = write(Operation::Patch { id: id(1), precondition, patch, base: None });
    write.deadline = Instant::now() + Duration::from_secs(30);
    write
}

#[tokio::test]
async fn a_refusal_never_names_a_revision_that_was_not_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let store =
        SqliteStore::open(settings.clone(), Arc::new(TestClock::default()), Arc::new(NoObserver))
            .expect("it opens");
    let creation =
        write(Operation::Create { id: id(1), document: document(json!({ "name": "Ada" })) });
    let first = store.write(creation).await.expect("created").representation.tag();

    // While the write lock is held the two writes queue up, so that they share a transaction. Its
    // end fails, because the table that it has to write to was dropped.
    let write_lock = WriteLock::open(&settings.path).expect("a write lock");
    let guard = write_lock.lock().expect("locks work");
    let foreign = rusqlite::Connection::open(&settings.path).expect("it opens");
    foreign.execute_batch("DROP TABLE persona_titles").expect("SQL");
    let [applied, refused] =
        [rename(Precondition::Any, "Eve"), rename(Precondition::at(first), "Eva")]
            .map(|write| store.write(write));
    // The writes are polled in this order, and each is in the queue after its first poll.
    let (applied, refused, ()) = tokio::join!(applied, refused, async { drop(guard) });
    assert!(matches!(applied, Err(Error::Backend(_))), "{applied:?}");
    assert!(matches!(refused, Err(Error::Backend(_))), "a revision that never was: {refused:?}");
    assert_eq!(store.get(id(1)).await.expect("readable").expect("a persona").tag(), first);
}
