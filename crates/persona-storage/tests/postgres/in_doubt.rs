//! Batches and moves of labels of which the commit was sent on a connection that broke, and what
//! was purged or dropped before it was asked whether they are done: the answer is what the rows
//! prove. And autosaves and purges over connections that break anywhere.

use std::sync::Arc;

use persona_model::{Patch, Precondition, Revision};
use persona_storage::conformance::{id, label_move, soon, write};
use persona_storage::{
    AtomicBatch, Error, LabelMoves, LabelTarget, NotApplied, Operation, Outcome, Purge, Squash,
    Store, Write, Written,
};
use persona_test_support::wait_until;
use persona_test_support::wire::{Fault, STARTUP, Sender, Trap, Wire};
use serde_json::{Value, json};

use crate::shared_database::{Database, LONG, create, open};

/// A store with a connection that breaks at its next commit, and that gets no other one before it
/// may.
struct Bench {
    database: Database,
    wire: Wire,
    /// The store of another process.
    other: Arc<dyn Store>,
    store: Arc<dyn Store>,
}

impl Bench {
    /// With two personas, of two revisions each.
    async fn new() -> Self {
        let database = Database::new();
        let wire = Wire::to(database.cluster.port());
        let store = open(&format!("{}?pool_max=1", wire.url(&database.name)));
        let other = database.store();
        for number in [1, 2] {
            other.write(create(number, json!({ "name": "Ada" }))).await.expect("created");
            other.write(autosave(number, "first")).await.expect("patched");
        }
        Self { database, wire, other, store }
    }

    /// The next commit of the store is lost, or its answer is.
    fn break_at_commit(&self, fault: Fault) {
        let commit = Trap::at(Sender::Client, b'Q', fault).of("COMMIT");
        let others = Trap::at(Sender::Client, STARTUP, Fault::Before).lasting();
        self.wire.arm_in_turn([commit, others]);
    }

    async fn is_broken(&self) {
        wait_until("it is broken", LONG, || self.wire.sprung() > 1).await;
        let under_way = "SELECT count(*) FROM pg_stat_activity
                         WHERE datname = current_database() AND backend_type = 'client backend' AND state LIKE '%transaction%'";
        wait_until("it has ended", LONG, || self.database.sql(under_way) == "0").await;
    }

    /// What a batch is answered over a connection that breaks so, where this happens before another
    /// attempt.
    async fn batch(
        &self,
        fault: Fault,
        writes: Vec<Write>,
        meanwhile: impl Future<Output = ()>,
    ) -> Result<Vec<Written>, NotApplied> {
        self.break_at_commit(fault);
        let (store, batch) = (Arc::clone(&self.store), AtomicBatch::new(writes).expect("a batch"));
        let writing = tokio::spawn(async move { store.write_all(batch).await });
        self.is_broken().await;
        meanwhile.await;
        self.wire.disarm();
        writing.await.expect("no panic")
    }

    async fn purge(&self, number: u8) {
        let purge = Purge::new(id(number), Precondition::Any, soon());
        self.other.purge(purge).await.expect("purged");
    }
}

fn autosave(number: u8, nickname: &str) -> Write {
    let author = Some("ada".to_owned());
    Write { author, squash: Squash::of_seconds(900), ..patch(number, nickname) }
}

fn patch(number: u8, nickname: &str) -> Write {
    let patch = Patch::merge(json!({ "nickname": nickname })).expect("a patch");
    let precondition = Precondition::Any;
    write(Operation::Patch { id: id(number), precondition, patch, base: None })
}

fn second() -> Revision {
    Revision::new(2).expect("a revision")
}

async fn nickname(store: &dyn Store, number: u8) -> Value {
    let found = store.get(id(number)).await.expect("readable").expect("there");
    serde_json::from_slice::<Value>(&found.body).expect("JSON")["nickname"].take()
}

fn outcomes(written: &[Written]) -> Vec<Outcome> {
    written.iter().map(|one| one.outcome).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_proved_by_each_of_its_revisions_also_by_one_that_was_dropped() {
    for purged in [1, 2] {
        let bench = Bench::new().await;
        let kept = 3 - purged;
        let writes = vec![autosave(1, "of the batch"), autosave(2, "of the batch")];
        let meanwhile = async {
            bench.purge(purged).await;
            // It drops the revision that the batch made.
            bench.other.write(autosave(kept, "later")).await.expect("patched");
        };
        let told = bench.batch(Fault::After, writes, meanwhile).await;
        let told = told.unwrap_or_else(|error| panic!("{purged} is purged: {error:?}"));
        assert_eq!(outcomes(&told), [Outcome::Updated; 2]);
        assert_eq!(nickname(&*bench.other, kept).await, "later");
        let found = bench.other.revision(id(kept), Revision::new(3).expect("a number")).await;
        assert!(matches!(found, Err(Error::RevisionDropped { .. })), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_proved_not_to_be_done_is_told_why_it_is_not() {
    let bench = Bench::new().await;
    let named = Patch::merge(json!({ "handle": "wanted" })).expect("a patch");
    let (id_1, precondition) = (id(1), Precondition::Any);
    let named = Operation::Patch { id: id_1, precondition, patch: named, base: None };
    let meanwhile = async {
        let taking = create(3, json!({ "name": "Eve", "handle": "wanted" }));
        bench.other.write(taking).await.expect("created");
    };
    let writes = vec![patch(2, "of the batch"), write(named)];
    let told = bench.batch(Fault::Before, writes, meanwhile).await.expect_err("refused");
    assert!(matches!(told.error, Error::HandleTaken { .. }), "{told:?}");
    assert_eq!(told.place, Some(1));
    assert_eq!(nickname(&*bench.other, 2).await, "first");
    let told = bench.batch(Fault::Before, vec![patch(1, "x"), patch(2, "x")], async {
        bench.purge(2).await;
    });
    let told = told.await.expect_err("refused");
    assert!(matches!(told.error, Error::Purged { .. }), "{told:?}");
    assert_eq!(nickname(&*bench.other, 1).await, "first");
}

/// Nothing that is left tells whether it was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_which_everything_is_purged_stays_in_doubt() {
    for fault in [Fault::Before, Fault::After] {
        let bench = Bench::new().await;
        let told = bench.batch(fault, vec![patch(1, "x")], async { bench.purge(1).await });
        let told = told.await.expect_err("in doubt");
        assert!(matches!(told.error, Error::OutcomeUnknown), "{fault:?}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moves_of_labels_are_proved_by_each_of_them_and_stay_in_doubt_without_one() {
    for (fault, purged, is_done) in [
        (Fault::After, &[1][..], Some(true)),
        (Fault::After, &[2], Some(true)),
        (Fault::Before, &[1], Some(false)),
        (Fault::After, &[1, 2], None),
        (Fault::Before, &[1, 2], None),
    ] {
        let bench = Bench::new().await;
        let live = |number| label_move(number, "live", LabelTarget::Revision(second()));
        let moves = LabelMoves::new(vec![live(1), live(2)], soon()).expect("two labels");
        bench.break_at_commit(fault);
        let store = Arc::clone(&bench.store);
        let moving = tokio::spawn(async move { store.move_labels(moves).await });
        bench.is_broken().await;
        for number in purged {
            bench.purge(*number).await;
        }
        bench.wire.disarm();
        let answer = moving.await.expect("no panic");
        let is_as_proved = match &answer {
            Ok(done) => done.len() == 2 && is_done == Some(true),
            Err(NotApplied { error: Error::OutcomeUnknown, .. }) => is_done.is_none(),
            Err(NotApplied { error: Error::Purged { .. }, .. }) => is_done == Some(false),
            Err(_) => false,
        };
        assert!(is_as_proved, "{fault:?}, {purged:?} purged: {answer:?}");
    }
}

/// An upper bound of the messages that a write sends.
const MESSAGES_MAX: u64 = 100;

/// The revisions of a persona that are kept, the newest first.
async fn kept(store: &dyn Store, number: u8) -> Vec<u64> {
    let page = store.revisions(id(number), None, 100).await.expect("readable").expect("there");
    page.items.iter().map(|entry| entry.revision.number()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_autosave_drops_the_one_before_it_and_no_other_wherever_its_connection_breaks() {
    let bench = Bench::new().await;
    let mut labelled = vec![1];
    let mut current = 2;
    for fault in [Fault::Before, Fault::After] {
        for nth in 0..MESSAGES_MAX {
            let text = format!("{fault:?} {nth}");
            bench.wire.arm(Trap::nth(Sender::Client, nth, fault));
            let written = bench.store.write(autosave(1, &text)).await;
            let is_cut = bench.wire.disarm() == 1;
            let written = written.unwrap_or_else(|error| panic!("{text}: {error}"));
            current += 1;
            assert_eq!(written.representation.revision.number(), current, "{text}");
            let expected: Vec<u64> =
                [current].into_iter().chain(labelled.iter().rev().copied()).collect();
            assert_eq!(kept(&*bench.other, 1).await, expected, "{text}");
            assert_eq!(nickname(&*bench.other, 1).await, text.as_str());
            if nth.is_multiple_of(7) {
                // It stays from now on.
                let live = label_move(1, "live", LabelTarget::Latest);
                bench.other.move_labels(LabelMoves::one(live, soon())).await.expect("moved");
                labelled.push(current);
            }
            if !is_cut {
                break;
            }
            assert!(nth + 1 < MESSAGES_MAX, "the write has no end");
        }
    }
    assert!(current > 10, "{current}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_is_made_once_wherever_its_connection_breaks() {
    let bench = Bench::new().await;
    let mut purged = 0;
    for fault in [Fault::Before, Fault::After] {
        for nth in 0..MESSAGES_MAX {
            purged += 1;
            let number = 10 + u8::try_from(purged).expect("few");
            bench.other.write(create(number, json!({ "name": "Eve" }))).await.expect("created");
            bench.other.write(autosave(number, "first")).await.expect("patched");
            bench.wire.arm(Trap::nth(Sender::Client, nth, fault));
            let told = bench.store.purge(Purge::new(id(number), Precondition::Any, soon())).await;
            let is_cut = bench.wire.disarm() == 1;
            told.unwrap_or_else(|error| panic!("{fault:?} {nth}: {error}"));
            assert!(bench.other.get(id(number)).await.expect("readable").is_none());
            assert!(bench.other.tombstone(id(number)).await.expect("readable").is_some());
            if !is_cut {
                break;
            }
            assert!(nth + 1 < MESSAGES_MAX, "the purge has no end");
        }
    }
    let told = "SELECT count(*) FROM persona_store.changes WHERE kind = 'purged'";
    assert_eq!(bench.database.sql(told), purged.to_string());
    let left = "SELECT count(*) FROM persona_store.revisions WHERE head <> '' AND persona NOT IN (SELECT id FROM persona_store.personas)";
    assert_eq!(bench.database.sql(left), "0");
    assert!(purged > 8, "{purged}");
}
