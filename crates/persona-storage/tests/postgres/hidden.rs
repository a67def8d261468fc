//! Personas of another owner, below what a client with a token can tell.

use persona_model::{HandleName, LabelName, Patch, Precondition, Revision, Timestamp};
use persona_storage::conformance::{id, idempotent, label_move, soon, write};
use persona_storage::{
    Error, Glance, GuardedStore, HandleLook, HandleTarget, LabelMoves, LabelTarget, Operation,
    Squash, Token, TokenHash, TokenScope, Viewer, Write,
};
use serde_json::json;

use crate::shared_database::{Database, create};

fn patches() -> [Write; 3] {
    let patch = |base| Operation::Patch {
        id: id(1),
        precondition: Precondition::Any,
        patch: Patch::merge(json!({ "nickname": "mine" })).expect("a patch"),
        base,
    };
    let squashed = Write { squash: Squash::of_seconds(900), ..write(patch(None)) };
    [write(patch(None)), idempotent(write(patch(None)), "k", 1), squashed]
}

fn ada() -> Viewer {
    let hash = TokenHash::from_bytes([1; 32]);
    let token = Token::new("ada".into(), hash, TokenScope::Write, Timestamp::from_micros(0));
    let token = Token { owner: Some("ada".into()), ..token.expect("random numbers") };
    Viewer::of(&token, &hash).expect("an owner")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_of_a_persona_of_another_owner_is_not_told_to_a_writer() {
    let database = Database::new();
    let store = database.store();
    store.write(create(1, json!({ "name": "B", "owner": "bea" }))).await.expect("created");
    database.sql("UPDATE persona_store.personas SET document = '[1]'");
    let (ada, door) = (ada(), GuardedStore::new(store));
    for write in patches() {
        let refused = door.view(&ada).write(write.clone()).await;
        assert!(matches!(refused, Err(Error::NotFound)), "{write:?}: {refused:?}");
        let told = door.view(&Viewer::trusted()).write(write).await;
        assert!(matches!(told, Err(Error::Damaged(_))), "the control: {told:?}");
    }
}

/// What each read of persona 1 comes to, in a word.
async fn reads(door: &GuardedStore, viewer: &Viewer) -> Vec<(&'static str, &'static str)> {
    let view = door.view(viewer);
    let (id, first) = (id(1), Revision::FIRST);
    let label = LabelName::parse("live").expect("a label");
    let whole = |found: Glance| !matches!(found, Glance::Whole(None));
    let handle = HandleName::parse("given").expect("a handle");
    let led = |look: HandleLook| look.target != HandleTarget::Nothing;
    vec![
        ("glance", told(&view.glance(id, None).await.map(whole))),
        ("glance at the past", told(&view.glance(id, Some(first)).await.map(whole))),
        ("get", told(&view.get(id).await.map(|found| found.is_some()))),
        ("revision", told(&view.revision(id, first).await.map(|found| found.is_some()))),
        ("revisions", told(&view.revisions(id, None, 9).await.map(|found| found.is_some()))),
        ("labels", told(&view.labels(id).await.map(|found| found.is_some()))),
        ("labels of", told(&view.labels_of(&[id]).await.map(|found| !found.is_empty()))),
        ("labelled", told(&view.labelled(id, &label).await.map(|found| found.is_some()))),
        ("moves", told(&view.label_moves(id, &label, None, 9).await.map(|found| found.is_some()))),
        ("handle", told(&view.look_at_handle(&handle).await.map(led))),
    ]
}

fn told(found: &Result<bool, Error>) -> &'static str {
    match found {
        Ok(true) => "there",
        Ok(false) => "nothing",
        Err(Error::Damaged(_)) => "damaged",
        Err(_) => "another error",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_of_a_persona_of_another_owner_is_not_told_to_a_reader() {
    let database = Database::new();
    let store = database.store();
    let members = json!({ "name": "B", "owner": "ada", "handle": "given" });
    store.write(create(1, members)).await.expect("created");
    let live = label_move(1, "live", LabelTarget::Revision(Revision::FIRST));
    let moves = LabelMoves::new(vec![live], soon()).expect("one label");
    store.move_labels(moves).await.expect("moved");
    let patch = Patch::merge(json!({ "owner": "bea" })).expect("a patch");
    let precondition = Precondition::Any;
    store
        .write(write(Operation::Patch { id: id(1), precondition, patch, base: None }))
        .await
        .expect("given away");
    database.sql("UPDATE persona_store.personas SET document = '[1]'");
    database.sql("UPDATE persona_store.revisions SET document = '[1]'");
    let door = GuardedStore::new(store);
    for (read, found) in reads(&door, &ada()).await {
        assert_eq!(found, "nothing", "{read}");
    }
    let found = reads(&door, &Viewer::trusted()).await;
    let damaged = found.iter().filter(|(_, found)| *found == "damaged").count();
    assert!(damaged >= 5, "the control: {found:?}");
}
