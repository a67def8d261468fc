//! Cases: lists of personas.

use persona_model::{
    Cursor, Filter, Kind, LabelName, ListRequest, Precondition, Search, Since, Sort, Timestamp,
    filter_tags,
};
use serde_json::json;

use super::TestClock;
use super::labels::{label_move, one, set, to};
use super::steps::{Subject, create, delete, id, json_of, merge, named};
use crate::{Exported, LabelTarget, PAGE_BYTES_MAX, Page, Representation};

async fn list(
    store: &Subject,
    filter: &Filter,
    sort: Sort,
    limit: usize,
    cursor: Option<&str>,
) -> Page {
    let after = cursor.map(|text| Cursor::decode(text, filter, sort).expect("its own cursor"));
    store
        .list(ListRequest { filter: filter.clone(), sort, after, limit, count: true })
        .await
        .expect("listed")
}

/// Every persona of a list, page by page.
async fn walk(store: &Subject, filter: &Filter, sort: Sort, limit: usize) -> Vec<Representation> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = list(store, filter, sort, limit, cursor.as_deref()).await;
        assert!(
            page.items.len() <= limit && (page.next_cursor.is_none() || page.items.len() == limit)
        );
        all.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return all,
        }
    }
}

fn ids(answers: &[Representation]) -> Vec<u8> {
    answers.iter().map(|answer| answer.id.as_bytes()[15]).collect()
}

pub async fn every_order_pages_through_every_persona_once(store: &Subject, _clock: &TestClock) {
    // Equal names, names with an order by bytes that differs from the alphabet, and an update that
    // changes the order by time.
    for (number, name) in [(3, "b"), (1, "a"), (2, "b"), (5, "Z"), (4, "é")] {
        create(store, number, named(name)).await;
    }
    merge(store, 1, json!({ "description": "newest" })).await.expect("patched");
    let expected = [
        ("name", [5, 1, 2, 3, 4]),
        ("-name", [4, 3, 2, 1, 5]),
        ("created_at", [3, 1, 2, 5, 4]),
        ("-created_at", [4, 5, 2, 1, 3]),
        ("updated_at", [3, 2, 5, 4, 1]),
        ("-updated_at", [1, 4, 5, 2, 3]),
    ];
    for (word, order) in expected {
        let sort = word.parse::<Sort>().expect("an order");
        for limit in 1..=6 {
            assert_eq!(
                ids(&walk(store, &Filter::default(), sort, limit).await),
                order,
                "{word} by {limit}"
            );
        }
    }
    let page = list(store, &Filter::default(), Sort::DEFAULT, 2, None).await;
    assert_eq!(page.total, Some(5));
    assert_eq!(page.items[0], store.get(id(4)).await.expect("readable").expect("it exists"));
}

pub async fn filters_select_exactly_the_personas_that_meet_them(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, json!({ "name": "a", "kind": "agent", "tags": ["x", "y", "x"] })).await;
    create(store, 2, json!({ "name": "b", "tags": ["y"], "is_active": false })).await;
    create(store, 3, json!({ "name": "c", "tags": ["x"] })).await;
    delete(store, 3, Precondition::Any).await.expect("deleted");
    clock.advance_micros(1_000_000);
    merge(store, 2, json!({ "tags": ["Y", "z"] })).await.expect("patched");

    let by_name = "name".parse::<Sort>().expect("an order");
    let tags = |tags: &[&str]| Filter {
        tags: filter_tags(tags.iter().copied()).expect("few"),
        ..Filter::default()
    };
    let since = Timestamp::parse("2026-11-24T12:00:01Z").map(Since::Time);
    let expected: [(Filter, &[u8]); 10] = [
        (Filter::default(), &[1, 2]),
        (Filter { include_deleted: true, ..Filter::default() }, &[1, 2, 3]),
        (Filter { kind: Some(Kind::Agent), ..Filter::default() }, &[1]),
        (Filter { is_active: Some(false), ..Filter::default() }, &[2]),
        (Filter { updated_since: since, ..Filter::default() }, &[2]),
        (tags(&["x"]), &[1]),
        (tags(&["x", "y"]), &[1]),
        (tags(&["y"]), &[1, 2]),
        (tags(&["Y"]), &[1, 2]),
        (tags(&["x", "z"]), &[]),
    ];
    for (filter, wanted) in expected {
        let page = list(store, &filter, by_name, 10, None).await;
        assert_eq!(
            (ids(&page.items), page.total),
            (wanted.to_vec(), Some(wanted.len() as u64)),
            "{filter:?}"
        );
    }
}

pub async fn tags_leave_personas_out_and_labels_are_wanted(store: &Subject, _clock: &TestClock) {
    for (number, tags) in [(1, &["x"][..]), (2, &["X", "y"]), (3, &["y"]), (4, &[])] {
        create(store, number, json!({ "name": format!("{number}"), "tags": tags })).await;
    }
    for (number, label) in [(1, "production"), (2, "production"), (2, "staging"), (4, "gone")] {
        set(store, number, label, to(1)).await;
    }
    one(store, label_move(4, "gone", LabelTarget::Nowhere)).await.expect("removed");
    // It has the label still, at an earlier revision.
    merge(store, 1, json!({ "nickname": "N" })).await.expect("patched");
    delete(store, 2, Precondition::Any).await.expect("deleted");
    let tags = |tags: &[&str]| filter_tags(tags.iter().copied()).expect("few");
    let without = |words: &[&str]| Filter { without_tags: tags(words), ..Filter::default() };
    let labelled =
        |label: &str| Filter { label: LabelName::parse(label).ok(), ..Filter::default() };
    let deleted_too = |filter| Filter { include_deleted: true, ..filter };
    for (filter, wanted) in [
        (without(&["x"]), &[3, 4][..]),
        (deleted_too(without(&["X"])), &[3, 4]),
        (deleted_too(without(&["x", "y"])), &[4]),
        (without(&["unknown", "with\0nul"]), &[1, 3, 4]),
        (deleted_too(Filter { tags: tags(&["y"]), ..without(&["x"]) }), &[3]),
        (labelled("production"), &[1]),
        (deleted_too(labelled("production")), &[1, 2]),
        (labelled("staging"), &[]),
        (labelled("gone"), &[]),
        (Filter { label: LabelName::parse("production").ok(), ..without(&["x"]) }, &[]),
        (Filter { search: Search::parse("1").ok(), ..labelled("production") }, &[1]),
        (Filter { search: Search::parse("1").ok(), ..without(&["x"]) }, &[]),
    ] {
        let orders = ["name", "relevance"].map(|word| word.parse::<Sort>().expect("an order"));
        for sort in orders.into_iter().take(1 + usize::from(filter.search.is_some())) {
            let page = list(store, &filter, sort, 10, None).await;
            let found = (ids(&page.items), page.total);
            assert_eq!(found, (wanted.to_vec(), Some(wanted.len() as u64)), "{filter:?}");
        }
    }
}

pub async fn a_list_is_stable_while_personas_come_and_go(store: &Subject, _clock: &TestClock) {
    for number in [10, 20, 30, 40] {
        create(store, number, named(&format!("name {number}"))).await;
    }
    let (filter, sort) = (Filter::default(), "name".parse::<Sort>().expect("an order"));
    let first = list(store, &filter, sort, 2, None).await;
    assert_eq!(ids(&first.items), [10, 20]);
    create(store, 15, named("name 15")).await;
    create(store, 25, named("name 25")).await;
    delete(store, 20, Precondition::Any).await.expect("deleted");
    let second = list(store, &filter, sort, 2, first.next_cursor.as_deref()).await;
    assert_eq!(ids(&second.items), [25, 30]);
}

pub async fn a_page_of_large_personas_ends_early_and_the_next_one_goes_on(
    store: &Subject,
    _clock: &TestClock,
) {
    let text = "t".repeat(256 * 1024);
    for number in 1..=30 {
        create(
            store,
            number,
            json!({ "name": "large", "description": text, "scenario": text, "personality": text }),
        )
        .await;
    }
    let by_creation = "created_at".parse::<Sort>().expect("an order");
    let page = list(store, &Filter::default(), by_creation, 1000, None).await;
    let bytes: usize = page.items.iter().map(|answer| answer.body.len()).sum();
    let last = page.items.last().expect("an item").body.len();
    assert!(
        page.items.len() < 30 && bytes >= PAGE_BYTES_MAX && bytes - last < PAGE_BYTES_MAX,
        "{} items, {bytes} bytes",
        page.items.len()
    );
    let rest =
        list(store, &Filter::default(), by_creation, 1000, page.next_cursor.as_deref()).await;
    let all: Vec<u8> = ids(&page.items).into_iter().chain(ids(&rest.items)).collect();
    assert_eq!((all, rest.next_cursor), ((1..=30).collect::<Vec<_>>(), None));
}

pub async fn an_export_holds_every_living_persona_once(store: &Subject, _clock: &TestClock) {
    for number in 1..=200 {
        create(store, number, named(&format!("name {number}"))).await;
    }
    delete(store, 7, Precondition::Any).await.expect("deleted");
    for (include_deleted, wanted) in [(false, 199), (true, 200)] {
        let mut export = store
            .export(if include_deleted { Exported::All } else { Exported::Living })
            .await
            .expect("started");
        let mut seen = Vec::new();
        while let Some(item) = export.recv().await {
            let answer = item.expect("no error");
            assert_eq!(json_of(&answer)["id"], json!(answer.id.to_string()));
            seen.push(answer.id);
        }
        assert_eq!(seen.len(), wanted);
        assert!(seen.is_sorted(), "in order of creation");
    }
}
