//! Connections that break and a database that goes away: writes are done once, requests wait only
//! for their own time, and everything goes on afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Patch, PersonaId, Precondition};
use persona_storage::conformance::{document, id, idempotent, write};
use persona_storage::postgres::initialise;
use persona_storage::{Error, Operation, Outcome, Store, Write, Written};
use persona_test_support::Cluster;
use persona_test_support::wire::{Fault, Sender, Trap, Wire};
use serde_json::{Value, json};

use crate::shared_database::{Database, LONG, create, open, patch, settings};

/// Every kind of write to one persona, each over a connection that breaks at the same place.
struct Broken<'a> {
    wire: &'a Wire,
    store: &'a dyn Store,
    cut: &'a Trap,
    /// A text that is in everything that is written. The connection breaks at a message with it.
    marker: String,
    persona: PersonaId,
}

impl Broken<'_> {
    /// Sends a write while the trap waits for a message with these words.
    async fn write(&self, words: &str, request: Write) -> Written {
        self.wire.arm(self.cut.clone().of(words));
        let written = self.store.write(request).await;
        assert_eq!(self.wire.disarm(), 1, "{:?}: {words:?} never came by", self.cut);
        written.unwrap_or_else(|error| panic!("{:?}: {error}", self.cut))
    }

    fn patch(&self, members: Value) -> Write {
        write(Operation::Patch {
            id: self.persona,
            precondition: Precondition::Any,
            patch: Patch::merge(members).expect("a merge patch"),
            base: None,
        })
    }

    /// Sends a write of every kind. Returns how many lines the writes add to the feed.
    async fn all_kinds(&self) -> usize {
        let document = document(json!({ "name": &self.marker }));
        let create = write(Operation::Create { id: self.persona, document });
        let written = self.write(&self.marker, create).await;
        assert_eq!(
            (written.outcome, written.replayed, written.representation.revision.number()),
            (Outcome::Created, false, 1),
            "{:?}",
            self.cut
        );
        let updated = (Outcome::Updated, false);
        let patch = self.patch(json!({ "description": &self.marker }));
        let written = self.write(&self.marker, patch).await;
        assert_eq!((written.outcome, written.replayed), updated, "{:?}", self.cut);
        let scenario = json!({ "scenario": &self.marker });
        let with_a_key = idempotent(self.patch(scenario.clone()), &self.marker, 1);
        let written = self.write(&self.marker, with_a_key.clone()).await;
        assert_eq!((written.outcome, written.replayed), updated, "{:?}", self.cut);
        let replayed = self.store.write(with_a_key).await.expect("replayed");
        assert_eq!(replayed, Written { replayed: true, ..written });
        // This patch changes nothing, and leaves only a record of its key.
        let key = format!("unchanged {}", self.marker);
        let written = self.write(&key, idempotent(self.patch(scenario), &key, 1)).await;
        let unchanged = (Outcome::Unchanged, false);
        assert_eq!((written.outcome, written.replayed), unchanged, "{:?}", self.cut);
        let id = self.persona;
        for kind in [
            Operation::Delete { id, precondition: Precondition::Any },
            Operation::Undelete { id, precondition: Precondition::Any },
        ] {
            let written = self.write(&self.marker, write(kind)).await;
            assert_ne!(written.outcome, Outcome::Unchanged, "{:?}", self.cut);
        }
        5
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_with_a_broken_connection_is_done_once_and_answered_as_if_nothing_had_been() {
    let database = Database::new();
    let wire = Wire::to(database.cluster.port());
    let url = wire.url(&database.name);
    // Three faults: the statement never reaches the server; the server runs the statement and its
    // answer is lost; the answer to the commit is lost.
    let lost = Trap::at(Sender::Client, b'B', Fault::Before);
    let unheard = Trap::at(Sender::Client, b'S', Fault::After);
    let unanswered = Trap::at(Sender::Server, b'2', Fault::Before);
    let (mut expected, mut personas) = (0, 1..);
    for parameters in ["", "?statement_cache=off"] {
        let store = open(&format!("{url}{parameters}"));
        for (round, cut) in [&lost, &unheard, &unanswered].into_iter().enumerate() {
            let marker = format!("marker {parameters} {round}");
            let persona = id(personas.next().expect("few"));
            let broken = Broken { wire: &wire, store: &*store, cut, marker, persona };
            expected += broken.all_kinds().await;
        }
        store.close().await;
    }
    let feed = database.store().changes_after(0, 1000).await.expect("readable");
    assert_eq!(feed.len(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_is_told_and_when_it_is_back_everything_goes_on() {
    let cluster = Box::leak(Box::new(Cluster::start(&[])));
    let name = cluster.database();
    let url = cluster.url(&name);
    initialise(&settings(&url)).expect("an empty database");
    let store = open(&url);
    store.write(create(1, json!({ "name": "Ada" }))).await.expect("created");
    cluster.stop();
    // None of these requests waits until the database is back: it comes back only afterwards.
    let told = async {
        assert!(matches!(store.get(id(1)).await, Err(Error::Unreachable)));
        assert!(matches!(store.ready().await, Err(Error::Unreachable)));
        let mut late = patch(json!({ "description": "late" }));
        late.deadline = Instant::now() + Duration::from_millis(300);
        let refused = store.write(late).await.expect_err("refused");
        assert!(matches!(refused, Error::Unreachable | Error::Busy { .. }), "{refused}");
    };
    tokio::time::timeout(LONG, told).await.expect("told while the database is away");
    // A request with more time waits, and is served when the database is back.
    let patient = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.write(patch(json!({ "description": "patient" }))).await }
    });
    cluster.start_again();
    assert_eq!(
        patient.await.expect("no panic").expect("patched").representation.revision.number(),
        2
    );
    store.ready().await.expect("ready again");
    assert!(store.get(id(1)).await.expect("readable").is_some());
    cluster.stop();
    let _ = std::fs::remove_dir_all(cluster.folder());
}
