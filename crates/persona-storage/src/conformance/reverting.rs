//! What was, made current again.

use persona_model::{Precondition, Revision};
use serde_json::json;

use super::TestClock;
use super::steps::{
    Subject, create, create_write, delete, get, guess, id, idempotent, json_of, merge, named,
    revision, undelete, write,
};
use crate::{Error, GLANCE_BYTES_MAX, Operation, Outcome, Write, Written};

fn revert(number: u8, to: u64, precondition: Precondition) -> Write {
    write(Operation::Revert { id: id(number), precondition, revision: revision(to) })
}

async fn reverted(store: &Subject, to: u64) -> Result<Written, Error> {
    store.write(revert(1, to, Precondition::Any)).await
}

pub async fn reverting_makes_a_new_revision_with_the_earlier_document(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "Ada", "tags": ["a"], "handle": "ada" })).await;
    // A large one: it is worked on in another way.
    let text = "word ".repeat(GLANCE_BYTES_MAX / 4);
    merge(store, 1, json!({ "description": text, "tags": ["b"] })).await.expect("patched");
    merge(store, 1, json!({ "name": "Eve", "handle": null })).await.expect("patched");
    let first = store.revision(id(1), revision(1)).await.expect("readable").expect("it exists");
    for (to, made, changed) in [(1, 4, 4), (2, 5, 2), (3, 6, 2)] {
        let mut write = revert(1, to, Precondition::Any);
        write.note = Some(format!("back to {to}"));
        let written = store.write(write).await.expect("reverted");
        assert_eq!(written.outcome, Outcome::Updated);
        let record = store.revision(id(1), revision(made)).await.expect("readable");
        let record = record.expect("it exists");
        assert_eq!(record.representation, written.representation);
        assert_eq!(record.representation, get(store, 1).await);
        assert_eq!(
            (record.base, record.note, record.changed.len()),
            (Revision::new(to), Some(format!("back to {to}")), changed)
        );
        let earlier = store.revision(id(1), revision(to)).await.expect("readable");
        let earlier = json_of(&earlier.expect("it exists").representation);
        let now = json_of(&written.representation);
        assert_eq!(
            (&now["content_hash"], &now["name"]),
            (&earlier["content_hash"], &earlier["name"])
        );
        assert_ne!(now["updated_at"], earlier["updated_at"]);
    }
    let kept = store.revision(id(1), revision(1)).await.expect("readable");
    assert_eq!(kept, Some(first), "what was stays");
    let again = reverted(store, 3).await.expect("the same again");
    assert_eq!((again.outcome, again.representation.revision), (Outcome::Unchanged, revision(6)));
}

pub async fn a_revert_is_refused_like_any_other_write(store: &Subject, _clock: &TestClock) {
    assert!(matches!(reverted(store, 1).await, Err(Error::NotFound)));
    create(store, 1, json!({ "name": "Ada", "handle": "ada" })).await;
    let second = merge(store, 1, json!({ "handle": null })).await.expect("patched");
    let tag = second.representation.tag();
    let unknown = reverted(store, 3).await;
    assert!(
        matches!(unknown, Err(Error::UnknownRevision { revision: three, current }) if three == revision(3) && current == tag),
        "{unknown:?}"
    );
    let stale = store.write(revert(1, 1, guess(&[revision(1)]))).await;
    assert!(matches!(stale, Err(Error::Stale { current }) if current == tag), "{stale:?}");
    create_write(store, 2, json!({ "name": "Bea", "handle": "ada" })).await.expect("it is free");
    let taken = reverted(store, 1).await;
    assert!(
        matches!(&taken, Err(Error::HandleTaken { holder, .. }) if *holder == id(2)),
        "{taken:?}"
    );
    assert_eq!(get(store, 1).await.tag(), tag, "nothing of this was kept");
    merge(store, 2, json!({ "handle": null })).await.expect("patched");
    delete(store, 1, Precondition::Any).await.expect("deleted");
    assert!(matches!(reverted(store, 1).await, Err(Error::Deleted { .. })));
    // The revision that deleted it has a document too.
    undelete(store, 1).await.expect("undeleted");
    merge(store, 1, named("Eve")).await.expect("patched");
    let of_deleted = reverted(store, 3).await.expect("reverted");
    assert_eq!(json_of(&of_deleted.representation)["name"], "Ada");
    assert!(!of_deleted.representation.deleted);
    let keyed = || idempotent(revert(1, 1, Precondition::Any), "k", 7);
    let once = store.write(keyed()).await.expect("reverted");
    let replayed = store.write(keyed()).await.expect("the same again");
    assert_eq!((replayed.replayed, replayed.representation), (true, once.representation));
}
