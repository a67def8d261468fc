//! Runs of moves, a store with everything that can be moved, and everything that can be read of a
//! store.

#![allow(dead_code, reason = "every test program uses another part")]

use std::path::Path;
use std::sync::Arc;

use persona_model::{
    Cursor, Filter, LabelName, ListRequest, Patch, Precondition, Revision, Search, Sort,
};
use persona_storage::conformance::{TestClock, id, label_move, soon, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::SqliteStore;
use persona_storage::transfer::{Endpoint, Plan, TransferError, TransferReport, transfer};
use persona_storage::{
    Error, Idempotency, LabelMoves, LabelTarget, NoObserver, Operation, Purge, Store, Written,
};
use serde_json::json;

use crate::files::{self, go_on};

/// Personas of the usual store of these tests.
pub const PERSONAS: u8 = 60;
/// The persona that was purged in it, beside the others.
pub const PURGED: u8 = PERSONAS + 1;

pub fn plan(from: &str, to: &str) -> Plan {
    let endpoint = |name| Endpoint::parse(name).expect("an endpoint");
    Plan {
        from: endpoint(from),
        to: endpoint(to),
        dry_run: false,
        live: false,
        into_existing: false,
        start_over: false,
    }
}

pub fn name_of(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

pub fn go(plan: &Plan) -> Result<TransferReport, TransferError> {
    let plan = plan.clone();
    // The move runs on a thread of its own, because it must not block a task of the test.
    std::thread::spawn(move || transfer(&plan, &mut go_on)).join().expect("no panic")
}

/// Fills a store with everything that it can have: history, deleted and restored personas, merges,
/// handles that changed their persona, records of repeated requests, CJK texts and large documents.
pub async fn fill(path: &Path) {
    files::fill(path, PERSONAS).await;
    let store = files::open(path);
    let merge = |members| Patch::merge(members).expect("a patch");
    let change = |number, members, base| {
        write(Operation::Patch {
            id: id(number),
            precondition: Precondition::Any,
            patch: merge(members),
            base,
        })
    };
    store.write(change(7, json!({ "handle": null }), None)).await.expect("patched");
    store
        .write(change(8, json!({ "handle": "handle-7" }), None))
        .await
        .expect("the handle is free");
    store
        .write(write(Operation::Undelete { id: id(10), precondition: Precondition::Any }))
        .await
        .expect("restored");
    store
        .write(change(
            11,
            json!({ "description": "東京の夜、猫が歩く。서울 北京" }),
            Revision::new(1),
        ))
        .await
        .expect("merged");
    store
        .write(change(
            12,
            json!({ "description": "x\u{1F600}\\u0000 \"q\"\n|".repeat(6000) }),
            None,
        ))
        .await
        .expect("patched");
    for number in [13, 14, 16, 17, 18, 19, 21, 22] {
        let mut repeated = change(number, json!({ "extensions": { "again": number } }), None);
        repeated.idempotency =
            Some(Idempotency { key: format!("key-{number}"), fingerprint: [number; 32] });
        store.write(repeated).await.expect("patched");
    }
    label(&store).await;
    purged(&store).await;
    store.close().await;
}

/// Leaves the tombstone of a persona that had a history, a handle that another one has now, labels
/// and an answer to a request with a key.
async fn purged(store: &SqliteStore) {
    files::create(store, PURGED).await;
    files::patch(store, PURGED, &json!({ "handle": "given-up", "nickname": "gone" })).await;
    let moves = label_move(PURGED, "production", LabelTarget::Latest);
    store.move_labels(LabelMoves::one(moves, soon())).await.expect("moved");
    purge(store, PURGED).await;
    files::patch(store, 23, &json!({ "handle": "given-up" })).await;
}

/// Purges a persona.
pub async fn purge(store: &dyn Store, number: u8) {
    let purge = Purge::new(id(number), Precondition::Any, soon());
    let purge = Purge { author: Some("Zoë".to_owned()), ..purge };
    store.purge(purge).await.expect("purged");
}

/// Sets labels of some personas, moves some of them and removes some, also of a deleted persona.
async fn label(store: &dyn Store) {
    let to = |number| LabelTarget::Revision(Revision::new(number).expect("not zero"));
    for number in [3, 7, 11, 12, 15] {
        for (label, target) in [
            ("production", to(1)),
            ("staging", LabelTarget::Latest),
            ("production", to(2)),
            ("old", to(1)),
            ("old", LabelTarget::Nowhere),
        ] {
            let author = (number % 2 == 0).then(|| "Zoë".to_owned());
            let moves = LabelMoves::one(label_move(number, label, target), soon()).by(author);
            // Persona 15 is deleted.
            assert_eq!(store.move_labels(moves).await.is_ok(), number != 15, "{number} {label}");
        }
    }
}

/// All that can be read of a store, as text.
pub async fn content(store: &dyn Store, order: &str) -> Vec<String> {
    let mut found = Vec::new();
    for number in 1..=PURGED {
        let tombstone = store.tombstone(id(number)).await.expect("readable");
        found.push(format!("{tombstone:?}"));
    }
    for number in 1..=PERSONAS {
        let Some(answer) = store.get(id(number)).await.expect("readable") else { continue };
        found.push(format!("{answer:?}"));
        found.push(format!("{:?}", store.labels(id(number)).await.expect("readable")));
        for label in ["production", "old"] {
            let label = LabelName::parse(label).expect("a label");
            let moves = store.label_moves(id(number), &label, None, 10).await;
            found.push(format!("{:?}", moves.expect("readable")));
        }
        for revision in 1..=answer.revision.number() {
            let revision = Revision::new(revision).expect("not 0");
            found.push(format!(
                "{:?}",
                store.revision(id(number), revision).await.expect("readable")
            ));
        }
    }
    found.push(format!("{:?}", store.changes_after(0, 10_000).await.expect("readable")));
    for query in ["name", "name 1", "\"東京\"", "猫", "t7", "-name", "12*"] {
        let filter =
            Filter { search: Some(Search::parse(query).expect("a search")), ..Filter::default() };
        let sort = order.parse::<Sort>().expect("an order");
        let mut request = ListRequest { filter, sort, after: None, limit: 7, count: true };
        loop {
            let page = store.list(request.clone()).await.expect("readable");
            found.push(format!(
                "{query}: {:?}",
                (page.items.iter().map(|persona| persona.id).collect::<Vec<_>>(), page.total)
            ));
            let Some(cursor) = page.next_cursor else { break };
            request.after =
                Some(Cursor::decode(&cursor, &request.filter, request.sort).expect("its own"));
        }
    }
    found
}

pub async fn content_of_file(path: &Path, order: &str) -> Vec<String> {
    let store = files::open(path);
    let content = content(&store, order).await;
    store.close().await;
    content
}

pub async fn content_of_server(url: &str, order: &str) -> Vec<String> {
    let settings = postgres::Settings::parse(url).expect("a URL");
    let store = PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
        .expect("it opens");
    let content = content(&store, order).await;
    store.close().await;
    content
}

pub fn assert_same(one: &[String], other: &[String]) {
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one, other);
    }
}

/// Repeats a request of [`fill`].
pub async fn repeat(store: &dyn Store, number: u8) -> bool {
    let patch = Patch::merge(json!({ "extensions": { "again": number } })).expect("a patch");
    let mut again = write(Operation::Patch {
        id: id(number),
        precondition: Precondition::Any,
        patch,
        base: None,
    });
    again.idempotency =
        Some(Idempotency { key: format!("key-{number}"), fingerprint: [number; 32] });
    store.write(again).await.expect("answered").replayed
}

/// Writes this count into a persona, one revision for each number.
pub async fn count_to(store: &dyn Store, count: u32) -> Result<Written, Error> {
    let patch = Patch::merge(json!({ "extensions": { "count": count } })).expect("a patch");
    let operation =
        Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None };
    store.write(write(operation)).await
}

/// Writes rising counts into a persona until a write is refused. Returns how often a write was
/// acknowledged, and the refusal.
pub fn count_until_refused(store: &Arc<dyn Store>) -> tokio::task::JoinHandle<(u32, Error)> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let mut acknowledged = 0;
        loop {
            match count_to(&*store, acknowledged + 1).await {
                Ok(_) => acknowledged += 1,
                Err(refusal) => return (acknowledged, refusal),
            }
        }
    })
}

pub async fn assert_counted_to(store: &dyn Store, acknowledged: u32) {
    let answer = store.get(id(1)).await.expect("readable").expect("there");
    let body = String::from_utf8(answer.body.to_vec()).expect("text");
    assert!(
        acknowledged > 0 && body.contains(&format!("\"count\":{acknowledged}")),
        "{acknowledged}: {body}"
    );
}
