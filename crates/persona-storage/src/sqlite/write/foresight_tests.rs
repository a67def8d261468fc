//! Tests that a foreseen result equals the decision behind the lock and counts only for the state
//! that was seen; and tests of the turns of heavy writes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use persona_model::{Document, EntityTag, Patch, PersonaId, Precondition, Revision, Timestamp};
use serde_json::{Value, json};

use super::{Ahead, Foresight, Looked};
use crate::conformance::TestClock;
use crate::sqlite::read::Readers;
use crate::sqlite::tables::personas;
use crate::sqlite::write::commit::{Committed, WriteConnection};
use crate::sqlite::write::queue::LIGHT_BYTES_MAX;
use crate::sqlite::write::transaction::{self, Applied, Step};
use crate::sqlite::{Settings, SqliteStore, initialise};
use crate::{Error, NoObserver, Operation, Party, Store, Write};

const HEAVY: PersonaId = PersonaId::from_bytes([1; 16]);
const LIGHT: PersonaId = PersonaId::from_bytes([2; 16]);
const OTHER: PersonaId = PersonaId::from_bytes([3; 16]);
const ABSENT: PersonaId = PersonaId::from_bytes([4; 16]);

fn write(client: u8, operation: Operation) -> Write {
    let client = Some(Party::Address([192, 0, 2, client].into()));
    Write { client, ..Write::new(operation, Instant::now() + Duration::from_mins(1)) }
}

fn merge(id: PersonaId, precondition: Precondition, base: Option<u64>, patch: Value) -> Operation {
    let patch = Patch::merge(patch).expect("a patch");
    Operation::Patch { id, precondition, patch, base: base.and_then(Revision::new) }
}

fn nickname(client: u8, id: PersonaId) -> Write {
    write(client, merge(id, Precondition::Any, None, json!({ "nickname": "A" })))
}

fn patch(client: u8, id: PersonaId) -> Arc<Write> {
    Arc::new(nickname(client, id))
}

fn document(members: Value) -> Document {
    Document::from_json(members).expect("a document")
}

struct File {
    _folder: tempfile::TempDir,
    settings: Settings,
    foresight: Arc<Foresight>,
}

/// A file with a heavy persona, a light one of two revisions, and one that has a handle.
async fn file() -> File {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let clock = Arc::new(TestClock::default());
    let store = SqliteStore::open(settings.clone(), clock, Arc::new(NoObserver)).expect("it opens");
    let create = |id, members| Operation::Create { id, document: document(members) };
    let long = "x".repeat(LIGHT_BYTES_MAX + 1);
    for operation in [
        create(HEAVY, json!({ "name": "Ada", "description": long })),
        create(LIGHT, json!({ "name": "Ada", "description": "xxxxxxxxxx" })),
        merge(LIGHT, Precondition::Any, None, json!({ "scenario": "later" })),
        create(OTHER, json!({ "name": "Bea", "handle": "taken" })),
    ] {
        store.write(write(1, operation)).await.expect("written");
    }
    store.close().await;
    let readers = Readers::new(settings.clone(), Arc::new(NoObserver)).expect("a lock file");
    let foresight = Arc::new(Foresight::new(settings.clone(), Arc::new(readers)));
    File { _folder: folder, settings, foresight }
}

/// Operations on the light persona in this state, with every possible outcome.
fn operations(tag: EntityTag) -> Vec<Operation> {
    let seen = || Precondition::OneOf(vec![tag]);
    let any = Precondition::Any;
    let json_patch = |operations| Operation::Patch {
        id: LIGHT,
        precondition: any.clone(),
        patch: Patch::json(operations).expect("a patch"),
        base: None,
    };
    let replace = |precondition| Operation::Replace {
        id: LIGHT,
        precondition,
        document: document(json!({ "name": "Cleo", "tags": ["new"] })),
    };
    vec![
        merge(LIGHT, any.clone(), None, json!({ "nickname": "A", "tags": ["b", "a"] })),
        merge(LIGHT, any.clone(), None, json!({ "description": "of one client" })),
        merge(LIGHT, seen(), None, json!({ "nickname": "A" })),
        merge(LIGHT, any.clone(), Some(1), json!({ "description": "of one client" })),
        merge(LIGHT, any.clone(), Some(1), json!({ "scenario": "of one client" })),
        merge(LIGHT, any.clone(), Some(9), json!({ "nickname": "A" })),
        merge(LIGHT, any.clone(), None, json!({ "name": null })),
        merge(LIGHT, any.clone(), None, json!({ "description": "xxxxxxxxxx" })),
        merge(LIGHT, any.clone(), None, json!({ "handle": "taken" })),
        json_patch(json!([{ "op": "test", "path": "/description", "value": "xxxxxxxxxx" },
                          { "op": "replace", "path": "/nickname", "value": "A" }])),
        replace(seen()),
        replace(Precondition::OneOf(vec![EntityTag { checksum: tag.checksum ^ 1, ..tag }])),
        Operation::Delete { id: LIGHT, precondition: seen() },
        Operation::Undelete { id: LIGHT, precondition: seen() },
        Operation::Create { id: LIGHT, document: document(json!({ "name": "Dora" })) },
        merge(ABSENT, any.clone(), None, json!({ "nickname": "A" })),
    ]
}

/// The outcome of a write in the current state as text; the transaction is rolled back.
fn outcome(connection: &mut WriteConnection, write: &Write, ahead: Option<Box<Ahead>>) -> String {
    let transaction = connection.begin().expect("nothing else writes");
    let foreseen = ahead.and_then(|ahead| ahead.foreseen);
    let now = Timestamp::from_micros(1_999_999_999_999_999);
    match transaction::apply(&transaction, write, foreseen, LIGHT_BYTES_MAX, now, 9) {
        Ok(Step::Applied(Applied { written, entry, .. })) => format!("{written:?} {entry:?}"),
        Ok(Step::IsHeavy(bytes)) => format!("{bytes} bytes"),
        Err(error) => format!("{error:?}"),
    }
}

fn foreseen(foresight: &Foresight, write: &Write) -> Option<Box<Ahead>> {
    match foresight.of_light(write) {
        Looked::Light(ahead) => ahead,
        Looked::Heavy(bytes) => panic!("{bytes} bytes are not light"),
    }
}

#[tokio::test]
async fn what_is_foreseen_is_what_the_rules_say_and_counts_for_the_state_that_was_seen_alone() {
    let File { _folder, settings, foresight } = file().await;
    let mut connection = WriteConnection::open(&settings, Arc::new(NoObserver)).expect("it opens");
    let tag = personas::tag_of(&connection, LIGHT).expect("readable").expect("it is there");
    let writes: Vec<Write> =
        operations(tag).into_iter().map(|operation| write(1, operation)).collect();
    for write in &writes {
        let ahead = foreseen(&foresight, write);
        let is_decided = ahead
            .as_ref()
            .and_then(|ahead| ahead.foreseen.as_ref())
            .is_some_and(|foreseen| foreseen.decision.is_some());
        assert_eq!(is_decided, write.operation.id() == LIGHT, "{:?}", write.operation);
        let decided_behind_the_lock = outcome(&mut connection, write, None);
        assert_eq!(
            outcome(&mut connection, write, ahead),
            decided_behind_the_lock,
            "{:?}",
            write.operation
        );
    }
    let ahead: Vec<_> = writes.iter().map(|write| foreseen(&foresight, write)).collect();
    let faster =
        write(2, merge(LIGHT, Precondition::Any, None, json!({ "description": "faster" })));
    let transaction = connection.begin().expect("nothing else writes");
    let now = Timestamp::from_micros(1_888_888_888_888_888);
    assert!(transaction::apply(&transaction, &faster, None, LIGHT_BYTES_MAX, now, 9).is_ok());
    assert!(matches!(transaction.commit(), Committed::Kept));
    for (write, outdated) in writes.iter().zip(ahead) {
        let decided_behind_the_lock = outcome(&mut connection, write, None);
        assert_eq!(
            outcome(&mut connection, write, outdated),
            decided_behind_the_lock,
            "{:?}",
            write.operation
        );
    }
}

#[tokio::test]
async fn a_large_persona_is_known_as_one_before_the_lock() {
    let File { _folder, foresight, .. } = file().await;
    let looked = foresight.of_light(&nickname(1, HEAVY));
    assert!(matches!(looked, Looked::Heavy(bytes) if bytes > LIGHT_BYTES_MAX));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_result_is_there_at_a_time_and_clients_take_turns() {
    let File { _folder, foresight, .. } = file().await;
    let first = foresight.of_heavy(patch(1, HEAVY)).await.expect("looked");
    assert!(first.is_some());
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for (expected, client) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
        let (its, order) = (Arc::clone(&foresight), Arc::clone(&order));
        waiting.push(tokio::spawn(async move {
            let ahead = its.of_heavy(patch(client, HEAVY)).await.expect("looked");
            order.lock().expect("no panic").push(client);
            drop(ahead);
        }));
        while foresight.write_lock.turns().waiting() < expected {
            assert!(
                waiting.iter().all(|one| !one.is_finished()),
                "a second one was worked out beside the first"
            );
            tokio::task::yield_now().await;
        }
    }
    drop(first);
    for one in waiting {
        one.await.expect("no panic");
    }
    assert_eq!(*order.lock().expect("no panic"), [1, 2, 1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_light_result_is_not_kept_and_a_turn_that_does_not_come_is_told() {
    let File { _folder, foresight, .. } = file().await;
    let light = foresight.of_heavy(patch(1, LIGHT)).await.expect("looked");
    assert!(light.is_none() && foresight.write_lock.turns().taken() == 0);
    let _first = foresight.of_heavy(patch(1, HEAVY)).await.expect("looked");
    let late = Arc::new(Write { deadline: Instant::now(), ..nickname(2, HEAVY) });
    assert!(matches!(foresight.of_heavy(late).await, Err(Error::Busy { .. })));
}
