//! Autosaves: squashed on request, and nothing else is ever dropped from a history.

use persona_model::{FeedPlace, Patch, Precondition};
use serde_json::{Value, json};

use super::TestClock;
use super::labels::{all, label_move, to};
use super::moved_handles::{HOUR_MICROS, history};
use super::steps::{Subject, create, get, id, idempotent, json_of, named, revision, write};
use crate::{
    AtomicBatch, Error, Glance, LabelTarget, NotApplied, Operation, Outcome, Squash, Write, Written,
};

/// A patch of the first persona.
pub(super) fn patch(members: Value, base: Option<u64>) -> Operation {
    let patch = Patch::merge(members).expect("a merge patch");
    let (id, precondition) = (id(1), Precondition::Any);
    Operation::Patch { id, precondition, patch, base: base.map(revision) }
}

/// An autosave of the first persona by Ada, within 15 minutes.
pub(super) fn autosave(members: Value) -> Write {
    let mut write = write(patch(members, None));
    write.author = Some("Ada".into());
    write.squash = Squash::of_seconds(900);
    write
}

pub(super) async fn saved(store: &Subject, write: Write) -> Written {
    let written = store.write(write).await.expect("written");
    assert_eq!(written.outcome, Outcome::Updated);
    written
}

/// Revision 1, and then an autosave for each of these names.
pub(super) async fn autosaved(store: &Subject, names: &[&str]) {
    create(store, 1, named("Ada")).await;
    for name in names {
        saved(store, autosave(named(name))).await;
    }
}

fn is_dropped<T>(found: &Result<T, Error>, number: u64) -> bool {
    matches!(found, Err(Error::RevisionDropped { revision: of }) if of.number() == number)
}

/// The revisions in the list, the newest first; each of all revisions is there or was dropped.
pub(super) async fn kept(store: &Subject) -> Vec<u64> {
    let page = store.revisions(id(1), None, 1000).await.expect("readable").expect("it exists");
    let kept: Vec<u64> = page.items.iter().map(|entry| entry.revision.number()).collect();
    let last = get(store, 1).await.revision.number();
    for number in 1..=last {
        let record = store.revision(id(1), revision(number)).await;
        let glance = store.glance(id(1), Some(revision(number))).await;
        if kept.contains(&number) {
            let record = record.expect("readable").expect("it is in the list");
            assert_eq!(record.representation.revision, revision(number));
            let found = Glance::Whole(Some(record.representation));
            assert_eq!(glance.expect("readable"), found);
        } else {
            assert!(is_dropped(&record, number), "{number}: {record:?}");
            assert!(is_dropped(&glance, number), "{number}: {glance:?}");
        }
    }
    let beyond = store.revision(id(1), revision(last + 1)).await.expect("readable");
    assert_eq!(beyond, None, "it never was");
    kept
}

pub async fn an_autosave_drops_the_autosave_that_it_replaces(store: &Subject, _clock: &TestClock) {
    autosaved(store, &["B"]).await;
    assert_eq!(kept(store).await, [2, 1], "what is before the first autosave stays");
    saved(store, autosave(json!({ "nickname": "n", "handle": null }))).await;
    let last = saved(store, autosave(json!({ "tags": ["t"] }))).await.representation;
    assert_eq!((last.revision, kept(store).await), (revision(4), vec![4, 1]));
    assert_eq!(get(store, 1).await, last);
    let record = store.revision(id(1), revision(4)).await.expect("readable").expect("kept");
    assert_eq!(record.changed, ["name", "nickname", "tags"], "what all of them changed");
    assert_eq!((record.author.as_deref(), record.note), (Some("Ada"), None));
    // A deliberate save may drop an autosave, and is dropped by none.
    let mut noted = autosave(named("C"));
    noted.note = Some("for the release".into());
    saved(store, noted).await;
    assert_eq!(kept(store).await, [5, 1]);
    saved(store, autosave(named("D"))).await;
    assert_eq!(kept(store).await, [6, 5, 1]);
}

/// Makes the save with a number.
type Save<'a> = &'a dyn Fn(usize) -> Write;

pub async fn what_is_no_autosave_of_the_same_author_in_the_window_is_kept(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    let of = |change: fn(&mut Write)| {
        move |number: usize| {
            let mut write = autosave(named(&format!("{number}")));
            change(&mut write);
            write
        }
    };
    let plain = of(|_| ());
    let cases: [(&str, Save<'_>, Save<'_>); 7] = [
        ("no autosave replaces it", &plain, &of(|write| write.squash = None)),
        ("it is no autosave", &of(|write| write.squash = None), &plain),
        ("it has a note", &of(|write| write.note = Some("why".into())), &plain),
        ("of another author", &of(|write| write.author = Some("Eve".into())), &plain),
        ("of an unknown author", &of(|write| write.author = None), &plain),
        (
            "of two unknown authors",
            &of(|write| write.author = None),
            &of(|write| write.author = None),
        ),
        (
            "it moved a handle",
            &|number| {
                let handle = format!("h-{number}");
                Write { operation: patch(json!({ "handle": handle }), None), ..autosave(json!({})) }
            },
            &plain,
        ),
    ];
    let mut expected = vec![1];
    let mut number = 1;
    for (case, first, second) in cases {
        for write in [first, second] {
            number += 1;
            saved(store, write(number)).await;
        }
        let first = u64::try_from(number).expect("few") - 1;
        expected.extend([first, first + 1]);
        // Of the second autosave nothing is dropped by the next case.
        clock.advance_micros(HOUR_MICROS);
        assert_eq!(kept(store).await, expected.iter().rev().copied().collect::<Vec<_>>(), "{case}");
    }
    // A deletion drops nothing, and neither is it dropped.
    let operation = Operation::Delete { id: id(1), precondition: Precondition::Any };
    store.write(Write { operation, ..autosave(json!({})) }).await.expect("deleted");
    let operation = Operation::Undelete { id: id(1), precondition: Precondition::Any };
    store.write(Write { operation, ..autosave(json!({})) }).await.expect("undeleted");
    saved(store, plain(99)).await;
    expected.extend([16, 17, 18]);
    assert_eq!(kept(store).await, expected.iter().rev().copied().collect::<Vec<_>>());
    // A save that changes nothing makes no revision, and drops none.
    let written = store.write(plain(99)).await.expect("answered");
    assert_eq!((written.outcome, kept(store).await.len()), (Outcome::Unchanged, expected.len()));
}

pub async fn a_revision_that_a_label_ever_named_is_kept(store: &Subject, _clock: &TestClock) {
    autosaved(store, &["B"]).await;
    all(store, vec![label_move(1, "live", to(2))]).await.expect("moved");
    saved(store, autosave(named("C"))).await;
    all(store, vec![label_move(1, "live", to(3))]).await.expect("moved");
    all(store, vec![label_move(1, "live", LabelTarget::Nowhere)]).await.expect("removed");
    saved(store, autosave(named("D"))).await;
    saved(store, autosave(named("E"))).await;
    assert_eq!(kept(store).await, [5, 3, 2, 1]);
}

pub async fn of_a_long_session_a_revision_stays_for_each_window(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    // An autosave each ten minutes.
    for number in 2..=8 {
        clock.advance_micros(HOUR_MICROS / 6);
        let mut write = autosave(named(&format!("{number}")));
        write.squash = Squash::of_seconds(1_800);
        saved(store, write).await;
    }
    assert_eq!(kept(store).await, [8, 5, 1]);
}

pub async fn a_dropped_revision_is_no_base_and_no_target(store: &Subject, _clock: &TestClock) {
    autosaved(store, &["B", "C"]).await;
    let before = get(store, 1).await;
    let merged = store.write(write(patch(named("D"), Some(2)))).await;
    assert!(
        matches!(merged, Err(Error::UnknownBase { base }) if base == revision(2)),
        "{merged:?}"
    );
    let (id, precondition) = (id(1), Precondition::Any);
    let revert = Operation::Revert { id, precondition, revision: revision(2) };
    assert!(is_dropped(&store.write(write(revert)).await, 2));
    let moves = vec![label_move(1, "live", to(3)), label_move(1, "next", to(2))];
    let labelled = all(store, moves).await;
    let refused = matches!(
        labelled,
        Err(NotApplied { place: Some(1), error: Error::RevisionDropped { .. } })
    );
    assert!(refused, "{labelled:?}");
    assert_eq!((get(store, 1).await, kept(store).await), (before, vec![3, 1]));
    // The state before the autosaves is there, so what others made of it is merged.
    saved(store, write(patch(json!({ "nickname": "n" }), Some(1)))).await;
    let answer = json_of(&get(store, 1).await);
    assert_eq!((&answer["name"], &answer["nickname"]), (&json!("C"), &json!("n")));
}

pub async fn a_repeated_request_of_a_dropped_revision_is_not_applied_again(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    let first = idempotent(autosave(named("B")), "first", 1);
    saved(store, first.clone()).await;
    let second = idempotent(autosave(named("C")), "second", 2);
    let answer = saved(store, second.clone()).await.representation;
    assert!(is_dropped(&store.write(first.clone()).await, 2));
    let other = store.write(idempotent(first, "first", 3)).await;
    assert!(matches!(other, Err(Error::KeyReused)), "{other:?}");
    let replayed = store.write(second).await.expect("answered");
    assert_eq!((replayed.representation, replayed.replayed), (answer, true));
    assert_eq!(kept(store).await, [3, 1]);
}

pub async fn a_list_of_revisions_goes_on_where_revisions_were_dropped(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    // Three autosaves and a pause, four times.
    for number in 2..=13 {
        saved(store, autosave(named(&format!("{number}")))).await;
        if number % 3 == 1 {
            clock.advance_micros(HOUR_MICROS);
        }
    }
    assert_eq!(kept(store).await, [13, 10, 7, 4, 1]);
    for limit in 1..=6 {
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let page = store.revisions(id(1), before, limit).await.expect("readable");
            let page = page.expect("it exists");
            assert!(page.items.len() == limit || !page.has_more, "{limit}: {page:?}");
            seen.extend(page.items.iter().map(|entry| entry.revision.number()));
            before = page.items.last().map(|entry| entry.revision);
            if !page.has_more {
                break;
            }
        }
        assert_eq!(seen, [13, 10, 7, 4, 1], "{limit} a page");
    }
    // A place can be that of a revision that was dropped since.
    for (before, expected) in [(13, 10), (12, 10), (11, 10), (10, 7), (2, 1)] {
        let page = store.revisions(id(1), Some(revision(before)), 1).await.expect("readable");
        let page = page.expect("it exists");
        assert_eq!(page.items[0].revision.number(), expected, "before {before}");
        assert_eq!(page.has_more, expected > 1, "before {before}");
    }
}

pub async fn autosaves_in_a_batch_are_squashed(store: &Subject, _clock: &TestClock) {
    autosaved(store, &["B"]).await;
    create(store, 2, named("Eve")).await;
    let other = Operation::Replace {
        id: id(2),
        precondition: Precondition::Any,
        document: super::document(named("Bea")),
    };
    let batch = vec![autosave(named("C")), Write { operation: other, ..autosave(json!({})) }];
    let written = store.write_all(AtomicBatch::new(batch).expect("a batch")).await;
    assert_eq!(written.expect("applied")[0].representation.revision, revision(3));
    assert_eq!(kept(store).await, [3, 1]);
    // A batch of which nothing is applied drops nothing.
    let refused = Write { operation: patch(named("X"), Some(9)), ..write(patch(named("X"), None)) };
    let refused = Write { operation: refused.operation.about(id(2)), ..refused };
    let batch = AtomicBatch::new(vec![autosave(named("D")), refused]).expect("a batch");
    store.write_all(batch).await.expect_err("refused");
    assert_eq!(kept(store).await, [3, 1]);
}

pub async fn a_dropped_revision_is_told_in_the_feed_with_its_author(
    store: &Subject,
    _clock: &TestClock,
) {
    autosaved(store, &["B", "C"]).await;
    let events = store.events_after(FeedPlace::BEGINNING, 10).await.expect("readable");
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.change.revision.number(), event.author.as_deref()))
        .collect();
    assert_eq!(told, [(1, None), (2, Some("Ada")), (3, Some("Ada"))]);
    let lines = history(store).await;
    let revisions: Vec<_> =
        lines.iter().map(|line| (&line["revision"], &line["history"])).collect();
    let (first, last) =
        (json!({ "last": 3, "base": null }), json!({ "last": 3, "base": null, "previous": 1 }));
    assert_eq!(revisions, [(&json!(1), &first), (&json!(3), &last)]);
}
