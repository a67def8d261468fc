//! Histories of which revisions were dropped: against a model of the rules, imported into another
//! store, and beside moves of labels.

use persona_model::Revision;
use serde_json::{Value, json};

use super::TestClock;
use super::labels::{all, label_move};
use super::moved_handles::{Dice, HOUR_MICROS, history, import, oracle};
use super::squashing::{autosave, autosaved, kept, patch, saved};
use super::steps::{Subject, create, id, idempotent, merge, named, write};
use crate::{Error, LabelTarget, Operation, Squash, Write};

/// What the rules are about, of a revision of the random history.
#[derive(Default)]
struct Told {
    author: Option<String>,
    key: Option<String>,
    since: Option<i64>,
    is_kept: bool,
    was_labelled: bool,
    moved_handle: bool,
}

/// A save that is mostly an autosave, mostly of Ada or by turns of no author, mostly names the key
/// of the save before, and now and then moves a handle.
fn random_save(dice: &mut Dice, number: u64) -> Write {
    let members = if dice.below(10) == 0 {
        json!({ "handle": format!("h-{number}") })
    } else {
        named(&format!("{number}"))
    };
    let mut save = write(patch(members, None));
    let usual = Some("Ada").filter(|_| number % 50 < 25);
    let authors = [usual, usual, usual, usual, usual, Some("Eve"), None];
    save.author = authors[usize::from(dice.below(7))].map(Into::into);
    save.note = (dice.below(8) == 0).then(|| "why".into());
    save.squash = Squash::of_seconds([0, 60, 120, 86_400][usize::from(dice.below(4))]);
    if let Some(squash) = &mut save.squash {
        squash.key =
            (dice.below(4) > 0).then(|| format!("{}", number - u64::from(dice.below(10) == 0) - 1));
    }
    if dice.below(8) > 0 { idempotent(save, &number.to_string(), 1) } else { save }
}

/// What the rules say of a save at this time, and of the revision that it replaces.
fn judge(before: &mut Told, save: &Write, changed: &[String], now: i64) -> Told {
    let length = |squash: &Squash| squash.window.length().as_micros();
    let window = save.squash.as_ref().map(|squash| i64::try_from(length(squash)).expect("a day"));
    let named = save.squash.as_ref().and_then(|squash| squash.key.clone());
    let is_of_writer = match (&save.author, &before.author) {
        (None, None) => named.is_some() && named == before.key,
        (author, other) => author == other,
    };
    let is_near = |since: i64| window.is_some_and(|window| now - since <= window);
    let drops = before.since.is_some_and(is_near)
        && is_of_writer
        && !before.was_labelled
        && !before.moved_handle;
    before.is_kept = !drops;
    let since = if drops { before.since } else { Some(now) };
    Told {
        author: save.author.clone(),
        key: save.idempotency.as_ref().map(|wanted| wanted.key.clone()),
        since: since.filter(|_| window.is_some() && save.note.is_none()),
        is_kept: true,
        was_labelled: false,
        moved_handle: changed.iter().any(|field| field == "handle"),
    }
}

pub async fn a_random_history_keeps_what_the_rules_say_and_can_be_imported(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    let mut dice = Dice(7);
    let mut told = vec![Told { is_kept: true, ..Told::default() }];
    for number in 2..=250 {
        clock.advance_micros(i64::from(dice.below(60)) * 1_000_000);
        let save = random_save(&mut dice, number);
        let made = saved(store, save.clone()).await.representation.revision;
        let record = store.revision(id(1), made).await.expect("readable").expect("it is current");
        let before = told.last_mut().expect("a revision");
        let next = judge(before, &save, &record.changed, record.at.as_micros());
        told.push(next);
        if dice.below(8) == 0 {
            all(store, vec![label_move(1, "live", LabelTarget::Latest)]).await.expect("moved");
            told.last_mut().expect("a revision").was_labelled = true;
        }
    }
    let mut expected: Vec<u64> =
        (1..).zip(&told).filter(|(_, told)| told.is_kept).map(|(number, _)| number).collect();
    expected.reverse();
    assert!((40..210).contains(&expected.len()), "the dice are broken: {}", expected.len());
    assert_eq!(kept(store).await, expected);
    let lines = history(store).await;
    assert_eq!(lines.len(), expected.len());
    let (other, there) = oracle();
    there.advance_micros(24 * HOUR_MICROS);
    import(&other, &lines).await;
    assert_eq!(without_labels(history(&other).await), without_labels(lines));
    assert_eq!(kept(&other).await, expected);
}

/// Labels are set by requests of their own.
fn without_labels(mut lines: Vec<Value>) -> Vec<Value> {
    for line in &mut lines {
        line["history"].as_object_mut().expect("an object").remove("labels");
    }
    lines
}

pub async fn a_history_with_gaps_is_imported_and_goes_on(store: &Subject, clock: &TestClock) {
    let (other, there) = oracle();
    autosaved(&other, &["B", "C", "D"]).await;
    there.advance_micros(HOUR_MICROS);
    saved(&other, autosave(named("E"))).await;
    let lines = history(&other).await;
    clock.advance_micros(3 * HOUR_MICROS);
    import(store, &lines).await;
    assert_eq!((history(store).await, kept(store).await), (lines.clone(), vec![5, 4, 1]));
    // The line that has come already changes nothing; one that says less than there is, is refused.
    import(store, &lines[2..]).await;
    merge(store, 1, named("F")).await.expect("patched");
    assert_eq!(kept(store).await, [6, 5, 4, 1]);
    clock.advance_micros(2 * HOUR_MICROS);
    for (previous, code) in [(json!(5), "stale"), (json!(9), "bad"), (json!(6), "fits")] {
        let mut line = lines[2].clone();
        (line["revision"], line["history"]["previous"]) = (json!(8), previous);
        line["updated_at"] = json!("2026-11-24T16:00:00.000000Z");
        let (id, past) = super::moved_handles::past_of(&line);
        let done = store.write(write(Operation::Import { id, past: Box::new(past) })).await;
        let told = match &done {
            Ok(_) => "fits",
            Err(Error::Stale { .. }) => "stale",
            Err(Error::Invalid(_)) => "bad",
            Err(error) => panic!("{error}"),
        };
        assert_eq!(told, code, "{done:?}");
    }
    assert_eq!(kept(store).await, [8, 6, 5, 4, 1]);
    assert_eq!(history(store).await.len(), 5);
}

pub async fn labels_that_are_moved_beside_autosaves_name_revisions_that_stay(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..60 {
                let saved = store.write(autosave(named(&format!("{number}")))).await;
                saved.expect("written");
            }
        })
    };
    let mut labelled = Vec::new();
    while !writer.is_finished() {
        let moved = all(store, vec![label_move(1, "live", LabelTarget::Latest)]).await;
        let label = moved.expect("moved")[0].label.clone().expect("it is set");
        labelled.push(label.revision);
    }
    writer.await.expect("done");
    let kept = kept(store).await;
    let is_kept = |revision: &Revision| kept.contains(&revision.number());
    assert!(labelled.iter().all(is_kept), "{labelled:?} of {kept:?}");
}
