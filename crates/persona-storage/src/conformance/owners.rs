//! Cases: personas of owners: their handles, and the lists and exports of one owner.

use persona_model::{
    Cursor, Filter, ListRequest, Owned, Owner, Reach, Search, Since, Sort, Timestamp,
};
use serde_json::{Value, json};

use super::TestClock;
use super::polling::end_of_feed;
use super::steps::{
    Subject, create, create_write, delete, document, id, json_of, member, merge, undelete, write,
};
use crate::{AtomicBatch, Error, ExportRequest, Exported, Operation, Page};

pub(super) fn owner(name: &str) -> Owner {
    name.parse().expect("a name")
}

fn owned(name: &str) -> Owned {
    if name.is_empty() { Owned::ByNone } else { Owned::By(owner(name)) }
}

fn bound_to(name: &str, with_shared: bool) -> Reach {
    Reach::Owner { owner: owner(name), with_shared }
}

async fn list(store: &Subject, filter: &Filter, sort: Sort, after: Option<Cursor>) -> Page {
    let request = ListRequest { filter: filter.clone(), sort, after, limit: 2, count: true };
    store.list(request).await.expect("listed")
}

/// The personas of a list, page by page; checks that the count of the list agrees.
async fn walk(store: &Subject, filter: &Filter, sort: Sort) -> Vec<u8> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = list(store, filter, sort, after).await;
        all.extend(page.items.iter().map(|item| item.id.as_bytes()[15]));
        let Some(next) = page.next_cursor else {
            assert_eq!(page.total, Some(all.len() as u64), "{filter:?}");
            return all;
        };
        after = Some(Cursor::decode(&next, filter, sort).expect("its own cursor"));
    }
}

fn is_taken_by(result: &Result<crate::Written, Error>, number: u8) -> bool {
    matches!(result, Err(Error::HandleTaken { holder, .. }) if *holder == id(number))
}

pub async fn a_handle_is_unique_among_the_personas_of_an_owner(
    store: &Subject,
    _clock: &TestClock,
) {
    let named = |owner: Value| json!({ "name": "Ada", "handle": "ada", "owner": owner });
    for (number, owner) in [(1, json!("ada")), (2, json!("bea")), (3, Value::Null)] {
        create(store, number, named(owner.clone())).await;
        let again = create_write(store, number + 10, named(owner)).await;
        assert!(is_taken_by(&again, number), "{again:?}");
    }
    // The handle moves with the persona to its new owner, where the handle can be taken.
    let given = merge(store, 1, json!({ "owner": "bea" })).await;
    assert!(is_taken_by(&given, 2), "{given:?}");
    delete(store, 2, persona_model::Precondition::Any).await.expect("deleted");
    merge(store, 1, json!({ "owner": "bea" })).await.expect("the handle is free there now");
    let back = undelete(store, 2).await;
    assert!(is_taken_by(&back, 1), "{back:?}");
    create(store, 4, named(json!("ada"))).await;
    merge(store, 1, json!({ "owner": null })).await.expect_err("taken by the third");
    assert_eq!(member(store, 1, "owner").await, json!("bea"));
}

pub async fn a_handle_goes_from_owner_to_owner_within_a_batch(store: &Subject, _clock: &TestClock) {
    create(store, 1, json!({ "name": "Ada", "handle": "ada", "owner": "ada" })).await;
    create(store, 2, json!({ "name": "Bea", "handle": "ada", "owner": "bea" })).await;
    let patch = |number: u8, members: Value| {
        let patch = persona_model::Patch::merge(members).expect("a patch");
        let precondition = persona_model::Precondition::Any;
        write(Operation::Patch { id: id(number), precondition, patch, base: None })
    };
    let exchange = vec![
        patch(1, json!({ "handle": null, "owner": "bea" })),
        patch(2, json!({ "owner": "ada" })),
        write(Operation::Create {
            id: id(3),
            document: document(json!({ "name": "Cleo", "handle": "ada", "owner": "bea" })),
        }),
    ];
    let batch = AtomicBatch::new(exchange).expect("a batch");
    store.write_all(batch).await.expect("each handle is free when it is taken");
    for (number, owner) in [(1, "bea"), (2, "ada"), (3, "bea")] {
        assert_eq!(member(store, number, "owner").await, json!(owner), "{number}");
    }
    let taken = AtomicBatch::new(vec![patch(1, json!({ "handle": "ada" }))]).expect("a batch");
    let refused = store.write_all(taken).await.expect_err("the third has it").error;
    assert!(is_taken_by(&Err(refused), 3));
}

/// Personas of two owners and of none, in turns; the last one is deleted.
async fn personas(store: &Subject) {
    for number in 1..=9 {
        let owner = [json!("ada"), json!("bea"), Value::Null][usize::from(number % 3)].clone();
        let name = format!("wizard {}", 10 - number);
        let tag = if number < 6 { "old" } else { "new" };
        create(store, number, json!({ "name": name, "owner": owner, "tags": [tag] })).await;
    }
    merge(store, 3, json!({ "description": "changed last" })).await.expect("patched");
    delete(store, 9, persona_model::Precondition::Any).await.expect("deleted");
}

pub async fn a_list_of_an_owner_has_its_personas_in_every_order(
    store: &Subject,
    _clock: &TestClock,
) {
    personas(store).await;
    let orders = [
        ("name", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("-name", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("created_at", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("-created_at", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("updated_at", [1, 2, 4, 5, 6, 7, 8, 3]),
        ("-updated_at", [3, 8, 7, 6, 5, 4, 2, 1]),
    ];
    let wizards = || Search::parse("wizard").ok();
    let searched = [("relevance", [8, 7, 6, 5, 4, 3, 2, 1])].into_iter();
    let all = orders
        .into_iter()
        .map(|order| (order, None))
        .chain(orders.into_iter().chain(searched).map(|order| (order, wizards())));
    for ((word, order), search) in all {
        let sort = word.parse::<Sort>().expect("an order");
        let of = |remainders: &[u8]| -> Vec<u8> {
            order.into_iter().filter(|number| remainders.contains(&(number % 3))).collect()
        };
        let everything = Reach::Everything;
        let cases = [
            (Some(owned("ada")), everything.clone(), of(&[0])),
            (Some(owned("bea")), everything.clone(), of(&[1])),
            (Some(owned("")), everything.clone(), of(&[2])),
            (Some(owned("eve")), everything, vec![]),
            (None, bound_to("ada", false), of(&[0])),
            (None, bound_to("ada", true), of(&[0, 2])),
            (Some(owned("ada")), bound_to("ada", true), of(&[0])),
            (Some(owned("")), bound_to("ada", true), of(&[2])),
            (Some(owned("")), bound_to("ada", false), vec![]),
            (Some(owned("bea")), bound_to("ada", true), vec![]),
        ];
        for (owned, reach, expected) in cases {
            let filter = Filter { owned, reach, search: search.clone(), ..Filter::default() };
            assert_eq!(walk(store, &filter, sort).await, expected, "{word}: {filter:?}");
        }
    }
}

pub async fn the_other_conditions_of_a_list_hold_for_an_owner_too(
    store: &Subject,
    _clock: &TestClock,
) {
    personas(store).await;
    let of_ada = || Filter { reach: bound_to("ada", true), ..Filter::default() };
    let tags = vec!["new".to_owned()];
    let deleted = Filter { include_deleted: true, ..of_ada() };
    let changed = Filter { updated_since: Some(Since::Time(Timestamp::default())), ..of_ada() };
    let without = Filter { search: Search::parse("-changed").ok(), ..of_ada() };
    let sort = "name".parse::<Sort>().expect("an order");
    for (filter, expected) in [
        (Filter { tags, ..of_ada() }, vec![8, 6]),
        (deleted, vec![9, 8, 6, 5, 3, 2]),
        (changed, vec![8, 6, 5, 3, 2]),
        (without, vec![8, 6, 5, 2]),
    ] {
        assert_eq!(walk(store, &filter, sort).await, expected, "{filter:?}");
    }
    let position = end_of_feed(store).await;
    merge(store, 4, json!({ "nickname": "of another" })).await.expect("patched");
    merge(store, 6, json!({ "nickname": "of its own" })).await.expect("patched");
    let since = Filter { updated_since: Some(Since::Position(position)), ..of_ada() };
    // A transaction that still ran elsewhere at the time of the position can make the list repeat
    // earlier changes.
    let found = walk(store, &since, sort).await;
    assert!(
        found.contains(&6) && found.iter().all(|number| [8, 6, 5, 3, 2].contains(number)),
        "{found:?}"
    );
}

pub async fn an_export_of_an_owner_has_its_personas_only(store: &Subject, _clock: &TestClock) {
    personas(store).await;
    merge(store, 6, json!({ "owner": "bea" })).await.expect("given away");
    let exported = async |exported, owned, reach| {
        let mut export = store
            .export_some(ExportRequest { owned, reach, ..ExportRequest::from(exported) })
            .await
            .expect("exported");
        let mut found = Vec::new();
        while let Some(answer) = export.recv().await {
            let line = json_of(&answer.expect("readable"));
            let number = line["id"].as_str().expect("an identity").as_bytes()[35] - b'0';
            found.push((number, line["revision"].as_u64().expect("a number")));
        }
        found
    };
    let everything = || Reach::Everything;
    assert_eq!(exported(Exported::Living, Some(owned("ada")), everything()).await, [(3, 2)]);
    assert_eq!(exported(Exported::All, Some(owned("ada")), everything()).await, [(3, 2), (9, 2)]);
    let with_shared = exported(Exported::Living, None, bound_to("ada", true)).await;
    assert_eq!(with_shared, [(2, 1), (3, 2), (5, 1), (8, 1)]);
    assert_eq!(exported(Exported::All, Some(owned("bea")), bound_to("ada", true)).await, []);
    // A persona that was given to another owner is out of reach, with its whole history.
    let history = exported(Exported::History, None, bound_to("ada", false)).await;
    assert_eq!(history, [(3, 1), (9, 1), (3, 2), (9, 2)]);
    let history = exported(Exported::History, Some(owned("bea")), everything()).await;
    assert_eq!(history, [(1, 1), (4, 1), (6, 1), (7, 1), (6, 2)]);
    assert_eq!(exported(Exported::History, Some(owned("eve")), everything()).await, []);
}

pub async fn the_owners_of_several_personas_are_looked_at_together(
    store: &Subject,
    _clock: &TestClock,
) {
    for (number, owner) in [(1, json!("ada")), (2, json!("bea")), (3, Value::Null), (4, json!("x"))]
    {
        create(store, number, json!({ "name": "Ada", "owner": owner })).await;
    }
    merge(store, 4, json!({ "owner": "ada" })).await.expect("given away");
    delete(store, 2, persona_model::Precondition::Any).await.expect("deleted");
    super::purging::purge(store, 1).await.expect("purged");
    let told = async |numbers: &[u8]| {
        let ids: Vec<_> = numbers.iter().map(|number| id(*number)).collect();
        let mut found = store.owners_of(&ids).await.expect("readable");
        found.sort();
        found.into_iter().map(|(id, word)| (id.as_bytes()[15], word)).collect::<Vec<_>>()
    };
    let all = [(1, "ada"), (2, "bea"), (3, ""), (4, "ada")].map(|(id, word)| (id, word.to_owned()));
    assert_eq!(told(&[3, 1, 9, 2, 4]).await, all);
    assert_eq!(told(&[9]).await, []);
    assert_eq!(told(&[]).await, []);
}
