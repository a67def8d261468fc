//! Labels: moved as asked, together or not at all, and each move is kept and announced.

use persona_model::{
    ChangeKind, FeedPlace, LabelName, LabelPrecondition, LabelTag, Precondition, Revision,
};
use serde_json::{Value, json};

use super::TestClock;
use super::polling::Poller;
use super::steps::{Subject, create, delete, get, id, merge, named, revision, soon, undelete};
use crate::{
    Error, Exported, Glance, LABELS_MAX, Label, LabelError, LabelMove, LabelMoves, LabelTarget,
    Labelled, LabelsOf, MovedLabel, NotApplied,
};

pub(super) fn name(text: &str) -> LabelName {
    LabelName::parse(text).expect("a label")
}

/// A move of a label of a small identity, whatever it is.
pub fn label_move(number: u8, label: &str, target: LabelTarget) -> LabelMove {
    LabelMove::new(id(number), name(label), target)
}

pub(super) fn to(number: u64) -> LabelTarget {
    LabelTarget::Revision(revision(number))
}

/// Makes moves as one, with an author.
pub(super) async fn all(
    store: &Subject,
    moves: Vec<LabelMove>,
) -> Result<Vec<MovedLabel>, NotApplied> {
    let moves = LabelMoves::new(moves, soon()).expect("moves that fit together");
    store.move_labels(moves.by(Some("ada".into()))).await
}

pub(super) async fn one(store: &Subject, one: LabelMove) -> Result<MovedLabel, LabelError> {
    match all(store, vec![one]).await {
        Ok(moved) => Ok(moved[0].clone()),
        Err(NotApplied { place: Some(0), error: Error::Label(error) }) => Err(*error),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn set(store: &Subject, number: u8, label: &str, target: LabelTarget) -> Label {
    let moved = one(store, label_move(number, label, target)).await.expect("moved");
    moved.label.expect("it is set")
}

/// Where the labels of a persona point.
pub(super) async fn points(store: &Subject, number: u8) -> Vec<(String, u64)> {
    let labels = store.labels(id(number)).await.expect("readable").expect("it exists").labels;
    labels.iter().map(|label| (label.name.to_string(), label.revision.number())).collect()
}

/// A persona at this revision.
pub(super) async fn at_revision(store: &Subject, number: u8, last: u64) {
    create(store, number, named("Ada")).await;
    for revision in 2..=last {
        merge(store, number, json!({ "nickname": revision.to_string() })).await.expect("patched");
    }
}

pub async fn a_label_points_where_it_was_moved_and_the_persona_stays_as_it_was(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 3).await;
    assert_eq!(points(store, 1).await, []);
    let before = get(store, 1).await;
    let first = set(store, 1, "production", to(2)).await;
    let second = set(store, 1, "production", to(1)).await;
    let staging = set(store, 1, "staging", LabelTarget::Latest).await;
    assert_eq!((first.revision, first.tag.version), (revision(2), 1));
    assert_eq!((second.revision, second.tag.version), (revision(1), 2));
    assert_eq!((staging.revision, staging.author.as_deref()), (revision(3), Some("ada")));
    assert_ne!(first.tag, second.tag);
    let kept = store.labels(id(1)).await.expect("readable").expect("it exists");
    assert_eq!((kept.latest, kept.deleted), (revision(3), false));
    assert_eq!(kept.labels, [second.clone(), staging]);
    assert_eq!(kept.get(&name("production")), Some(&second));
    assert_eq!(kept.get(&name("other")), None);
    assert_eq!(get(store, 1).await, before, "its text and tag are those of the persona alone");
    merge(store, 1, named("Bea")).await.expect("patched");
    let after = store.labels(id(1)).await.expect("readable").expect("it exists");
    assert_eq!((after.latest, after.labels), (revision(4), kept.labels), "only latest moves");
    assert_eq!(store.labels(id(2)).await.expect("readable"), None);
}

pub async fn a_label_that_points_there_already_is_left_as_it_is(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 2).await;
    let first = set(store, 1, "production", to(2)).await;
    let lines = store.changes_after(0, 100).await.expect("readable").len();
    for target in [to(2), LabelTarget::Latest, LabelTarget::Label(name("production"))] {
        let again = one(store, label_move(1, "production", target)).await.expect("as asked");
        let label = Some(first.clone());
        assert_eq!(
            again,
            MovedLabel { before: Some(revision(2)), label, is_moved: false, replayed: false }
        );
    }
    assert_eq!(store.changes_after(0, 100).await.expect("readable").len(), lines);
}

pub async fn a_move_of_a_label_in_another_state_is_refused_and_tells_the_state(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 3).await;
    let expecting = |precondition| LabelMove { precondition, ..label_move(1, "production", to(3)) };
    for precondition in [LabelPrecondition::IsSet, LabelPrecondition::OneOf(vec![])] {
        let refused = one(store, expecting(precondition)).await;
        assert_eq!(refused, Err(LabelError::Stale { current: None }));
    }
    let new = LabelMove {
        precondition: LabelPrecondition::IsNotSet,
        ..label_move(1, "production", to(1))
    };
    let first = one(store, new.clone()).await.expect("set").label.expect("set");
    let stale = LabelError::Stale { current: Some(first.clone()) };
    assert_eq!(one(store, new).await, Err(stale.clone()));
    let other = LabelTag { checksum: !first.tag.checksum, ..first.tag };
    let refused = one(store, expecting(LabelPrecondition::OneOf(vec![other]))).await;
    assert_eq!(refused, Err(stale));
    let tags = LabelPrecondition::OneOf(vec![other, first.tag]);
    let second = one(store, expecting(tags)).await.expect("moved");
    assert_eq!(
        (second.before, second.label.as_ref().map(|label| label.tag.version)),
        (Some(revision(1)), Some(2))
    );
    let refused = one(store, expecting(LabelPrecondition::OneOf(vec![first.tag]))).await;
    assert_eq!(refused, Err(LabelError::Stale { current: second.label }));
    assert_eq!(points(store, 1).await, [("production".into(), 3)]);
}

pub async fn a_removed_label_is_gone_and_its_moves_go_on_where_it_is_set_again(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 2).await;
    let not_set = LabelError::NotSet { name: name("production") };
    let removal = || label_move(1, "production", LabelTarget::Nowhere);
    assert_eq!(one(store, removal()).await, Err(not_set.clone()));
    let first = set(store, 1, "production", to(1)).await;
    let removed = one(store, removal()).await.expect("removed");
    assert_eq!(
        removed,
        MovedLabel { before: Some(revision(1)), label: None, is_moved: true, replayed: false }
    );
    assert_eq!(points(store, 1).await, []);
    assert_eq!(one(store, removal()).await, Err(not_set.clone()));
    let followed = label_move(1, "staging", LabelTarget::Label(name("production")));
    assert_eq!(one(store, followed).await, Err(not_set));
    let third = set(store, 1, "production", to(1)).await;
    assert_eq!(third.tag.version, 3, "no state of a label has the tag of an earlier one");
    assert_ne!(third.tag.checksum, first.tag.checksum);
}

pub async fn the_moves_of_a_label_are_kept_page_by_page(store: &Subject, clock: &TestClock) {
    at_revision(store, 1, 3).await;
    let label = name("production");
    assert_eq!(store.label_moves(id(1), &label, None, 10).await.expect("readable"), None);
    assert_eq!(store.label_moves(id(2), &label, None, 10).await.expect("readable"), None);
    for target in [to(1), to(2), LabelTarget::Nowhere, to(3)] {
        clock.advance_micros(7);
        one(store, label_move(1, "production", target)).await.expect("moved");
    }
    set(store, 1, "other", to(1)).await;
    let page = store.label_moves(id(1), &label, None, 3).await.expect("readable").expect("known");
    let brief = |page: &crate::LabelMovePage| -> Vec<_> {
        page.items.iter().map(|one| (one.version, one.revision.map(Revision::number))).collect()
    };
    assert_eq!((brief(&page), page.has_more), (vec![(4, Some(3)), (3, None), (2, Some(2))], true));
    assert!(page.items.iter().all(|one| one.author.as_deref() == Some("ada")));
    assert!(page.items.windows(2).all(|pair| pair[0].at > pair[1].at));
    let last = store.label_moves(id(1), &label, Some(2), 3).await.expect("readable");
    let last = last.expect("known");
    assert_eq!((brief(&last), last.has_more), (vec![(1, Some(1))], false));
    let none = store.label_moves(id(1), &label, Some(1), 3).await.expect("readable");
    assert_eq!(none.map(|page| page.items), Some(vec![]));
    let all = store.label_moves(id(1), &label, Some(u64::MAX), 9).await.expect("readable");
    assert_eq!(all.map(|page| page.items.len()), Some(4));
}

pub async fn the_labels_of_several_personas_are_read_together(store: &Subject, _clock: &TestClock) {
    for number in 1..=3 {
        at_revision(store, number, 2).await;
    }
    let staging = set(store, 1, "staging", to(2)).await;
    let production = set(store, 1, "production", to(1)).await;
    set(store, 2, "production", to(1)).await;
    one(store, label_move(2, "production", LabelTarget::Nowhere)).await.expect("removed");
    let last = set(store, 3, "production", to(2)).await;
    delete(store, 3, Precondition::Any).await.expect("deleted");
    let read = async |ids: &[u8]| {
        let ids: Vec<_> = ids.iter().map(|number| id(*number)).collect();
        store.labels_of(&ids).await.expect("readable")
    };
    let of = |number: u8, labels: &[&Label]| LabelsOf {
        persona: id(number),
        owner: String::new(),
        labels: labels.iter().map(|label| (*label).clone()).collect(),
    };
    let (first, third) = (of(1, &[&production, &staging]), of(3, &[&last]));
    assert_eq!(read(&[3, 2, 9, 1]).await, [third, first.clone()]);
    assert_eq!(read(&[1]).await, [first]);
    assert_eq!(read(&[]).await, []);
}

pub async fn numbers_that_no_revision_has_are_refused(store: &Subject, _clock: &TestClock) {
    at_revision(store, 1, 2).await;
    for number in [3, 1 << 31, (1 << 63) - 1, 1 << 63, u64::MAX] {
        let refused = one(store, label_move(1, "production", to(number))).await;
        let (revision, latest) = (revision(number), revision(2));
        assert_eq!(refused, Err(LabelError::UnknownRevision { revision, latest }));
    }
    let moves = LabelMoves::one(label_move(9, "production", to(1)), soon());
    let refused = store.move_labels(moves).await;
    assert!(matches!(refused, Err(NotApplied { place: Some(0), error: Error::NotFound })));
    assert_eq!(points(store, 1).await, []);
}

pub async fn a_persona_has_as_many_labels_as_may_be_and_no_more(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 2).await;
    let label = |number: usize| format!("l{number}");
    let moves = (0..LABELS_MAX).map(|number| label_move(1, &label(number), to(1))).collect();
    all(store, moves).await.expect("as many as may be");
    let further = || label_move(1, "further", to(1));
    assert_eq!(one(store, further()).await, Err(LabelError::TooMany));
    set(store, 1, &label(0), to(2)).await;
    one(store, label_move(1, &label(0), LabelTarget::Nowhere)).await.expect("removed");
    one(store, further()).await.expect("there is room");
    assert_eq!(points(store, 1).await.len(), LABELS_MAX);
}

pub async fn labels_of_a_deleted_persona_are_kept_and_stay_where_they_are(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 2).await;
    let label = set(store, 1, "production", to(1)).await;
    delete(store, 1, Precondition::Any).await.expect("deleted");
    let kept = store.labels(id(1)).await.expect("readable").expect("it exists");
    assert_eq!((kept.latest, kept.deleted, &kept.labels), (revision(3), true, &vec![label]));
    for target in [to(2), LabelTarget::Nowhere, to(1)] {
        let refused = one(store, label_move(1, "production", target)).await;
        assert_eq!(refused, Err(LabelError::Deleted));
    }
    undelete(store, 1).await.expect("undeleted");
    let after = store.labels(id(1)).await.expect("readable").expect("it exists");
    assert_eq!((after.deleted, after.labels), (false, kept.labels));
}

pub async fn every_move_is_in_the_feed_and_followers_of_personas_hear_nothing(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 2).await;
    let mut poller = Poller::default();
    poller.poll_to_the_end(store).await;
    assert_eq!(poller.seen.len(), 1);
    poller.seen.clear();
    set(store, 1, "production", to(1)).await;
    one(store, label_move(1, "production", to(2))).await.expect("moved");
    one(store, label_move(1, "production", LabelTarget::Nowhere)).await.expect("removed");
    let feed = store.changes_after(0, 100).await.expect("readable");
    let seen: Vec<_> = feed
        .iter()
        .map(|line| (line.revision.number(), line.kind, line.label.as_ref().map(LabelName::as_str)))
        .collect();
    let expected = [
        (1, ChangeKind::Created, None),
        (2, ChangeKind::Updated, None),
        (1, ChangeKind::Labelled, Some("production")),
        (2, ChangeKind::Labelled, Some("production")),
        (2, ChangeKind::Unlabelled, Some("production")),
    ];
    assert_eq!(seen, expected);
    let events = store.events_after(FeedPlace::BEGINNING, 100).await.expect("readable");
    let told: Vec<_> = events.iter().map(|event| event.change.clone()).collect();
    assert_eq!(told, feed);
    let authors: Vec<_> = events.iter().map(|event| event.author.as_deref()).collect();
    let of_moves = Some("ada");
    assert_eq!(authors, [None, None, of_moves, of_moves, of_moves]);
    assert!(
        feed.windows(2).all(|pair| pair[0].sequence < pair[1].sequence && pair[0].at < pair[1].at),
        "{feed:?}"
    );
    poller.poll_to_the_end(store).await;
    assert!(poller.seen.is_empty(), "no persona has another content: {:?}", poller.seen);
    merge(store, 1, named("Bea")).await.expect("patched");
    poller.poll_to_the_end(store).await;
    assert_eq!(poller.seen.values().collect::<Vec<_>>(), [&revision(3)]);
}

pub async fn an_exported_history_has_every_revision_once_whatever_labels_point_to_it(
    store: &Subject,
    _clock: &TestClock,
) {
    at_revision(store, 1, 2).await;
    for label in ["production", "staging"] {
        set(store, 1, label, to(1)).await;
        set(store, 1, label, to(2)).await;
    }
    let at = store.labels(id(1)).await.expect("readable").expect("it exists").labels;
    let at = at.iter().map(|label| label.at.to_string()).collect::<Vec<_>>();
    // The labels stand in the last line before a deletion, where they can be set again.
    let told = |labels: [Value; 3]| -> Vec<(u64, Value)> { (1..).zip(labels).collect() };
    let label = |place: usize| json!({ "revision": 2, "at": at[place], "by": "ada" });
    let labels = json!({ "production": label(0), "staging": label(1) });
    assert_eq!(history(store).await, told([Value::Null, labels.clone(), Value::Null])[..2]);
    delete(store, 1, Precondition::Any).await.expect("deleted");
    assert_eq!(history(store).await, told([Value::Null, labels, Value::Null]));
}

/// The revisions of an exported history, each with the labels that its line has.
async fn history(store: &Subject) -> Vec<(u64, Value)> {
    let mut export = store.export(Exported::History).await.expect("started");
    let mut lines = Vec::new();
    while let Some(line) = export.recv().await {
        let line = line.expect("no error");
        let body: Value = serde_json::from_slice(&line.body).expect("JSON");
        lines.push((line.revision.number(), body["history"]["labels"].clone()));
    }
    lines
}

pub async fn a_persona_is_read_by_a_label_at_one_moment(store: &Subject, _clock: &TestClock) {
    at_revision(store, 1, 3).await;
    let label = set(store, 1, "production", to(2)).await;
    let read = async |number: u8, word: &str| {
        let found = store.labelled(id(number), &name(word)).await.expect("readable");
        if let Some(at_once) = store.labelled_at_once(id(number), &name(word)) {
            assert_eq!(at_once.expect("readable"), found, "{number} {word}");
        }
        found.map(|found| (*found).clone())
    };
    let second = store.revision(id(1), revision(2)).await.expect("readable").expect("it exists");
    let found = read(1, "production").await.expect("it exists");
    let whole = Labelled {
        owner: String::new(),
        deleted: false,
        label: Some(label),
        found: Glance::Whole(Some(second.representation)),
    };
    assert_eq!(found, whole);
    assert!(found.whole().is_some());
    let unset = read(1, "staging").await.expect("the persona exists");
    assert_eq!((unset.label, unset.found), (None, Glance::Whole(None)));
    assert_eq!(read(9, "production").await, None);
    delete(store, 1, Precondition::Any).await.expect("deleted");
    let kept = read(1, "production").await.expect("it exists");
    assert!(kept.whole().is_none());
    assert_eq!(kept, Labelled { deleted: true, ..whole });
    undelete(store, 1).await.expect("undeleted");
    // A large document is left to a read that takes its turn.
    let text = "x".repeat(200 * 1024);
    merge(store, 1, json!({ "description": text })).await.expect("patched");
    set(store, 1, "production", LabelTarget::Latest).await;
    let large = read(1, "production").await.expect("it exists");
    assert_eq!(large.found, Glance::Large);
}
