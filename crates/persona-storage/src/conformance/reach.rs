//! Cases: a viewer that is bound to an owner finds its own personas, and cannot even find out that
//! others exist.

use persona_model::{
    Document, Filter, LabelPrecondition, ListRequest, PastRevision, Patch, Precondition, Revision,
    Sort, Timestamp,
};
use serde_json::{Value, json};

use super::TestClock;
use super::labels::{label_move, name, points, set, to};
use super::owners::owner;
use super::steps::{
    Subject, create, delete, document, get, id, idempotent, json_of, member, merge, revision, soon,
    undelete, write,
};
use crate::{
    ATOMIC_BYTES_MAX, AtomicBatch, Error, GLANCE_BYTES_MAX, Glance, GuardedStore, IdentityOrigin,
    LabelMove, LabelMoves, LabelTarget, Operation, Outcome, Token, TokenHash, TokenScope, Viewer,
    Write,
};

/// The viewer with a token that is bound to an owner.
pub(super) fn bound_to(name: &str, number: u8, shared: bool) -> Viewer {
    let hash = TokenHash::from_bytes([number; 32]);
    let made_at = Timestamp::default();
    let token = Token::new(format!("t{number}"), hash, TokenScope::Admin, made_at);
    let token = token.expect("random numbers");
    let owner = Some(owner(name).to_string());
    Viewer::of(&Token { owner, shared, ..token }, &hash).expect("a name that an owner can have")
}

pub(super) fn guarded(store: &Subject) -> GuardedStore {
    GuardedStore::new(Subject::clone(store))
}

/// A persona of each owner and of none, deleted and large ones too, each with a label.
async fn personas(store: &Subject) {
    let large = "x".repeat(GLANCE_BYTES_MAX);
    let too_large = "x".repeat(200_000);
    for (number, owner) in [(1, json!("ada")), (4, json!("bea")), (7, Value::Null)] {
        create(store, number, json!({ "name": "small", "owner": owner })).await;
        merge(store, number, json!({ "nickname": "changed" })).await.expect("patched");
        create(store, number + 1, json!({ "name": "deleted", "owner": owner })).await;
        set(store, number + 1, "production", to(1)).await;
        delete(store, number + 1, Precondition::Any).await.expect("deleted");
        create(store, number + 2, json!({ "name": "large", "owner": owner, "scenario": large }))
            .await;
        for living in [number, number + 2] {
            set(store, living, "production", to(1)).await;
        }
    }
    // More than an atomic batch may have.
    let texts: Vec<&str> = (0..6).map(|_| too_large.as_str()).collect();
    let huge = json!({ "name": "huge", "owner": "bea", "alternate_greetings": texts });
    let huge = create(store, 10, huge).await;
    assert!(huge.body.len() > ATOMIC_BYTES_MAX);
    set(store, 10, "production", to(1)).await;
}

/// What every read tells of a persona.
async fn told(store: &GuardedStore, viewer: &Viewer, number: u8) -> [bool; 10] {
    let (view, id) = (store.view(viewer), id(number));
    let first = Some(Revision::FIRST);
    let is_there = |glance: Glance| glance != Glance::Whole(None);
    [
        is_there(view.glance(id, None).await.expect("readable")),
        is_there(view.glance(id, first).await.expect("readable")),
        view.get(id).await.expect("readable").is_some(),
        view.revision(id, Revision::FIRST).await.expect("readable").is_some(),
        view.revisions(id, None, 9).await.expect("readable").is_some(),
        view.labels(id).await.expect("readable").is_some(),
        view.label_moves(id, &name("production"), None, 9).await.expect("readable").is_some(),
        view.labelled(id, &name("production")).await.expect("readable").is_some(),
        !view.labels_of(&[id]).await.expect("readable").is_empty(),
        view.reaches(id).await.expect("readable"),
    ]
}

pub async fn a_bound_viewer_reads_its_own_personas_and_no_others(
    store: &Subject,
    _clock: &TestClock,
) {
    personas(store).await;
    let store = guarded(store);
    let (strict, shared) = (bound_to("ada", 1, false), bound_to("ada", 2, true));
    for number in 1..=11 {
        let (own, without) = ((1..=3).contains(&number), (7..=9).contains(&number));
        assert_eq!(told(&store, &strict, number).await, [own; 10], "{number}");
        assert_eq!(told(&store, &shared, number).await, [own || without; 10], "{number}");
        let everything = told(&store, &Viewer::trusted(), number).await;
        assert_eq!(everything[..9], [number != 11; 9], "{number}");
        let at_once = store.view(&strict).glance_at_once(id(number));
        // Large personas, and all personas of a database server, are not read without waiting.
        assert!(at_once.is_none_or(|found| found.expect("readable").is_some() == own));
    }
    let request = ListRequest {
        filter: Filter { include_deleted: true, ..Filter::default() },
        sort: Sort::DEFAULT,
        after: None,
        limit: 50,
        count: true,
    };
    let page = store.view(&strict).list(request).await.expect("listed");
    assert_eq!((page.items.len(), page.total), (3, Some(3)));
}

/// A write of each kind.
fn writes(number: u8) -> Vec<Write> {
    let (id, precondition) = (id(number), Precondition::Any);
    let own = || document(json!({ "name": "mine", "owner": "ada" }));
    let patch = |base| Operation::Patch {
        id,
        precondition: Precondition::Any,
        patch: Patch::merge(json!({ "nickname": "mine" })).expect("a patch"),
        base,
    };
    let past = |number| PastRevision {
        revision: revision(number),
        created_at: Timestamp::from_micros(1),
        updated_at: Timestamp::from_micros(2),
        created_by: None,
        updated_by: None,
        is_deleted: false,
        previous: None,
        base: None,
        note: None,
        content_hash: None,
        document: own(),
    };
    let import = |number| Operation::Import { id, past: Box::new(past(number)) };
    let operations = vec![
        Operation::Create { id, document: own() },
        Operation::Replace { id, precondition: precondition.clone(), document: own() },
        patch(None),
        patch(Some(Revision::FIRST)),
        patch(Some(revision(9))),
        Operation::Delete { id, precondition: precondition.clone() },
        Operation::Undelete { id, precondition: precondition.clone() },
        Operation::Revert { id, precondition: precondition.clone(), revision: Revision::FIRST },
        Operation::Revert { id, precondition, revision: revision(9) },
        import(1),
        import(3),
    ];
    operations.into_iter().map(write).collect()
}

pub async fn a_write_of_a_bound_viewer_finds_no_persona_of_others(
    store: &Subject,
    _clock: &TestClock,
) {
    personas(store).await;
    let before = store.changes_after(0, 100).await.expect("readable");
    let door = guarded(store);
    for (viewer, keyed) in [(bound_to("ada", 1, false), false), (bound_to("ada", 2, true), true)] {
        let view = door.view(&viewer);
        // Personas of another owner and of none, and one that never existed.
        for number in [4, 5, 6, 7, 8, 9, 10, 11] {
            for (place, write) in writes(number).into_iter().enumerate() {
                let write = if keyed { idempotent(write, "k", 1) } else { write };
                let refused = view.write(write.clone()).await.expect_err("refused");
                assert!(matches!(refused, Error::NotFound), "{number}, {place}: {refused:?}");
                let batch = AtomicBatch::new(vec![write]).expect("a batch");
                let refused = view.write_all(batch).await.expect_err("refused");
                assert!(matches!(refused.error, Error::NotFound), "{number}, {place}: {refused:?}");
                assert_eq!(refused.place, Some(0), "{number}, {place}");
            }
        }
    }
    assert_eq!(store.changes_after(0, 100).await.expect("readable"), before);
}

pub async fn a_move_of_a_bound_viewer_finds_no_persona_of_others(
    store: &Subject,
    _clock: &TestClock,
) {
    personas(store).await;
    let before = store.changes_after(0, 100).await.expect("readable");
    let door = guarded(store);
    let targets = [
        LabelTarget::Latest,
        to(1),
        to(99),
        LabelTarget::Label(name("none")),
        LabelTarget::Label(name("production")),
        LabelTarget::Nowhere,
    ];
    let preconditions =
        [LabelPrecondition::Any, LabelPrecondition::IsNotSet, LabelPrecondition::OneOf(Vec::new())];
    for viewer in [bound_to("ada", 1, false), bound_to("ada", 2, true)] {
        let view = door.view(&viewer);
        for number in [4, 5, 6, 7, 8, 9, 10, 11] {
            for (target, precondition) in targets.iter().zip(preconditions.iter().cycle()) {
                let hidden = label_move(number, "production", target.clone());
                let hidden = LabelMove { precondition: precondition.clone(), ..hidden };
                let own = label_move(1, "staging", to(1));
                for (place, moves) in
                    [vec![hidden.clone()], vec![own, hidden]].into_iter().enumerate()
                {
                    let moves = LabelMoves::new(moves, soon()).expect("moves");
                    let refused = view.move_labels(moves).await.expect_err("refused");
                    assert!(matches!(refused.error, Error::NotFound), "{number}: {refused:?}");
                    assert_eq!(refused.place, Some(place), "{number}: {target:?}");
                }
            }
        }
    }
    assert_eq!(store.changes_after(0, 100).await.expect("readable"), before);
    let viewer = bound_to("ada", 1, false);
    let own = LabelMoves::one(label_move(1, "production", LabelTarget::Latest), soon());
    let moved = door.view(&viewer).move_labels(own).await.expect("moved");
    assert_eq!(moved[0].before, Some(Revision::FIRST));
    assert_eq!(points(store, 1).await, [("production".into(), 2)]);
}

pub async fn what_a_bound_viewer_writes_is_of_its_owner(store: &Subject, _clock: &TestClock) {
    let viewer = bound_to("ada", 1, false);
    let door = guarded(store);
    let view = door.view(&viewer);
    let is_refused = |refused: &Result<crate::Written, Error>| matches!(refused, Err(Error::OwnerRefused { owner }) if owner.as_str() == "ada");
    let creation = |number: u8, members: Value| Write {
        identity: IdentityOrigin::New,
        ..write(Operation::Create { id: id(number), document: document(members) })
    };
    let made = view.write(creation(1, json!({ "name": "Ada" }))).await.expect("created");
    assert_eq!(json_of(&made.representation)["owner"], json!("ada"));
    view.write(creation(2, json!({ "name": "B", "owner": "ada" }))).await.expect("created");
    let refused = view.write(creation(3, json!({ "name": "C", "owner": "bea" }))).await;
    assert!(is_refused(&refused), "{refused:?}");
    // Choosing an identity would reveal whether it is in use.
    let chosen = Operation::Create { id: id(4), document: document(json!({ "name": "D" })) };
    let refused = view.write(write(chosen)).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");

    let replace = |document: Document| {
        write(Operation::Replace { id: id(1), precondition: Precondition::Any, document })
    };
    let same = view.write(replace(document(json!({ "name": "Ada" })))).await.expect("unchanged");
    assert_eq!(same.outcome, Outcome::Unchanged);
    let other = document(json!({ "name": "Ada", "owner": "bea" }));
    assert!(is_refused(&view.write(replace(other)).await));
    for given in [json!({ "owner": "bea" }), json!({ "owner": null })] {
        let patch = Patch::merge(given.clone()).expect("a patch");
        let precondition = Precondition::Any;
        let give = Operation::Patch { id: id(1), precondition, patch, base: None };
        let refused = view.write(write(give)).await;
        assert!(is_refused(&refused), "{given}: {refused:?}");
    }
    assert_eq!(member(store, 1, "owner").await, json!("ada"));
    assert_eq!(get(store, 1).await.revision, Revision::FIRST);
}

pub async fn a_persona_that_is_given_away_is_gone_for_its_former_owner(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "from nobody" })).await;
    set(store, 1, "production", to(1)).await;
    merge(store, 1, json!({ "owner": "ada", "name": "of Ada" })).await.expect("given");
    let (ada, bea) = (bound_to("ada", 1, false), bound_to("bea", 2, false));
    let door = guarded(store);
    assert_eq!(told(&door, &ada, 1).await, [true; 10]);
    assert_eq!(told(&door, &bea, 1).await, [false; 10]);
    // What was before it had an owner is its owner's now, and stays so.
    let first =
        Operation::Revert { id: id(1), precondition: Precondition::Any, revision: Revision::FIRST };
    let reverted = door.view(&ada).write(write(first)).await.expect("reverted");
    let reverted = json_of(&reverted.representation);
    assert_eq!((&reverted["owner"], &reverted["name"]), (&json!("ada"), &json!("from nobody")));
    merge(store, 1, json!({ "owner": "bea" })).await.expect("given away");
    assert_eq!(told(&door, &ada, 1).await, [false; 10]);
    assert_eq!(told(&door, &bea, 1).await, [true; 10]);
    // Its former owner stands in its past.
    let of_ada =
        Operation::Revert { id: id(1), precondition: Precondition::Any, revision: revision(2) };
    let refused = door.view(&bea).write(write(of_ada)).await;
    assert!(matches!(refused, Err(Error::OwnerRefused { .. })), "{refused:?}");
    delete(store, 1, Precondition::Any).await.expect("deleted");
    assert_eq!(told(&door, &ada, 1).await, [false; 10]);
    undelete(store, 1).await.expect("undeleted");
    merge(store, 1, json!({ "owner": null })).await.expect("taken away");
    assert_eq!(told(&door, &bea, 1).await, [false; 10]);
    assert_eq!(told(&door, &bound_to("bea", 3, true), 1).await, [true; 10]);
}

pub async fn a_key_counts_for_its_token_only(store: &Subject, _clock: &TestClock) {
    let creation = |number: u8, fingerprint| {
        let members = json!({ "name": format!("{number}") });
        let create = Operation::Create { id: id(number), document: document(members) };
        let write = Write { identity: IdentityOrigin::New, ..write(create) };
        idempotent(write, "the same key", fingerprint)
    };
    let viewers = [
        bound_to("ada", 1, false),
        bound_to("ada", 2, false),
        bound_to("bea", 3, false),
        Viewer::trusted(),
    ];
    let door = guarded(store);
    for (number, viewer) in (1..).zip(&viewers) {
        let made = door.view(viewer).write(creation(number, number)).await.expect("created");
        assert!(!made.replayed && made.representation.id == id(number), "{number}");
    }
    for (number, viewer) in (1..).zip(&viewers) {
        let again = door.view(viewer).write(creation(number + 10, number)).await.expect("known");
        assert!(again.replayed && again.representation.id == id(number), "{number}");
        let other = door.view(viewer).write(creation(number + 20, 99)).await;
        assert!(matches!(other, Err(Error::KeyReused)), "{other:?}");
    }
}
