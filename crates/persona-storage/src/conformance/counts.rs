//! Cases: living personas, counted by folder, label and owner.

use persona_model::{HandlePrefix, Precondition};
use serde_json::{Value, json};

use super::TestClock;
use super::labels::{label_move, one, set, to};
use super::reach::{bound_to, guarded};
use super::steps::{Subject, create, delete, merge, undelete};
use crate::{Count, CountBy, CountRequest, LabelTarget, Viewer};

fn folder(prefix: &str) -> CountBy {
    CountBy::Folder(HandlePrefix::parse(prefix))
}

/// The counts behind a name that a viewer is told, at most so many.
async fn page(
    store: &Subject,
    viewer: &Viewer,
    by: CountBy,
    after: Option<&str>,
    limit: usize,
) -> Vec<(String, u64)> {
    let request =
        CountRequest { by, after: after.map(Into::into), limit, reach: viewer.reach().clone() };
    let store = guarded(store);
    let counts = store.view(viewer).counts(request).await.expect("counted");
    counts.into_iter().map(|Count { name, personas }| (name, personas)).collect()
}

async fn all(store: &Subject, by: CountBy) -> Vec<(String, u64)> {
    page(store, &Viewer::trusted(), by, None, 100).await
}

fn named(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(name, personas)| ((*name).to_owned(), *personas)).collect()
}

/// Personas with these handles and owners, numbered from 1.
async fn personas(store: &Subject, all: &[(Option<&str>, &str)]) {
    for (number, (handle, owner)) in (1..).zip(all) {
        let owner = if owner.is_empty() { Value::Null } else { json!(owner) };
        create(store, number, json!({ "name": "P", "handle": handle, "owner": owner })).await;
    }
}

pub async fn folders_are_counted_with_all_that_is_below_them(store: &Subject, _clock: &TestClock) {
    assert_eq!(all(store, folder("")).await, []);
    personas(
        store,
        &[
            (Some("support"), ""),
            (Some("support/tier-1"), ""),
            (Some("support/tier-1/night"), ""),
            (Some("support/tier-2/day"), ""),
            (Some("support-old/a"), ""),
            (Some("support0/a"), ""),
            (Some("sales/a"), ""),
            (Some("a/b/c/d/e/f/g/h"), ""),
            (None, ""),
        ],
    )
    .await;
    let outermost =
        named(&[("a/", 1), ("sales/", 1), ("support-old/", 1), ("support/", 3), ("support0/", 1)]);
    assert_eq!(all(store, folder("")).await, outermost);
    let below = named(&[("support/tier-1/", 1), ("support/tier-2/", 1)]);
    assert_eq!(all(store, folder("support/")).await, below);
    for (prefix, expected) in [
        ("support/tier-1/", &[][..]),
        ("a/b/c/d/e/f/g/", &[]),
        ("a/b/c/d/e/f/", &[("a/b/c/d/e/f/g/", 1)]),
        // The beginning of a word is the beginning of folders.
        ("support", &[("support-old/", 1), ("support/", 3), ("support0/", 1)]),
        ("s", &[("sales/", 1), ("support-old/", 1), ("support/", 3), ("support0/", 1)]),
        ("t/", &[]),
    ] {
        assert_eq!(all(store, folder(prefix)).await, named(expected), "{prefix}");
    }
    // A change is seen at once.
    merge(store, 7, json!({ "handle": "support/sales" })).await.expect("moved");
    delete(store, 8, Precondition::Any).await.expect("deleted");
    let after = named(&[("support-old/", 1), ("support/", 4), ("support0/", 1)]);
    assert_eq!(all(store, folder("")).await, after);
    undelete(store, 8).await.expect("undeleted");
    assert_eq!(all(store, folder("")).await[0], ("a/".to_owned(), 1));
}

pub async fn labels_and_owners_are_counted_of_the_living(store: &Subject, _clock: &TestClock) {
    for by in [CountBy::Label, CountBy::Owner] {
        assert_eq!(all(store, by).await, []);
    }
    personas(store, &[(None, ""), (None, "ada"), (None, "ada"), (None, "bea"), (None, "Cid")])
        .await;
    for number in 1..=4 {
        set(store, number, "production", to(1)).await;
    }
    for label in ["staging", "v1.0", "gone"] {
        set(store, 2, label, to(1)).await;
    }
    // The same label at a later revision counts once still.
    merge(store, 2, json!({ "nickname": "N" })).await.expect("patched");
    set(store, 2, "production", to(2)).await;
    one(store, label_move(2, "gone", LabelTarget::Nowhere)).await.expect("removed");
    delete(store, 4, Precondition::Any).await.expect("deleted");
    let labels = named(&[("production", 3), ("staging", 1), ("v1.0", 1)]);
    assert_eq!(all(store, CountBy::Label).await, labels);
    let owners = named(&[("", 1), ("Cid", 1), ("ada", 2)]);
    assert_eq!(all(store, CountBy::Owner).await, owners);
    undelete(store, 4).await.expect("undeleted");
    merge(store, 3, json!({ "owner": null })).await.expect("given away");
    let owners = named(&[("", 2), ("Cid", 1), ("ada", 1), ("bea", 1)]);
    assert_eq!(all(store, CountBy::Owner).await, owners);
    assert_eq!(all(store, CountBy::Label).await[0], ("production".to_owned(), 4));
}

pub async fn counts_come_in_pages_in_the_order_of_their_names(store: &Subject, _clock: &TestClock) {
    personas(
        store,
        &[
            (Some("b/1"), "bea"),
            (Some("a-b/1"), ""),
            (Some("a/1"), "ada"),
            (Some("a/2"), ""),
            (Some("a0/1"), "Ada"),
        ],
    )
    .await;
    for (number, label) in [(1, "b"), (2, "a.b"), (3, "a"), (4, "a-b")] {
        set(store, number, label, to(1)).await;
    }
    for (by, expected) in [
        (folder(""), &["a-b/", "a/", "a0/", "b/"][..]),
        (CountBy::Label, &["a", "a-b", "a.b", "b"]),
        (CountBy::Owner, &["", "Ada", "ada", "bea"]),
    ] {
        for limit in 1..=5 {
            let mut names: Vec<String> = Vec::new();
            loop {
                let after = names.last().map(String::as_str);
                let next = page(store, &Viewer::trusted(), by.clone(), after, limit).await;
                if next.is_empty() {
                    break;
                }
                assert!(next.len() <= limit);
                names.extend(next.into_iter().map(|(name, _)| name));
            }
            assert_eq!(names, expected, "{by:?} {limit}");
        }
    }
}

pub async fn a_bound_viewer_counts_what_it_reaches(store: &Subject, _clock: &TestClock) {
    personas(
        store,
        &[
            (Some("a/1"), "ada"),
            (Some("b/1"), "bea"),
            (Some("a/1"), ""),
            (Some("c/1"), ""),
            (Some("a/2"), "bea"),
        ],
    )
    .await;
    for number in 1..=5 {
        set(store, number, if number == 2 { "secret" } else { "production" }, to(1)).await;
    }
    delete(store, 4, Precondition::Any).await.expect("deleted");
    for (shared, [folders, labels, owners]) in [
        (false, [&[("a/", 1)][..], &[("production", 1)], &[("ada", 1)]]),
        (true, [&[("a/", 2)], &[("production", 2)], &[("", 1), ("ada", 1)]]),
    ] {
        let viewer = bound_to("ada", 1, shared);
        for (by, expected) in
            [(folder(""), folders), (CountBy::Label, labels), (CountBy::Owner, owners)]
        {
            let counts = page(store, &viewer, by.clone(), None, 10).await;
            assert_eq!(counts, named(expected), "{by:?} {shared}");
        }
        assert_eq!(page(store, &viewer, folder("b/"), None, 10).await, []);
    }
}
