//! Personas that are found by their handles, and by those that they gave up.

use std::collections::BTreeMap;

use persona_model::{
    Filter, HandleName, HandlePrefix, ListRequest, PersonaId, Precondition, Reach, Sort,
};
use serde_json::{Value, json};

use super::TestClock;
use super::labels::{all, label_move, points};
use super::moved_handles::Dice;
use super::steps::{Subject, create, create_write, delete, id, json_of, merge, undelete, write};
use crate::{
    Error, ExportRequest, Exported, GLANCE_BYTES_MAX, Glance, HandleLook, HandleTarget, LabelMove,
    LabelTarget, Namesake, Operation,
};

fn name(text: &str) -> HandleName {
    HandleName::parse(text).expect("a handle")
}

fn bound(owner: &str, with_shared: bool) -> Reach {
    Reach::Owner { owner: owner.parse().expect("a name"), with_shared }
}

async fn look(store: &Subject, handle: &str, reach: &Reach) -> HandleLook {
    let look = store.look_at_handle(&name(handle), reach).await.expect("readable");
    if let Some(at_once) = store.look_at_handle_at_once(&name(handle), reach) {
        assert_eq!(at_once.expect("readable"), look);
    }
    if let HandleTarget::Persona(found) = look.target {
        assert_eq!(look.glance, store.glance(found, None).await.expect("readable"));
    } else {
        assert_eq!(look.glance, Glance::Whole(None));
    }
    look
}

/// Where a handle leads a client that reaches everything.
async fn target(store: &Subject, handle: &str) -> HandleTarget {
    look(store, handle, &Reach::Everything).await.target
}

fn of(number: u8) -> HandleTarget {
    HandleTarget::Persona(id(number))
}

fn former(number: u8) -> HandleTarget {
    HandleTarget::Former(id(number))
}

fn called(handle: &str, owner: &str) -> Value {
    let owner = if owner.is_empty() { Value::Null } else { json!(owner) };
    json!({ "name": "P", "handle": handle, "owner": owner })
}

pub async fn a_persona_is_found_by_its_handle_after_every_change(
    store: &Subject,
    _clock: &TestClock,
) {
    assert_eq!(target(store, "support/tier-1").await, HandleTarget::Nothing);
    create(store, 1, called("support/tier-1", "")).await;
    for description in ["a", "b"] {
        assert_eq!(target(store, "support/tier-1").await, of(1));
        merge(store, 1, json!({ "description": description })).await.expect("changed");
        let Glance::Whole(Some(found)) =
            look(store, "support/tier-1", &Reach::Everything).await.glance
        else {
            panic!("it is small")
        };
        assert_eq!(json_of(&found)["description"], description);
    }
    assert_eq!(target(store, "support").await, HandleTarget::Nothing);
    assert_eq!(target(store, "support/tier-10").await, HandleTarget::Nothing);
    let large = json!({ "description": "x".repeat(GLANCE_BYTES_MAX) });
    merge(store, 1, large).await.expect("changed");
    assert_eq!(look(store, "support/tier-1", &Reach::Everything).await.glance, Glance::Large);
}

pub async fn a_handle_that_was_given_up_leads_to_its_persona_until_another_takes_it(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, called("a", "")).await;
    merge(store, 1, json!({ "handle": "b" })).await.expect("renamed");
    assert_eq!([target(store, "a").await, target(store, "b").await], [former(1), of(1)]);
    merge(store, 1, json!({ "handle": null })).await.expect("renamed");
    assert_eq!([target(store, "a").await, target(store, "b").await], [former(1), former(1)]);
    create(store, 2, called("a", "")).await;
    assert_eq!([target(store, "a").await, target(store, "b").await], [of(2), former(1)]);
    // What another one took and gave up leads there.
    merge(store, 2, json!({ "handle": "c" })).await.expect("renamed");
    assert_eq!(target(store, "a").await, former(2));
    merge(store, 1, json!({ "handle": "a" })).await.expect("taken");
    merge(store, 1, json!({ "handle": "b" })).await.expect("taken");
    let found = [target(store, "a").await, target(store, "b").await, target(store, "c").await];
    assert_eq!(found, [former(1), of(1), of(2)]);
    let refused = merge(store, 2, json!({ "handle": "b" })).await;
    assert!(matches!(refused, Err(Error::HandleTaken { .. })), "{refused:?}");
    assert_eq!(target(store, "b").await, of(1));
}

pub async fn a_deleted_persona_is_found_by_the_handle_that_it_had(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, called("a", "")).await;
    merge(store, 1, json!({ "handle": "b" })).await.expect("renamed");
    delete(store, 1, Precondition::Any).await.expect("deleted");
    assert_eq!([target(store, "a").await, target(store, "b").await], [former(1), of(1)]);
    undelete(store, 1).await.expect("undeleted");
    assert_eq!(target(store, "b").await, of(1));
    delete(store, 1, Precondition::Any).await.expect("deleted");
    create(store, 2, called("b", "")).await;
    assert_eq!(target(store, "b").await, of(2));
    delete(store, 2, Precondition::Any).await.expect("deleted");
    assert_eq!(target(store, "b").await, of(2), "the last that had it");
}

pub async fn a_handle_leads_to_no_persona_that_is_not_reached(store: &Subject, _clock: &TestClock) {
    let reaches = [bound("ada", false), bound("ada", true), bound("bea", false), Reach::Everything];
    let found = async |handle: &str| {
        let mut found = Vec::new();
        for reach in &reaches {
            found.push(look(store, handle, reach).await.target);
        }
        found
    };
    let nothing = HandleTarget::Nothing;
    create(store, 1, called("a", "ada")).await;
    assert_eq!(found("a").await, [of(1), of(1), nothing.clone(), of(1)]);
    create(store, 2, called("a", "bea")).await;
    let namesake = |number, owner: &str| Namesake { persona: id(number), owner: owner.into() };
    let several = HandleTarget::Several(vec![namesake(1, "ada"), namesake(2, "bea")]);
    assert_eq!(found("a").await, [of(1), of(1), of(2), several]);
    create(store, 3, called("a", "")).await;
    assert_eq!(found("a").await, [of(1), of(1), of(2), of(3)]);
    // One that goes to another owner is gone for the first, and its former handle with it.
    merge(store, 1, json!({ "owner": "bea", "handle": "b" })).await.expect("given away");
    assert_eq!(found("a").await, [nothing.clone(), of(3), of(2), of(3)]);
    assert_eq!(found("b").await, [nothing.clone(), nothing.clone(), of(1), of(1)]);
    merge(store, 1, json!({ "owner": "ada" })).await.expect("given back");
    assert_eq!(found("a").await[..2], [former(1), of(3)]);
    assert_eq!(found("b").await, [of(1), of(1), nothing.clone(), of(1)]);
    merge(store, 3, json!({ "handle": null })).await.expect("renamed");
    assert_eq!(found("a").await, [former(1), former(1), of(2), of(2)]);
}

pub async fn a_write_by_a_handle_is_refused_where_the_persona_gave_it_up(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, called("a", "")).await;
    let by_name = |handle: &str, operation| {
        let mut write = write(operation);
        write.named = Some(name(handle));
        store.write(write)
    };
    let any = Precondition::Any;
    let delete = || Operation::Delete { id: id(1), precondition: any.clone() };
    let undelete = || Operation::Undelete { id: id(1), precondition: any.clone() };
    by_name("a", delete()).await.expect("deleted");
    by_name("a", undelete()).await.expect("undeleted");
    merge(store, 1, json!({ "handle": "b" })).await.expect("renamed");
    let refused = by_name("a", delete()).await;
    assert!(matches!(refused, Err(Error::HandleMoved { .. })), "{refused:?}");
    by_name("b", delete()).await.expect("deleted");
}

/// A release names the personas of its moves, too.
pub async fn a_move_by_a_handle_is_refused_where_the_persona_gave_it_up(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, called("a", "")).await;
    create(store, 2, called("other", "")).await;
    let by_name = |handle: &str, target| LabelMove {
        named: Some(name(handle)),
        ..label_move(1, "production", target)
    };
    let moved = all(store, vec![by_name("a", LabelTarget::Latest)]).await.expect("moved");
    assert!(moved[0].is_moved);
    merge(store, 1, json!({ "handle": "b" })).await.expect("renamed");
    let before = points(store, 1).await;
    for target in [LabelTarget::Latest, LabelTarget::Nowhere] {
        let other = label_move(2, "production", LabelTarget::Latest);
        let refused = all(store, vec![other, by_name("a", target)]).await.expect_err("refused");
        assert!(matches!(refused.error, Error::HandleMoved { .. }), "{refused:?}");
        assert_eq!(refused.place, Some(1));
        assert_eq!((points(store, 1).await, points(store, 2).await), (before.clone(), vec![]));
    }
    let moved = all(store, vec![by_name("b", LabelTarget::Latest)]).await.expect("moved");
    assert_eq!(moved[0].label.as_ref().map(|label| label.revision.number()), Some(2));
}

pub async fn a_random_history_of_handles_leads_where_its_last_change_says(
    store: &Subject,
    _clock: &TestClock,
) {
    const PERSONAS: u8 = 5;
    const HANDLES: u8 = 4;
    let (mut dice, mut last) = (Dice(7), BTreeMap::new());
    // What each persona is called, and whether it is alive.
    let mut personas: BTreeMap<u8, (Option<u8>, bool)> = BTreeMap::new();
    for _ in 0..300 {
        let persona = dice.below(PERSONAS) + 1;
        let handle = Some(dice.below(HANDLES)).filter(|handle| *handle > 0);
        let text = handle.map_or(Value::Null, |handle| json!(format!("h-{handle}")));
        let before = personas.get(&persona).copied();
        let (done, after) = match (before, dice.below(4)) {
            (None, _) => (
                create_write(store, persona, json!({ "name": "P", "handle": text })).await,
                (handle, true),
            ),
            (Some((handle, _)), 0) => {
                (super::steps::delete(store, persona, Precondition::Any).await, (handle, false))
            }
            (Some((handle, _)), 1) => (undelete(store, persona).await, (handle, true)),
            (Some(_), _) => {
                (merge(store, persona, json!({ "handle": text })).await, (handle, true))
            }
        };
        if done.is_err() {
            continue;
        }
        let had = before.and_then(|(handle, lives)| handle.filter(|_| lives));
        let has = after.0.filter(|_| after.1);
        personas.insert(persona, after);
        last.extend(had.into_iter().chain(has).map(|handle| (handle, persona)));
        for (handle, persona) in &last {
            let (now, _) = personas[persona];
            let leads = if now == Some(*handle) { of(*persona) } else { former(*persona) };
            assert_eq!(target(store, &format!("h-{handle}")).await, leads);
        }
    }
    assert_eq!(last.len(), usize::from(HANDLES - 1), "the dice are broken");
}

pub async fn lists_and_exports_hold_the_handles_that_begin_as_asked(
    store: &Subject,
    _clock: &TestClock,
) {
    for (number, handle, owner) in [
        (1, "support", ""),
        (2, "support/tier-1", ""),
        (3, "support/tier-2", "ada"),
        (4, "support-old", ""),
        (5, "supporu", ""),
        (6, "suppor", ""),
        (7, "support/tier-1/night", "bea"),
    ] {
        create(store, number, called(handle, owner)).await;
    }
    create(store, 8, json!({ "name": "P" })).await;
    delete(store, 2, Precondition::Any).await.expect("deleted");
    let all =
        |prefix: &str| Filter { handle_prefix: HandlePrefix::parse(prefix), ..Filter::default() };
    let bound = |prefix, with_shared| Filter { reach: bound("ada", with_shared), ..all(prefix) };
    let deleted_too = |filter| Filter { include_deleted: true, ..filter };
    for (filter, expected) in [
        (all("support"), &[1, 3, 4, 7][..]),
        (all("support/"), &[3, 7]),
        (deleted_too(all("support/")), &[2, 3, 7]),
        (all("support/tier-1/"), &[7]),
        (all("t"), &[]),
        (bound("support", false), &[3]),
        (bound("support", true), &[1, 3, 4]),
        (deleted_too(bound("support/", true)), &[2, 3]),
    ] {
        let handed_out = |filter: &Filter, exported| ExportRequest {
            exported,
            owned: None,
            handle_prefix: filter.handle_prefix.clone(),
            reach: filter.reach.clone(),
        };
        let exported = if filter.include_deleted { Exported::All } else { Exported::Living };
        for sort in ["created_at", "-name"] {
            let request = ListRequest {
                filter: filter.clone(),
                sort: sort.parse().unwrap_or(Sort::DEFAULT),
                after: None,
                limit: 50,
                count: true,
            };
            let page = store.list(request).await.expect("listed");
            let mut found: Vec<PersonaId> = page.items.iter().map(|item| item.id).collect();
            found.sort_unstable();
            let expected: Vec<PersonaId> = expected.iter().copied().map(id).collect();
            assert_eq!(found, expected, "{filter:?} {sort}");
            assert_eq!(page.total, Some(found.len() as u64));
            assert_eq!(export(store, handed_out(&filter, exported)).await, expected, "{filter:?}");
            if filter.include_deleted {
                let history = export(store, handed_out(&filter, Exported::History)).await;
                assert_eq!(history, expected, "{filter:?}");
            }
        }
    }
}

/// The personas of an export, each once, in the order of their identities.
async fn export(store: &Subject, request: ExportRequest) -> Vec<PersonaId> {
    let mut export = store.export_some(request).await.expect("started");
    let mut found = Vec::new();
    while let Some(line) = export.recv().await {
        found.push(line.expect("no error").id);
    }
    found.sort_unstable();
    found.dedup();
    found
}
