//! Cases: earlier revisions stay readable.

use persona_model::{FIELDS, Filter, ListRequest, Precondition, Sort};
use serde_json::json;

use super::TestClock;
use super::steps::{
    Subject, create, create_write, delete, document, get, id, idempotent, json_of, merge, named,
    revision, write,
};
use crate::{Error, Exported, GLANCE_BYTES_MAX, Glance, Operation, Representation};

pub async fn every_revision_stays_readable_with_author_and_changed_fields(
    store: &Subject,
    _clock: &TestClock,
) {
    let first = create(store, 1, named("Ada")).await;
    let mut second = write(Operation::Replace {
        id: id(1),
        precondition: Precondition::Any,
        document: document(json!({ "name": "Ada", "tags": ["a"] })),
    });
    second.author = Some("Eve".into());
    let second = store.write(second).await.expect("replaced").representation;
    delete(store, 1, Precondition::Any).await.expect("deleted");

    let record = |number| {
        let store = store.clone();
        async move { store.revision(id(1), revision(number)).await.expect("readable") }
    };
    let one = record(1).await.expect("it exists");
    assert_eq!((one.representation, one.author), (first, None));
    assert_eq!(one.changed, FIELDS.iter().map(|field| field.name.to_owned()).collect::<Vec<_>>());
    let two = record(2).await.expect("it exists");
    assert_eq!(json_of(&two.representation)["updated_by"], json!("Eve"));
    assert_eq!(
        (two.representation, two.author, two.changed),
        (second, Some("Eve".into()), vec!["tags".into()])
    );
    let three = record(3).await.expect("it exists");
    assert_eq!((three.representation.deleted, three.changed), (true, vec![]));
    assert_eq!(record(4).await, None);
    assert_eq!(store.revision(id(2), revision(1)).await.expect("readable"), None);
}

pub async fn a_large_document_is_not_read_at_a_glance(store: &Subject, _clock: &TestClock) {
    let small = create(store, 1, named("Ada")).await;
    let text = "x".repeat(GLANCE_BYTES_MAX);
    let large =
        merge(store, 1, json!({ "description": text })).await.expect("patched").representation;
    let glance = |number: u8, at: Option<u64>| {
        let store = store.clone();
        async move { store.glance(id(number), at.map(revision)).await.expect("readable") }
    };
    assert_eq!(glance(1, None).await, Glance::Large);
    assert!(store.glance_at_once(id(1)).is_none(), "a large document is read in its turn");
    assert_eq!(glance(1, Some(1)).await, Glance::Whole(Some(small)));
    assert_eq!(glance(1, Some(2)).await, Glance::Large);
    assert_eq!(get(store, 1).await, large);
    assert_eq!(
        store
            .revision(id(1), revision(2))
            .await
            .expect("readable")
            .map(|record| record.representation),
        Some(large)
    );
    let small =
        merge(store, 1, json!({ "description": "" })).await.expect("patched").representation;
    assert_eq!(glance(1, None).await, Glance::Whole(Some(small.clone())));
    assert_eq!(get(store, 1).await, small);
    // A store that must wait for its database gives no answer at once.
    for (number, expected) in [(1, Some(small)), (2, None)] {
        if let Some(found) = store.glance_at_once(id(number)) {
            assert_eq!(found.expect("readable"), expected);
        }
    }
    for (number, at) in [(2, None), (2, Some(1)), (1, Some(4))] {
        assert_eq!(glance(number, at).await, Glance::Whole(None), "{number} {at:?}");
    }
}

/// The tag is the same in lists, exports, revisions, replays and refusals as in the answer to the
/// write.
pub async fn a_tag_names_the_same_state_wherever_it_is_answered(
    store: &Subject,
    _clock: &TestClock,
) {
    let creation = || {
        idempotent(write(Operation::Create { id: id(1), document: document(named("Ada")) }), "c", 1)
    };
    let first = store.write(creation()).await.expect("created").representation.tag();
    let second = merge(store, 1, named("Bea")).await.expect("patched").representation.tag();
    assert_ne!((first.revision, first.checksum), (second.revision, second.checksum));
    assert_eq!(store.write(creation()).await.expect("replayed").representation.tag(), first);
    assert_eq!(get(store, 1).await.tag(), second);
    for tag in [first, second] {
        let record =
            store.revision(id(1), tag.revision).await.expect("readable").expect("it exists");
        assert_eq!(record.representation.tag(), tag);
    }
    let request = ListRequest {
        filter: Filter::default(),
        sort: Sort::DEFAULT,
        after: None,
        limit: 10,
        count: false,
    };
    let page = store.list(request).await.expect("readable");
    assert_eq!(page.items.iter().map(Representation::tag).collect::<Vec<_>>(), [second]);
    let mut export = store.export(Exported::Living).await.expect("started");
    assert_eq!(export.recv().await.expect("one").expect("no error").tag(), second);
    let refused = create_write(store, 1, named("Eve")).await.expect_err("refused");
    assert!(matches!(refused, Error::AlreadyExists { current } if current == second), "{refused}");
}
