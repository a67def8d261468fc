//! What was stays readable.

use persona_model::{Expect, FIELDS};
use serde_json::json;

use super::TestClock;
use super::steps::{Subject, create, delete, document, id, json_of, named, revision, write};
use crate::Operation;

pub async fn every_revision_stays_readable_with_author_and_changed_fields(store: &Subject, _clock: &TestClock) {
    let first = create(store, 1, named("Ada")).await;
    let mut second =
        write(Operation::Replace { id: id(1), expect: Expect::Any, document: document(json!({ "name": "Ada", "tags": ["a"] })) });
    second.author = Some("Eve".into());
    let second = store.write(second).await.expect("replaced").answer;
    delete(store, 1, Expect::Any).await.expect("deleted");

    let record = |number| {
        let store = store.clone();
        async move { store.revision(id(1), revision(number)).await.expect("readable") }
    };
    let one = record(1).await.expect("it exists");
    assert_eq!((one.answer, one.author), (first, None));
    assert_eq!(one.changed, FIELDS.iter().map(|field| field.name.to_owned()).collect::<Vec<_>>());
    let two = record(2).await.expect("it exists");
    assert_eq!(json_of(&two.answer)["updated_by"], json!("Eve"));
    assert_eq!((two.answer, two.author, two.changed), (second, Some("Eve".into()), vec!["tags".into()]));
    let three = record(3).await.expect("it exists");
    assert_eq!((three.answer.deleted, three.changed), (true, vec![]));
    assert_eq!(record(4).await, None);
    assert_eq!(store.revision(id(2), revision(1)).await.expect("readable"), None);
}
