//! The list of what a persona was.

use persona_model::{Patch, Precondition, Revision};
use serde_json::json;

use super::TestClock;
use super::steps::{
    Subject, create, delete, get, id, json_of, merge, named, revision, undelete, write,
};
use crate::{Operation, RevisionSummary};

async fn noted(store: &Subject, note: &str, operation: Operation) {
    let mut write = write(operation);
    write.author = Some("Eve".into());
    write.note = Some(note.into());
    store.write(write).await.expect("written");
}

pub async fn a_list_of_revisions_tells_what_each_change_was(store: &Subject, _clock: &TestClock) {
    create(store, 1, named("Ada")).await;
    let patch = Patch::merge(json!({ "nickname": "A" })).expect("a merge patch");
    let operation = Operation::Patch {
        id: id(1),
        precondition: Precondition::Any,
        patch,
        base: Some(revision(1)),
    };
    noted(store, "she asked for it: \"A\"", operation).await;
    noted(store, "gone", Operation::Delete { id: id(1), precondition: Precondition::Any }).await;
    undelete(store, 1).await.expect("undeleted");
    let page = store.revisions(id(1), None, 10).await.expect("readable").expect("it exists");
    assert!(!page.has_more);
    let told: Vec<_> = page
        .items
        .iter()
        .map(|entry| {
            let RevisionSummary { revision, author, note, base, deleted, changed, .. } = entry;
            let (author, note) = (author.as_deref(), note.as_deref());
            (revision.number(), author, note, base.map(Revision::number), *deleted, changed.len())
        })
        .collect();
    let fields = persona_model::FIELDS.len();
    let expected = [
        (4, None, None, None, false, 0),
        (3, Some("Eve"), Some("gone"), None, true, 0),
        (2, Some("Eve"), Some("she asked for it: \"A\""), Some(1), false, 1),
        (1, None, None, None, false, fields),
    ];
    assert_eq!(told, expected);
    for entry in &page.items {
        let record =
            store.revision(id(1), entry.revision).await.expect("readable").expect("it exists");
        assert_eq!(
            (record.at, record.author, record.note, record.changed, record.base),
            (entry.at, entry.author.clone(), entry.note.clone(), entry.changed.clone(), entry.base)
        );
        let answer = record.representation;
        let mut document = json_of(&answer);
        document.as_object_mut().expect("an object").retain(|name, value| {
            // The document of a persona without an owner does not say so.
            let is_field = persona_model::FIELDS.iter().any(|field| field.name == name);
            is_field && (name != "owner" || !value.is_null())
        });
        let bytes = document.to_string().len() as u64;
        assert_eq!((entry.deleted, entry.document_bytes), (answer.deleted, bytes));
    }
    assert_eq!(store.revisions(id(2), None, 10).await.expect("readable"), None);
}

pub async fn a_list_of_revisions_pages_through_each_once_while_more_come(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    // Another persona's revisions stand between.
    create(store, 2, named("Bea")).await;
    for number in 2..=20 {
        merge(store, 1, json!({ "nickname": number.to_string() })).await.expect("patched");
        merge(store, 2, json!({ "nickname": number.to_string() })).await.expect("patched");
    }
    for limit in [1, 3, 7, 19, 20, 1000] {
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let page =
                store.revisions(id(1), before, limit).await.expect("readable").expect("it exists");
            assert!(page.items.len() <= limit, "{limit}");
            seen.extend(page.items.iter().map(|entry| entry.revision.number()));
            before = page.items.last().map(|entry| entry.revision);
            assert_eq!(page.has_more, before != Some(Revision::FIRST), "{limit}");
            if !page.has_more {
                break;
            }
            // What comes meanwhile is newer than all pages that are left.
            let nickname = format!("{limit} {}", seen.len());
            merge(store, 1, json!({ "nickname": nickname })).await.expect("patched");
        }
        let newest = seen[0];
        assert_eq!(seen, (1..=newest).rev().collect::<Vec<_>>(), "{limit}");
    }
    let newest = get(store, 1).await.revision;
    let page = |before| store.revisions(id(1), before, 5);
    let beyond = page(Some(revision(u64::MAX))).await.expect("readable").expect("it exists");
    assert_eq!(beyond.items.first().map(|entry| entry.revision), Some(newest));
    let before_first = page(Some(Revision::FIRST)).await.expect("readable").expect("it exists");
    assert_eq!((before_first.items.len(), before_first.has_more), (0, false));
    delete(store, 1, Precondition::Any).await.expect("deleted");
    let deleted = page(None).await.expect("readable").expect("it exists");
    assert_eq!(deleted.items.first().map(|entry| entry.revision), Some(newest.next()));
}
