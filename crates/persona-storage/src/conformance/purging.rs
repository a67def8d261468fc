//! Cases: a purged persona is gone with everything, for ever, and a tombstone is left.

use std::sync::Arc;

use persona_model::{
    ChangeKind, Document, FeedPlace, Filter, HandleName, ListRequest, PastRevision, Patch,
    Precondition, Reach, Revision, Search, Sort, Timestamp,
};
use serde_json::json;

use super::TestClock;
use super::labels::{all, at_revision, label_move, name, set, to};
use super::reach::{bound_to, guarded};
use super::steps::{
    Subject, create, create_write, delete, document, get, guess, id, idempotent, merge, named,
    replace, revision, soon, undelete, write,
};
use crate::{
    AtomicBatch, Error, Exported, Glance, HandleTarget, LabelMoves, LabelTarget, NotApplied,
    Operation, Purge, Tombstone, Write,
};

/// More revisions than are removed in one transaction, and no multiple of them.
const LONG: u64 = 610;

/// Purges a persona whatever its state is.
pub(super) async fn purge(store: &Subject, number: u8) -> Result<Tombstone, Error> {
    let purge = Purge::new(id(number), Precondition::Any, soon());
    store.purge(Purge { author: Some("ada".into()), ..purge }).await
}

pub(super) fn is_purged(error: &Error) -> bool {
    matches!(error, Error::Purged { .. })
}

pub async fn a_purged_persona_is_gone_with_everything_and_leaves_a_tombstone(
    store: &Subject,
    clock: &TestClock,
) {
    let members = json!({ "name": "Ada", "handle": "ada", "tags": ["x"], "description": "engine" });
    create(store, 1, members).await;
    merge(store, 1, json!({ "handle": "lovelace" })).await.expect("patched");
    set(store, 1, "production", to(1)).await;
    create(store, 2, json!({ "name": "Bea", "description": "engine" })).await;
    clock.advance_micros(7);
    let tombstone = purge(store, 1).await.expect("purged");
    let Tombstone { at, .. } = tombstone;
    let owner = String::new();
    let author = Some("ada".into());
    assert_eq!(tombstone, Tombstone { id: id(1), revision: revision(2), owner, at, author });
    assert_eq!(store.tombstone(id(1)).await.expect("readable"), Some(tombstone));
    assert_eq!(store.tombstone(id(2)).await.expect("readable"), None);

    assert_eq!(store.get(id(1)).await.expect("readable"), None);
    assert_eq!(store.owner_of(id(1)).await.expect("readable"), None);
    for number in [None, Some(revision(1)), Some(revision(2))] {
        assert_eq!(store.glance(id(1), number).await.expect("readable"), Glance::Whole(None));
    }
    for number in [1, 2] {
        assert_eq!(store.revision(id(1), revision(number)).await.expect("readable"), None);
    }
    assert_eq!(store.revisions(id(1), None, 9).await.expect("readable"), None);
    assert_eq!(store.labels(id(1)).await.expect("readable"), None);
    assert_eq!(store.labelled(id(1), &name("production")).await.expect("readable"), None);
    let moves = store.label_moves(id(1), &name("production"), None, 9).await;
    assert_eq!(moves.expect("readable"), None);
    for handle in ["ada", "lovelace"] {
        let handle = HandleName::parse(handle).expect("a handle");
        let look = store.look_at_handle(&handle, &Reach::Everything).await.expect("readable");
        assert_eq!(look.target, HandleTarget::Nothing, "{handle}");
    }
    for filter in [
        Filter { include_deleted: true, ..Filter::default() },
        Filter { tags: vec!["x".into()], ..Filter::default() },
        Filter { search: Search::parse("engine").ok(), ..Filter::default() },
        Filter { search: Search::parse("ada").ok(), ..Filter::default() },
    ] {
        let request =
            ListRequest { filter, sort: Sort::DEFAULT, after: None, limit: 9, count: true };
        let page = store.list(request).await.expect("readable");
        assert!(page.items.iter().all(|found| found.id == id(2)), "{page:?}");
    }
    for exported in [Exported::All, Exported::History] {
        let mut export = store.export(exported).await.expect("it begins");
        let only = export.recv().await.expect("one").expect("readable");
        assert_eq!(only.id, id(2), "{exported:?}");
        assert!(export.recv().await.is_none(), "{exported:?}");
    }
}

pub async fn a_purge_is_told_in_the_feed_behind_the_lines_of_its_persona(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 2).await;
    set(store, 1, "production", to(2)).await;
    let before = store.changes_after(0, 9).await.expect("readable");
    let tombstone = purge(store, 1).await.expect("purged");
    let lines = store.changes_after(0, 9).await.expect("readable");
    assert_eq!(lines[..before.len()], before, "no line was changed");
    let last = &lines[before.len()];
    assert_eq!(
        (last.persona, last.revision, last.kind, last.at, &last.label),
        (id(1), revision(2), ChangeKind::Purged, tombstone.at, &None)
    );
    let events = store.events_after(FeedPlace::BEGINNING, 9).await.expect("readable");
    assert_eq!(
        events.iter().map(|event| &event.change).collect::<Vec<_>>(),
        lines.iter().collect::<Vec<_>>()
    );
    let authors: Vec<_> = events.iter().map(|event| event.author.as_deref()).collect();
    assert_eq!(authors, [None, None, None, Some("ada")], "of what is gone nothing is known");
    // A follower that came as far as a line of the persona goes on from there.
    let place = events[0].position().into();
    assert_eq!(store.events_after(place, 9).await.expect("known"), events[1..]);
}

pub async fn an_identity_that_was_purged_is_never_used_again(store: &Subject, _clock: &TestClock) {
    create(store, 1, json!({ "name": "Ada", "handle": "ada" })).await;
    purge(store, 1).await.expect("purged");
    let past = PastRevision {
        document: document(named("Ada")),
        revision: Revision::FIRST,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        is_deleted: false,
        created_by: None,
        updated_by: None,
        content_hash: None,
        previous: None,
        base: None,
        note: None,
    };
    let patch = Patch::merge(json!({ "nickname": "A" })).expect("a patch");
    let precondition = Precondition::Any;
    let ada: Document = document(named("Ada"));
    for operation in [
        Operation::Create { id: id(1), document: ada.clone() },
        Operation::Import { id: id(1), past: Box::new(past) },
        Operation::Replace { id: id(1), precondition: Precondition::Any, document: ada.clone() },
        Operation::Patch { id: id(1), precondition: Precondition::Any, patch, base: None },
        Operation::Delete { id: id(1), precondition: Precondition::Any },
        Operation::Undelete { id: id(1), precondition: Precondition::Any },
        Operation::Revert { id: id(1), precondition, revision: Revision::FIRST },
    ] {
        let refused = store.write(write(operation.clone())).await.expect_err("refused");
        assert!(is_purged(&refused), "{operation:?}: {refused}");
        let beside = Operation::Create { id: id(2), document: ada.clone() };
        let batch = AtomicBatch::new(vec![write(beside), write(operation.clone())]);
        let NotApplied { place, error } =
            store.write_all(batch.expect("a batch")).await.expect_err("refused");
        assert!(place == Some(1) && is_purged(&error), "{operation:?}: {place:?}, {error}");
    }
    assert_eq!(store.get(id(2)).await.expect("readable"), None);
    let NotApplied { place, error } =
        all(store, vec![label_move(1, "production", LabelTarget::Latest)])
            .await
            .expect_err("refused");
    assert!(place == Some(0) && is_purged(&error), "{place:?}, {error}");
    // The handle is free.
    create(store, 3, json!({ "name": "Ada", "handle": "ada" })).await;
}

pub async fn purging_again_changes_nothing_whatever_is_expected(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    delete(store, 1, Precondition::Any).await.expect("deleted");
    let first = purge(store, 1).await.expect("a deleted persona too");
    assert_eq!(first.revision, revision(2));
    clock.advance_micros(5);
    let again = Purge::new(id(1), guess(&[revision(1)]), soon());
    assert_eq!(store.purge(again).await.expect("accepted"), first);
    let lines = store.changes_after(0, 9).await.expect("readable");
    assert_eq!(lines.iter().filter(|line| line.kind == ChangeKind::Purged).count(), 1);
    let unknown = purge(store, 2).await.expect_err("refused");
    assert!(matches!(unknown, Error::NotFound), "{unknown}");
}

pub async fn a_purge_of_another_state_is_refused_and_removes_nothing(
    store: &Subject,
    _clock: &TestClock,
) {
    let first = create(store, 1, json!({ "name": "Ada", "handle": "ada" })).await;
    let second = merge(store, 1, json!({ "handle": "bea" })).await.expect("patched").representation;
    let stale = Purge::new(id(1), Precondition::at(first.tag()), soon());
    let refused = store.purge(stale).await.expect_err("refused");
    assert!(matches!(refused, Error::Stale { current } if current == second.tag()), "{refused}");
    let named = HandleName::parse("ada");
    let by_handle = Purge { named, ..Purge::new(id(1), Precondition::Any, soon()) };
    let refused = store.purge(by_handle).await.expect_err("refused");
    assert!(matches!(refused, Error::HandleMoved { .. }), "{refused}");
    let late = Purge::new(id(1), Precondition::Any, std::time::Instant::now());
    let refused = store.purge(late).await.expect_err("refused");
    assert!(matches!(refused, Error::Busy { .. }), "{refused}");
    assert_eq!(get(store, 1).await, second);
    assert_eq!(store.tombstone(id(1)).await.expect("readable"), None);
    let current = Purge {
        named: HandleName::parse("bea"),
        ..Purge::new(id(1), Precondition::at(second.tag()), soon())
    };
    store.purge(current).await.expect("purged");
}

pub async fn a_repeated_request_of_a_purged_persona_is_refused(
    store: &Subject,
    _clock: &TestClock,
) {
    let creation = || write(Operation::Create { id: id(1), document: document(named("Ada")) });
    let patch = || {
        let patch = Patch::merge(json!({ "nickname": "A" })).expect("a patch");
        let precondition = Precondition::Any;
        write(Operation::Patch { id: id(1), precondition, patch, base: None })
    };
    let requests: [(&dyn Fn() -> Write, &str); 2] = [(&creation, "c"), (&patch, "p")];
    for (request, key) in requests {
        store.write(idempotent(request(), key, 1)).await.expect("applied");
    }
    let moves = || {
        let moves = LabelMoves::new(vec![label_move(1, "a", LabelTarget::Latest)], soon());
        let mut moves = moves.expect("moves");
        moves.idempotency = idempotent(creation(), "m", 1).idempotency;
        moves
    };
    store.move_labels(moves()).await.expect("moved");
    purge(store, 1).await.expect("purged");
    for (request, key) in requests {
        let again = store.write(idempotent(request(), key, 1)).await.expect_err("refused");
        assert!(is_purged(&again), "{key}: {again}");
        let other = store.write(idempotent(request(), key, 2)).await.expect_err("refused");
        assert!(matches!(other, Error::KeyReused), "{key}: {other}");
    }
    // The server chooses another identity for the repetition of a creation.
    let elsewhere = write(Operation::Create { id: id(2), document: document(named("Ada")) });
    let again = store.write(idempotent(elsewhere, "c", 1)).await.expect_err("refused");
    assert!(is_purged(&again), "{again}");
    assert_eq!(store.get(id(2)).await.expect("readable"), None);
    let NotApplied { error, .. } = store.move_labels(moves()).await.expect_err("refused");
    assert!(is_purged(&error), "{error}");
}

pub async fn a_bound_viewer_purges_its_own_personas_and_knows_of_no_others(
    store: &Subject,
    _clock: &TestClock,
) {
    for (number, owner) in [(1, "ada"), (2, "ada"), (3, "bea"), (4, "bea")] {
        create(store, number, json!({ "name": "x", "owner": owner })).await;
    }
    let (ada, bea) = (bound_to("ada", 1, true), bound_to("bea", 2, true));
    let store = guarded(store);
    let purge = |number| Purge::new(id(number), Precondition::Any, soon());
    store.view(&ada).purge(purge(1)).await.expect("its own");
    store.view(&bea).purge(purge(4)).await.expect("its own");
    for number in [3, 4] {
        let refused = store.view(&ada).purge(purge(number)).await.expect_err("refused");
        assert!(matches!(refused, Error::NotFound), "{number}: {refused}");
    }
    let seen = |number, viewer| {
        let store = store.clone();
        async move {
            let view = store.view(viewer);
            let first = Some(Revision::FIRST);
            let production = name("production");
            [
                view.get(id(number)).await.map(drop),
                view.glance(id(number), None).await.map(drop),
                view.glance(id(number), first).await.map(drop),
                view.revision(id(number), Revision::FIRST).await.map(drop),
                view.revisions(id(number), None, 9).await.map(drop),
                view.labels(id(number)).await.map(drop),
                view.labelled(id(number), &production).await.map(drop),
                view.label_moves(id(number), &production, None, 9).await.map(drop),
            ]
        }
    };
    for told in seen(1, &ada).await {
        assert!(told.as_ref().is_err_and(is_purged), "{told:?}");
    }
    for told in seen(4, &ada).await {
        assert!(told.is_ok(), "nothing tells that it ever was: {told:?}");
    }
    for (number, is_its_own) in [(1, true), (4, false)] {
        let operation = Operation::Delete { id: id(number), precondition: Precondition::Any };
        let refused = store.view(&ada).write(write(operation)).await.expect_err("refused");
        assert_eq!(is_purged(&refused), is_its_own, "{refused}");
        assert_eq!(store.view(&ada).reaches(id(number)).await.expect("readable"), is_its_own);
    }
}

pub async fn a_change_after_a_purge_is_later_than_it(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    create(store, 2, named("Bea")).await;
    let tombstone = purge(store, 2).await.expect("purged");
    merge(store, 1, named("Eve")).await.expect("patched");
    let lines = store.changes_after(0, 9).await.expect("readable");
    assert!(lines.is_sorted_by(|one, other| one.at < other.at), "{lines:?}");
    assert_eq!(lines[2].at, tombstone.at);
}

pub async fn a_history_of_any_length_is_purged(store: &Subject, _clock: &TestClock) {
    at_revision(store, 1, LONG).await;
    create(store, 2, named("Bea")).await;
    assert_eq!(purge(store, 1).await.expect("purged").revision, revision(LONG));
    for number in [1, 250, 251, 500, LONG] {
        assert_eq!(store.revision(id(1), revision(number)).await.expect("readable"), None);
    }
    let lines = store.changes_after(0, 2000).await.expect("readable").len();
    assert_eq!(lines, usize::try_from(LONG).expect("few") + 2);
    undelete(store, 2).await.expect("others are as they were");
}

pub async fn a_persona_that_is_purged_beside_its_writers_is_gone_when_that_is_answered(
    store: &Subject,
    _clock: &TestClock,
) {
    for number in 1..=6 {
        let mut writers = Vec::new();
        for writer in 0..4_u8 {
            let store = Arc::clone(store);
            writers.push(tokio::spawn(async move {
                let mut outcomes = Vec::new();
                for step in 0..6 {
                    let name = json!({ "name": format!("{writer} {step}") });
                    outcomes.push(match (writer, step) {
                        (0, 3) => purge(&store, number).await.map(drop),
                        (1, _) => replace(&store, number, Precondition::Any, name).await.map(drop),
                        (2, _) => merge(&store, number, name).await.map(drop),
                        _ => create_write(&store, number, name).await.map(drop),
                    });
                }
                outcomes
            }));
        }
        let mut created = 0;
        for (writer, outcomes) in writers.into_iter().enumerate() {
            for (step, outcome) in outcomes.await.expect("no panic").into_iter().enumerate() {
                created += u32::from(matches!(writer, 0 | 3) && step != 3 && outcome.is_ok());
                created += u32::from(writer == 3 && step == 3 && outcome.is_ok());
                assert!(
                    matches!(
                        outcome,
                        Ok(())
                            | Err(Error::NotFound
                                | Error::Purged { .. }
                                | Error::AlreadyExists { .. })
                    ),
                    "{writer}, {step}: {outcome:?}"
                );
            }
        }
        assert_eq!(created, 1, "one creation, whatever came after the purge");
        assert!(store.tombstone(id(number)).await.expect("readable").is_some());
        assert_eq!(store.get(id(number)).await.expect("readable"), None);
        let lines = store.changes_after(0, 1000).await.expect("readable");
        let last = lines.iter().rfind(|line| line.persona == id(number)).expect("a line");
        assert_eq!(last.kind, ChangeKind::Purged);
    }
}
