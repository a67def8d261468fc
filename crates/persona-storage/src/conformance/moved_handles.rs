//! Cases: histories in which handles moved from one persona to another are imported into another
//! store.

use std::collections::HashMap;
use std::sync::Arc;

use persona_model::{Document, PastRevision, PersonaId, Precondition, Revision, Timestamp};
use serde_json::{Value, json};

use super::TestClock;
use super::steps::{
    Subject, create, create_write, delete, id, json_of, merge, named, replace, undelete, write,
};
use crate::memory::MemoryStore;
use crate::{Error, Exported, Operation, Outcome};

/// Number of random histories of a case; each has its own personas and handles.
const HISTORIES: u8 = 6;
/// Personas of a random history.
const PERSONAS: u8 = 4;
/// Changes that are tried in a random history; more than half of them are refused.
const STEPS: usize = 150;

/// Deterministic numbers (SplitMix64).
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u8) -> u8 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u8::try_from((mixed ^ (mixed >> 31)) % u64::from(bound)).expect("less than a bound")
    }
}

/// An hour: longer than the time in a history of these cases, so that no change lies in the future.
pub(super) const HOUR_MICROS: i64 = 3_600_000_000;

/// An empty store of the oracle, an hour later than the first change of any case.
pub(super) fn oracle() -> (Subject, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    let store = Arc::new(MemoryStore::new(clock.clone()));
    clock.advance_micros(HOUR_MICROS);
    (store, clock)
}

pub(super) async fn history(store: &Subject) -> Vec<Value> {
    let mut export = store.export(Exported::History).await.expect("started");
    let mut lines = Vec::new();
    while let Some(line) = export.recv().await {
        lines.push(json_of(&line.expect("no error")));
    }
    lines
}

/// Reads a line of an export.
pub(super) fn past_of(line: &Value) -> (PersonaId, PastRevision) {
    let text = |name: &str| line[name].as_str().map(str::to_owned);
    let time = |name: &str| Timestamp::parse(&text(name).expect("a text")).expect("a time");
    let past = PastRevision {
        previous: line["history"]["previous"].as_u64().and_then(Revision::new),
        revision: line["revision"].as_u64().and_then(Revision::new).expect("a revision"),
        created_at: time("created_at"),
        updated_at: time("updated_at"),
        created_by: text("created_by"),
        updated_by: text("updated_by"),
        is_deleted: !line["deleted_at"].is_null(),
        base: line["history"]["base"].as_u64().and_then(Revision::new),
        note: line["history"]["note"].as_str().map(str::to_owned),
        content_hash: None,
        document: Document::from_representation(line).expect("a document"),
    };
    (PersonaId::parse(&text("id").expect("a text")).expect("an identity"), past)
}

/// Sends the lines one after the other.
pub(super) async fn import(store: &Subject, lines: &[Value]) {
    for (number, line) in lines.iter().enumerate() {
        let (id, past) = past_of(line);
        let past = Box::new(past);
        let imported = store.write(write(Operation::Import { id, past })).await;
        assert!(imported.is_ok(), "line {number}: {imported:?}\n{line}");
    }
}

/// Makes a random history in which handles move, personas are deleted and come back.
async fn random_history(store: &Subject, clock: &TestClock, number: u8) {
    let mut dice = Dice(number.into());
    let mut moved = HashMap::from([("done", 0), ("taken", 0)]);
    for _ in 0..STEPS {
        clock.advance_micros(1_000);
        let persona = number * PERSONAS + dice.below(PERSONAS) + 1;
        // Fewer handles than personas, so that most are wanted by another one.
        let handle = match dice.below(PERSONAS) {
            0 => Value::Null,
            other => json!(format!("h{number}-{other}")),
        };
        let done = match dice.below(12) {
            0 => delete(store, persona, Precondition::Any).await,
            1 | 2 => undelete(store, persona).await,
            3 => create_write(store, persona, json!({ "name": "P", "handle": handle })).await,
            _ => merge(store, persona, json!({ "handle": handle })).await,
        };
        match done {
            Ok(written) if written.outcome == Outcome::Unchanged => {}
            Ok(_) => *moved.entry("done").or_insert(0) += 1,
            Err(Error::HandleTaken { .. }) => *moved.entry("taken").or_insert(0) += 1,
            Err(Error::NotFound | Error::Deleted { .. } | Error::AlreadyExists { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(moved.values().all(|times| *times >= 5), "the dice are broken: {moved:?}");
}

pub async fn personas_that_exchanged_handles_are_exported_in_an_order_that_can_be_imported(
    store: &Subject,
    _clock: &TestClock,
) {
    for (number, handle) in [(1, "ada"), (2, "bea"), (3, "cy")] {
        create(store, number, json!({ "name": "P", "handle": handle })).await;
    }
    // The first two exchange theirs, and the third gives its own away while it is deleted.
    replace(store, 1, Precondition::Any, named("P")).await.expect("free");
    merge(store, 2, json!({ "handle": "ada" })).await.expect("taken");
    merge(store, 1, json!({ "handle": "bea" })).await.expect("taken");
    delete(store, 3, Precondition::Any).await.expect("deleted");
    merge(store, 1, json!({ "handle": "cy" })).await.expect("taken");
    assert!(matches!(undelete(store, 3).await, Err(Error::HandleTaken { .. })));
    merge(store, 1, json!({ "handle": "bea" })).await.expect("back");
    undelete(store, 3).await.expect("undeleted");
    let lines = history(store).await;
    let order: Vec<(PersonaId, u64)> =
        lines.iter().map(past_of).map(|(id, past)| (id, past.revision.number())).collect();
    let steps = [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (1, 3), (3, 2), (1, 4), (1, 5), (3, 3)];
    assert_eq!(order, steps.map(|(number, revision)| (id(number), revision)));
    let (other, _) = oracle();
    import(&other, &lines).await;
    assert_eq!(history(&other).await, lines);
}

pub async fn a_random_history_of_moved_handles_comes_back_from_this_store(
    store: &Subject,
    clock: &TestClock,
) {
    for number in 0..HISTORIES {
        random_history(store, clock, number).await;
    }
    let (lines, (other, _)) = (history(store).await, oracle());
    import(&other, &lines).await;
    assert_eq!(history(&other).await, lines);
}

pub async fn a_random_history_of_moved_handles_is_taken_in_by_this_store(
    store: &Subject,
    clock: &TestClock,
) {
    let (other, clock_there) = oracle();
    for number in 0..HISTORIES {
        random_history(&other, &clock_there, number).await;
    }
    clock.advance_micros(2 * HOUR_MICROS);
    let lines = history(&other).await;
    import(store, &lines).await;
    assert_eq!(history(store).await, lines);
}
