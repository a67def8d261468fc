//! Personas of another owner, below what a client with a token can tell.

use persona_model::{Patch, Precondition, Timestamp};
use persona_storage::conformance::{id, idempotent, write};
use persona_storage::{
    Error, GuardedStore, Operation, SquashWindow, Token, TokenHash, TokenScope, Viewer, Write,
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
    let squashed = Write { squash: SquashWindow::of_seconds(900), ..write(patch(None)) };
    [write(patch(None)), idempotent(write(patch(None)), "k", 1), squashed]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_of_a_persona_of_another_owner_is_not_told_to_a_writer() {
    let database = Database::new();
    let store = database.store();
    store.write(create(1, json!({ "name": "B", "owner": "bea" }))).await.expect("created");
    database.sql("UPDATE persona_store.personas SET document = '[1]'");
    let hash = TokenHash::from_bytes([1; 32]);
    let token = Token::new("ada".into(), hash, TokenScope::Write, Timestamp::from_micros(0));
    let token = Token { owner: Some("ada".into()), ..token.expect("random numbers") };
    let (ada, door) = (Viewer::of(&token, &hash).expect("an owner"), GuardedStore::new(store));
    for write in patches() {
        let refused = door.view(&ada).write(write.clone()).await;
        assert!(matches!(refused, Err(Error::NotFound)), "{write:?}: {refused:?}");
        let told = door.view(&Viewer::trusted()).write(write).await;
        assert!(matches!(told, Err(Error::Damaged(_))), "the control: {told:?}");
    }
}
