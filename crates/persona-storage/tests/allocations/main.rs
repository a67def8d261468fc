//! The writer gets no memory, at its n-th request for it, for every n through one transaction of
//! many requests.
//!
//! Each answer agrees with what is stored afterwards, and after the WAL was recovered: what was
//! refused is not there, what was acknowledged is, and the file is sound.

#[path = "../common/files.rs"]
mod files;
mod memory;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::files::{Folder, check, settings};
use persona_model::{EntityTag, Patch, PersonaId, Precondition, Revision};
use persona_storage::conformance::{TestClock, document, id, idempotent, write};
use persona_storage::sqlite::{SqliteStore, WriteLock};
use persona_storage::{Error, Loss, Observer, Operation, Store, Write, Written};
use serde_json::{Value, json};

/// How many points of failure the short form tries, for each of the two ways to refuse memory.
const POINTS: i64 = 40;
/// The number of a request for memory that no transaction reaches: nothing is refused.
const NEVER: i64 = i64::MAX;
/// Personas that the file has, by their numbers.
const PATCHED: u8 = 1;
const PATCHED_TWICE: u8 = 2;
const REPLACED: u8 = 3;
const DELETED: u8 = 4;
const STALE: u8 = 6;
/// The index of the request of a round that repeats another request of the round.
const REPETITION: usize = 4;

/// Counts what was put into the queue.
#[derive(Default)]
struct Queued(AtomicUsize);

impl Observer for Queued {
    fn enqueued(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// What is stored of a persona: its members, and whether it is deleted.
type States = BTreeMap<PersonaId, (Value, bool)>;

/// Tells by the stored states whether the change of a request was kept.
type IsKept = Box<dyn Fn(&States) -> bool>;

/// A request of a round.
struct Request {
    write: Write,
    is_kept: IsKept,
}

fn patch(number: u8, precondition: Precondition, member: &'static str, round: u64) -> Request {
    let patch = Patch::merge(json!({ "extensions": { member: round } })).expect("a merge patch");
    let write = write(Operation::Patch { id: id(number), precondition, patch, base: None });
    Request {
        write,
        is_kept: Box::new(move |states| states[&id(number)].0["extensions"][member] == round),
    }
}

fn of_round(round: u64, twin: u8) -> PersonaId {
    let mut bytes = [0xee; 16];
    bytes[..8].copy_from_slice(&round.to_be_bytes());
    bytes[8] = twin;
    PersonaId::from_bytes(bytes)
}

/// A creation with a key, and its repetition: a server gives each another identity.
fn create(round: u64, twin: u8) -> Request {
    let members = json!({ "name": format!("made in round {round}"), "tags": ["made"] });
    let write = write(Operation::Create { id: of_round(round, twin), document: document(members) });
    let is_kept = move |states: &States| states.contains_key(&of_round(round, twin));
    Request { write: idempotent(write, &format!("round-{round}"), 1), is_kept: Box::new(is_kept) }
}

/// The requests of one round, which wait in the queue together.
fn requests(round: u64, before: &States) -> Vec<Request> {
    let stale = EntityTag { revision: Revision::FIRST, checksum: 0 };
    let text = format!("{round} ").repeat(8_000);
    let replacement = document(
        json!({ "name": "replaced", "description": text, "extensions": { "round": round } }),
    );
    let was_deleted = before[&id(DELETED)].1;
    let precondition = Precondition::Any;
    let turn = if was_deleted {
        Operation::Undelete { id: id(DELETED), precondition: precondition.clone() }
    } else {
        Operation::Delete { id: id(DELETED), precondition: precondition.clone() }
    };
    vec![
        patch(PATCHED, Precondition::Any, "a", round),
        create(round, 0),
        patch(STALE, Precondition::OneOf(vec![stale]), "a", round),
        Request {
            write: write(Operation::Replace {
                id: id(REPLACED),
                precondition,
                document: replacement,
            }),
            is_kept: Box::new(move |states| {
                states[&id(REPLACED)].0["extensions"]["round"] == round
            }),
        },
        create(round, 1),
        patch(PATCHED_TWICE, Precondition::Any, "a", round),
        Request {
            write: write(turn),
            is_kept: Box::new(move |states| states[&id(DELETED)].1 != was_deleted),
        },
        patch(PATCHED_TWICE, Precondition::Any, "b", round),
    ]
}

async fn states(store: &SqliteStore, round: u64) -> States {
    let ids = [PATCHED, PATCHED_TWICE, REPLACED, DELETED, STALE]
        .map(id)
        .into_iter()
        .chain([0, 1].map(|twin| of_round(round, twin)));
    let mut states = States::new();
    for id in ids {
        if let Some(answer) = store.get(id).await.expect("readable") {
            states
                .insert(id, (serde_json::from_slice(&answer.body).expect("JSON"), answer.deleted));
        }
    }
    states
}

/// Counts over all rounds.
#[derive(Default, Debug)]
struct Figures {
    rounds: u64,
    kept: u64,
    refused: u64,
    unknown: u64,
    writers_ended: u64,
}

impl Figures {
    /// Compares what was answered with what is stored.
    fn compare(&self, requests: &[(Result<Written, Error>, IsKept)], states: &States, when: &str) {
        let round = self.rounds;
        for (number, (answer, is_kept)) in requests.iter().enumerate() {
            let agrees = match answer {
                Ok(written) => {
                    states.contains_key(&written.representation.id)
                        && (written.replayed || is_kept(states))
                }
                Err(Error::OutcomeUnknown) => true,
                Err(_) => !is_kept(states),
            };
            assert!(agrees, "round {round}, request {number}, {when}: {answer:?}");
        }
        let twins =
            [0, 1].iter().filter(|twin| states.contains_key(&of_round(round, **twin))).count();
        assert!(twins < 2, "round {round}, {when}: one key made two personas");
    }

    fn count(&mut self, answer: &Result<Written, Error>) {
        match answer {
            Ok(_) => self.kept += 1,
            Err(Error::OutcomeUnknown) => self.unknown += 1,
            Err(_) => self.refused += 1,
        }
    }
}

fn open(path: &Path) -> (Arc<SqliteStore>, Arc<Queued>) {
    let queued = Arc::new(Queued::default());
    let store = SqliteStore::open(settings(path), Arc::new(TestClock::default()), queued.clone());
    (Arc::new(store.expect("it opens")), queued)
}

/// Runs one round on a store of its own. Returns how many requests for memory there were.
async fn round(path: &Path, nth: i64, stays: bool, figures: &mut Figures) -> i64 {
    figures.rounds += 1;
    let (store, queued) = open(path);
    let before = states(&store, figures.rounds).await;
    let (writes, kept): (Vec<_>, Vec<_>) = requests(figures.rounds, &before)
        .into_iter()
        .map(|request| (request.write, request.is_kept))
        .unzip();
    // While the write lock is held the requests queue up, so that they share a transaction.
    let write_lock = WriteLock::open(path).expect("a write lock");
    let guard = write_lock.lock().expect("locks work");
    let running: Vec<_> = writes
        .into_iter()
        .map(|write| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.write(write).await })
        })
        .collect();
    while queued.0.load(Ordering::SeqCst) < running.len() {
        tokio::task::yield_now().await;
    }
    memory::refuse(nth, stays);
    drop(guard);
    let mut answers = Vec::new();
    for (answer, is_kept) in running.into_iter().zip(kept) {
        let answer = answer.await.expect("no panic");
        figures.count(&answer);
        answers.push((answer, is_kept));
    }
    let asked = memory::relent(nth);
    let in_doubt = |number: &usize| matches!(answers[*number].0, Err(Error::OutcomeUnknown));
    // The request that is repeated may have been kept earlier, so the repetition is in doubt
    // whenever its transaction fails.
    if (0..answers.len()).filter(|number| *number != REPETITION).any(|number| in_doubt(&number)) {
        assert!(
            matches!(store.lost().await, Loss::Doubt | Loss::Writer),
            "after doubt nothing more is written"
        );
        figures.writers_ended += 1;
    }
    figures.compare(&answers, &states(&store, figures.rounds).await, "at once");
    store.close().await;
    drop(store);
    // The last connection is closed, so the next connection recovers the WAL.
    let (store, _) = open(path);
    figures.compare(&answers, &states(&store, figures.rounds).await, "after a recovery of the WAL");
    store.close().await;
    let report = check(path).expect("readable");
    assert!(report.is_sound(), "round {}: {report:?}", figures.rounds);
    asked
}

async fn every_request_for_memory(points: i64) {
    memory::watch();
    let folder = Folder::filled(6).await;
    let path = folder.database();
    let mut figures = Figures::default();
    let asked = round(&path, NEVER, false, &mut figures).await;
    assert!(asked > 500, "only {asked} requests for memory: nothing is proved");
    assert_eq!(
        (figures.kept, figures.refused),
        (7, 1),
        "without a shortage only the stale one is refused"
    );
    for stays in [false, true] {
        let mut nth = 1;
        while nth <= asked {
            round(&path, nth, stays, &mut figures).await;
            nth += (asked / points).max(1);
        }
    }
    println!("{asked} requests for memory in a transaction: {figures:?}");
    assert!(figures.kept > 8 && figures.refused > figures.rounds, "{figures:?}");
}

#[tokio::test]
async fn without_memory_each_answer_agrees_with_what_is_stored() {
    every_request_for_memory(POINTS).await;
}

#[tokio::test]
#[ignore = "long: run by ./test --long"]
async fn without_memory_each_answer_agrees_with_what_is_stored_long() {
    every_request_for_memory(NEVER).await;
}
